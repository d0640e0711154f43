using System.Text;

namespace HangAnalysis.Reports;

/// <summary>Writes addresses as the system has them: in sixteen digits, of 32-bit systems in eight.</summary>
/// <remarks>
/// Knowledge words addresses in sixteen digits everywhere, so that texts of all systems are alike. Of a 32-bit system the upper
/// eight are always zeros, and its users know its addresses without them: they are left out where a document is written.
/// </remarks>
public static class AddressText
{
    private const int Digits = 16, NarrowDigits = 8;

    /// <summary>An address for a listing of bare ones.</summary>
    public static string Format(ulong address, bool isNarrow) =>
        isNarrow && address <= uint.MaxValue ? $"{address:x8}" : $"{address:x16}";

    /// <summary>The text with each number of sixteen digits that begins with eight zeros shortened to eight digits.</summary>
    public static string Narrow(string text)
    {
        if (!text.Contains("00000000", StringComparison.Ordinal))
            return text;
        StringBuilder narrow = new(text.Length);
        int at = 0;
        while (at < text.Length)
        {
            int end = at;
            while (end < text.Length && char.IsAsciiLetterOrDigit(text[end]))
                end++;
            ReadOnlySpan<char> word = text.AsSpan(at, end - at);
            ReadOnlySpan<char> prefix = word.StartsWith("0x") ? "0x" : "";
            if (IsWide(word[prefix.Length..]))
                narrow.Append(prefix).Append(word[(prefix.Length + NarrowDigits)..]);
            else
                narrow.Append(word);
            if (end < text.Length)
                narrow.Append(text[end]);
            at = end + 1;
        }
        return narrow.ToString();
    }

    private static bool IsWide(ReadOnlySpan<char> word)
    {
        if (word.Length != Digits || word[..NarrowDigits].ContainsAnyExcept('0'))
            return false;
        foreach (char digit in word)
            if (!char.IsAsciiHexDigit(digit))
                return false;
        return true;
    }
}
