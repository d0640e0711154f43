namespace HangAnalysis.Targets.Dumps;

/// <summary>Says in words what a file is that is not a kernel dump, by its first bytes.</summary>
internal static class ForeignFile
{
    private static readonly (byte[] Magic, string Words)[] s_kinds =
    [
        ("\u007fELF"u8.ToArray(), "an ELF file; is it a Linux vmcore?"),
        ("KDUMP   "u8.ToArray(), "a Linux vmcore of makedumpfile"),
        ("makedumpfile"u8.ToArray(), "a flattened Linux vmcore of makedumpfile"),
        ("MDMP"u8.ToArray(), "a user-mode minidump of one process, not of the system"),
        ("PK\u0003\u0004"u8.ToArray(), "a ZIP archive; unpack it first"),
        ([0x1f, 0x8b], "a gzip file; unpack it first"),
        ([0xfd, 0x37, 0x7a, 0x58, 0x5a], "an xz file; unpack it first"),
        ([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "a 7-Zip archive; unpack it first"),
        ("MSCF"u8.ToArray(), "a cabinet; unpack it first"),
        ("MZ"u8.ToArray(), "a Windows executable"),
        ("Microsoft C/C++ MSF 7.00"u8.ToArray(), "a PDB; name the dump, and the PDB's folder with --symbols"),
    ];

    /// <summary>Such as <c>begins with 7f 45 4c 46 (an ELF file; is it a Linux vmcore?)</c>.</summary>
    public static string Describe(ReadOnlySpan<byte> start)
    {
        int shown = Math.Min(4, start.Length);
        string bytes = Convert.ToHexStringLower(start[..shown]);
        string spaced = string.Join(' ', Enumerable.Range(0, shown).Select(i => bytes.Substring(i * 2, 2)));
        foreach ((byte[] magic, string words) in s_kinds)
            if (start.StartsWith(magic))
                return $"begins with {spaced} ({words})";
        return start.Length < 8 ? $"it has only {start.Length} bytes" : $"begins with {spaced}";
    }
}
