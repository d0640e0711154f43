using System.Buffers;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Decides which names may become part of a path or URL of a symbol store. Names of PDBs and images come out of dumps,
/// so that everything that could lead out of a store's folder, or to a device, is refused and never repaired.
/// </summary>
public static class StoreName
{
    /// <summary>Longest name that is accepted; real names have less than half of it.</summary>
    public const int MaximumLength = 128;

    // 32 digits of a GUID and up to 8 of an age.
    private const int MaximumIndexLength = 40;

    private static readonly SearchValues<char> s_refused = SearchValues.Create(":*?\"<>|/\\");

    // learn.microsoft.com, "Naming Files, Paths, and Namespaces": devices in every folder, with any extension.
    private static readonly string[] s_devices = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"];

    /// <summary>
    /// The last component of a name or path from a dump, or null where that is not a name that is safe in a store.
    /// </summary>
    public static string? FromDump(string? nameOrPath)
    {
        if (string.IsNullOrEmpty(nameOrPath))
            return null;

        // A path has the separators of the system that linked the image, not of the one that reads the dump.
        string name = nameOrPath[(nameOrPath.AsSpan().LastIndexOfAny('/', '\\') + 1)..];
        return IsSafe(name) ? name : null;
    }

    /// <summary>Whether a text is one safe component of a path.</summary>
    public static bool IsSafe(ReadOnlySpan<char> name)
    {
        if (name.IsEmpty || name.Length > MaximumLength || name.ContainsAny(s_refused))
            return false;

        // This covers "." and ".." too. Windows drops trailing dots and spaces, so that two names would be one file.
        if (name[^1] is '.' or ' ')
            return false;
        for (int i = 0; i < name.Length; i++)
        {
            if (char.IsControl(name[i]))
                return false;
            if (!char.IsSurrogate(name[i]))
                continue;

            // Half a surrogate pair has no UTF-8 form: what is written would not be the name that was checked.
            if (i + 1 >= name.Length || !char.IsSurrogatePair(name[i], name[i + 1]))
                return false;
            i++;
        }
        return !IsDevice(name);
    }

    /// <summary>Whether a text can be the index folder of a store: hexadecimal digits and nothing else.</summary>
    public static bool IsIndex(ReadOnlySpan<char> index)
    {
        if (index.IsEmpty || index.Length > MaximumIndexLength)
            return false;
        foreach (char c in index)
        {
            if (!char.IsAsciiHexDigit(c))
                return false;
        }
        return true;
    }

    /// <summary>
    /// Index folder of an image: eight upper-case digits of the time stamp, then SizeOfImage in lower case without
    /// padding (learn.microsoft.com, "SymStore", and the SSQP key conventions of dotnet/symstore).
    /// </summary>
    public static string ImageIndex(uint timeDateStamp, uint sizeOfImage) => $"{timeDateStamp:X8}{sizeOfImage:x}";

    private static bool IsDevice(ReadOnlySpan<char> name)
    {
        int dot = name.IndexOf('.');
        ReadOnlySpan<char> stem = (dot < 0 ? name : name[..dot]).TrimEnd(' ');
        foreach (string device in s_devices)
        {
            if (stem.Equals(device, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        // COM1 and LPT1; Windows takes the superscript digits of Latin-1 for digits here.
        return stem.Length == 4
            && (stem.StartsWith("COM", StringComparison.OrdinalIgnoreCase)
                || stem.StartsWith("LPT", StringComparison.OrdinalIgnoreCase))
            && (char.IsAsciiDigit(stem[3]) || stem[3] is '\u00b9' or '\u00b2' or '\u00b3');
    }
}
