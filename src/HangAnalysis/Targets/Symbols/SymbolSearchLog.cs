using System.Globalization;
using System.Text;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// What was tried for one file and why each candidate was refused, one line each, ready to be shown to the user.
/// Texts from dumps and servers are made printable, and no line is longer than <see cref="Columns"/>.
/// </summary>
public sealed class SymbolSearchLog
{
    /// <summary>Longest line.</summary>
    public const int Columns = 120;

    private const int MaximumLines = 500;
    private const int MaximumReason = 84;

    private readonly List<string> _lines = [];

    /// <summary>Begins the log of the search for a PDB.</summary>
    public SymbolSearchLog(PdbIdentity wanted) : this(wanted.FileName, wanted.StoreFolder) { }

    /// <summary>Begins the log of the search for a file.</summary>
    /// <param name="fileName">Name of the file.</param>
    /// <param name="index">What identifies it in a symbol store, or empty.</param>
    public SymbolSearchLog(string fileName, string index = "")
    {
        Wanted = index.Length == 0 ? Fit(Printable(fileName), Columns) : Line(fileName, index, ' ');
    }

    /// <summary>The file that was looked for: its name, and its index in a symbol store where known.</summary>
    public string Wanted { get; }

    /// <summary>What was tried, in order.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>A directory or server does not hold the file.</summary>
    public void NotFound(string place) => Add(place, "not found");

    /// <summary>A PDB or symbol table belongs to another build.</summary>
    public void Mismatch(string path, PdbIdentity found) =>
        Add(path, $"mismatch: its GUID and age are {found.StoreFolder}");

    /// <summary>An image belongs to another build.</summary>
    public void Mismatch(string path, uint timeDateStamp, uint sizeOfImage) =>
        Add(path, $"mismatch: its time stamp is {timeDateStamp:X8} and its size {sizeOfImage:x}");

    /// <summary>A file cannot be read as what it should be.</summary>
    public void Damaged(string path, string reason) => Add(path, $"damaged: {reason}");

    /// <summary>A server, or the way to it, failed.</summary>
    public void ServerError(string server, string reason) => Add(server, $"server error: {reason}");

    /// <summary>A file or name is not used for a reason of ours.</summary>
    public void Declined(string place, string reason) => Add(place, reason);

    /// <summary>A candidate was accepted.</summary>
    public void Accepted(string path) => Add(path, "accepted");

    /// <summary>Makes a text of one line printable: control and formatting characters become '?'.</summary>
    internal static string Printable(string text)
    {
        StringBuilder result = new(Math.Min(text.Length, 1024));
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (result.Length >= 1024)
                break;

            // Formatting characters can reverse the reading order of a terminal line.
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            bool unprintable = category is UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate;
            result.Append(unprintable ? "?" : rune.ToString());
        }
        return result.ToString();
    }

    /// <summary>One line "place: reason" within <see cref="Columns"/>; a long place loses its middle.</summary>
    internal static string Line(string place, string reason, char separator = ':')
    {
        string tail = CutEnd(Printable(reason), MaximumReason);
        string gap = separator == ' ' ? " " : $"{separator} ";
        return Fit(Printable(place), Columns - tail.Length - gap.Length) + gap + tail;
    }

    private void Add(string place, string reason)
    {
        if (_lines.Count < MaximumLines)
            _lines.Add(Line(place, reason));
        else if (_lines.Count == MaximumLines)
            _lines.Add("and more that are not listed");
    }

    private static string Fit(string text, int columns)
    {
        if (text.Length <= columns)
            return text;

        // The end of a path says more than its middle, the beginning tells which element of the symbol path it was.
        int head = (columns - 3) / 3;
        int tail = columns - 3 - head;
        if (char.IsHighSurrogate(text[head - 1]))
            head--;
        if (char.IsLowSurrogate(text[^tail]))
            tail--;
        return $"{text[..head]}...{text[^tail..]}";
    }

    private static string CutEnd(string text, int columns)
    {
        if (text.Length <= columns)
            return text;
        int kept = columns - 3;
        if (char.IsHighSurrogate(text[kept - 1]))
            kept--;
        return $"{text[..kept]}...";
    }
}
