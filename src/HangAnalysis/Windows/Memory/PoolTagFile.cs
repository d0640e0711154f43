using HangAnalysis.Model;

namespace HangAnalysis.Windows.Memory;

/// <summary>A list of tags as debuggers and driver kits bring it, pooltag.txt, on the user's own machine.</summary>
/// <remarks>
/// Lines are <c>TAG - module - what it is</c>; a tag may be shorter than four characters, which spaces fill up, and a star
/// stands for any rest. Others are comments. It is read and never kept: it is not ours to pass on.
/// </remarks>
public sealed class PoolTagFile
{
    private const int MostLines = 100_000;
    private const int LongestText = 120;

    private readonly Dictionary<uint, string> _tags = [];

    private PoolTagFile() { }

    /// <summary>Tags in it.</summary>
    public int Count => _tags.Count;

    /// <summary>Reads such a list; lines that are none are passed over.</summary>
    public static PoolTagFile Read(TextReader reader)
    {
        PoolTagFile file = new();
        for (int i = 0; i < MostLines && reader.ReadLine() is { } line; i++)
        {
            int dash = line.IndexOf(" - ", StringComparison.Ordinal);
            if (dash < 1 || dash > 8)
                continue;
            string tag = line[..dash];
            // The columns are aligned by spaces, of which up to four characters belong to the tag.
            tag = tag.Length > 4 ? tag[..4].TrimEnd() : tag;
            string text = string.Join(' ', line[(dash + 3)..].Split(' ', StringSplitOptions.RemoveEmptyEntries));
            if (!tag.Contains('*', StringComparison.Ordinal) && PoolTagUse.Parse(tag) is { } number && text.Length > 0)
                file._tags.TryAdd(number, text.Length > LongestText ? text[..LongestText] : text);
        }
        return file;
    }

    /// <summary>What the list says of a tag; null where it does not have it.</summary>
    public string? Find(uint tag) => _tags.GetValueOrDefault(tag);
}
