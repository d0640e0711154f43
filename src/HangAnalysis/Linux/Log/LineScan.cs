using System.Buffers;
using System.Globalization;

namespace HangAnalysis.Linux.Log;

/// <summary>Takes apart lines whose form the kernel's source tells.</summary>
internal static class LineScan
{
    private static readonly SearchValues<char> s_hexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    /// <summary>What follows a mark, or nothing where the mark is absent.</summary>
    public static bool TryAfter(ReadOnlySpan<char> line, string mark, out ReadOnlySpan<char> rest)
    {
        int at = line.IndexOf(mark, StringComparison.Ordinal);
        rest = at < 0 ? [] : line[(at + mark.Length)..];
        return at >= 0;
    }

    /// <summary>What stands before a mark; the whole where the mark is absent.</summary>
    public static ReadOnlySpan<char> Before(ReadOnlySpan<char> line, string mark)
    {
        int at = line.IndexOf(mark, StringComparison.Ordinal);
        return at < 0 ? line : line[..at];
    }

    /// <summary>The decimal number at the start, behind spaces; null where there is none.</summary>
    public static int? Number(ReadOnlySpan<char> text)
    {
        text = text.TrimStart();
        int digits = text.IndexOfAnyExceptInRange('0', '9');
        return int.TryParse(digits < 0 ? text : text[..digits], NumberStyles.None, CultureInfo.InvariantCulture,
            out int number)
            ? number
            : null;
    }

    /// <summary>The hexadecimal number at the start, with or without 0x; null where there is none.</summary>
    public static ulong? Hex(ReadOnlySpan<char> text)
    {
        text = text.TrimStart();
        if (text.StartsWith("0x"))
            text = text[2..];
        int digits = text.IndexOfAnyExcept(s_hexDigits);
        return ulong.TryParse(digits < 0 ? text : text[..digits], NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture,
            out ulong number) ? number : null;
    }

    /// <summary>A name and an identifier with a colon between them; the name may have colons of its own.</summary>
    public static (string? Name, int? Pid) Task(ReadOnlySpan<char> text)
    {
        int colon = text.LastIndexOf(':');
        return colon < 0 || Number(text[(colon + 1)..]) is not { } pid ? (null, null) : (text[..colon].ToString(), pid);
    }
}
