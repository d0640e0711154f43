using System.Globalization;
using System.Text;

namespace HangAnalysis.Reports;

/// <summary>Makes text harmless that came from a dump.</summary>
/// <remarks>
/// Names of processes and files are chosen by whoever started them. An escape character in one could drive the terminal
/// of the person who reads the report, a line break could forge a line of it, a bidirectional control could turn a file name
/// around. Each such character is shown as its code instead.
/// </remarks>
public static class DumpText
{
    /// <summary>The text with every character that is not plainly printable replaced by <c>\u{code}</c>.</summary>
    public static string Clean(string text)
    {
        int first = FirstUnsafe(text);
        if (first < 0)
            return text;
        StringBuilder clean = new(text, 0, first, text.Length + 16);
        for (int i = first; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])
                && IsPrintable(CharUnicodeInfo.GetUnicodeCategory(text, i)))
                clean.Append(text[i]).Append(text[++i]);
            else if (!char.IsSurrogate(text[i]) && IsPrintable(CharUnicodeInfo.GetUnicodeCategory(text[i])))
                clean.Append(text[i]);
            else
                clean.Append("\\u{").Append(((int)text[i]).ToString("x")).Append('}');
        }
        return clean.ToString();
    }

    private static int FirstUnsafe(string text)
    {
        for (int i = 0; i < text.Length; i++)
            if (text[i] is < ' ' or > '~')
                if (char.IsSurrogate(text[i]) || !IsPrintable(CharUnicodeInfo.GetUnicodeCategory(text[i])))
                    return i;
        return -1;
    }

    private static bool IsPrintable(UnicodeCategory category) => category is not (UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate);
}
