using System.Globalization;
using System.Text;

namespace HangAnalysis.Esxi;

/// <summary>A line of a screen or a log, without what surrounds its text.</summary>
/// <param name="Text">The text, without colours, frames of boxes and the prefix.</param>
/// <param name="Time">The log's time stamp; null where it has none.</param>
/// <param name="Pcpu">The processor that printed it, from the prefix <c>cpu12:33445)</c>; null on a screen.</param>
/// <param name="World">The world that printed it.</param>
internal readonly record struct LogLine(string Text, DateTimeOffset? Time, int? Pcpu, ulong? World)
{
    private static readonly (string Entity, string Text)[] s_entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&quot;", "\""), ("&amp;", "&")];

    /// <summary>
    /// Takes a line apart: <c>2017-11-02T10:00:00.000Z esx01 vmkernel: cpu12:33445)text</c>. Colour codes are taken out,
    /// also those whose escape character a log has lost (<c>[45m</c>).
    /// </summary>
    public static LogLine Read(ReadOnlySpan<char> line)
    {
        string text = Clean(line);
        DateTimeOffset? time = null;
        int prefix = Math.Min(text.Length, EsxiLimits.PrefixCharacters);
        int start = FindPrinter(text.AsSpan(0, prefix), out int? pcpu, out ulong? world);
        if (start > 0)
            time = FindTime(text.AsSpan(0, start), out _);
        else if (FindTime(text.AsSpan(0, prefix), out int end) is { } stamp && IsPrefix(text.AsSpan(0, end)))
        {
            time = stamp;
            start = end;
        }
        return new LogLine(start == 0 ? text : text[start..].Trim(), time, pcpu, world);
    }

    private static string Clean(ReadOnlySpan<char> line)
    {
        StringBuilder text = new(line.Length);
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            // Pagers and editors show the escape character as "^[".
            int caret = c == '^' && i + 2 < line.Length && line[i + 1] == '[' && line[i + 2] == '[' ? 2 : 0;
            int colour = c is '\u001b' or '[' || caret > 0 ? caret + ColourLength(line[(i + caret)..]) : 0;
            if (colour > caret)
            {
                i += colour - 1;
                continue;
            }
            char plain = c switch
            {
                '\u2013' or '\u2014' or '\u2212' => '-',
                '\ufffd' or '\ufeff' => ' ',
                // Boxes and blocks that terminals and consoles draw around a screen.
                >= '\u2500' and <= '\u259f' => ' ',
                _ when char.IsControl(c) || char.IsWhiteSpace(c) => ' ',
                _ => c,
            };
            // Of several spaces one is left: columns say nothing here.
            if (plain != ' ' || (text.Length > 0 && text[^1] != ' '))
                text.Append(plain);
        }
        if (line.Contains('&'))
            foreach ((string entity, string plain) in s_entities)
                text.Replace(entity, plain);
        return text.ToString().Trim().Trim('|').Trim();
    }

    /// <summary>Length of a colour code at the start of a text; 0 where there is none.</summary>
    private static int ColourLength(ReadOnlySpan<char> text)
    {
        const int Longest = 16;
        bool hasEscape = text[0] == '\u001b';
        int at = hasEscape ? 1 : 0;
        if (at >= text.Length || text[at] != '[')
            return hasEscape ? 1 : 0;
        at++;
        int digits = 0;
        while (at < text.Length && at < Longest && (char.IsAsciiDigit(text[at]) || text[at] == ';'))
        {
            at++;
            digits++;
        }
        // Without its escape character only "m" after digits is a colour; "[0x…" is an address.
        return at < text.Length && (text[at] == 'm' && digits > 0 || hasEscape && char.IsAsciiLetter(text[at])) ? at + 1 : 0;
    }

    /// <summary>
    /// The end of <c>cpu12:33445)</c> or <c>cpu12:33445 opID=1f)</c>; 0 where the text has no such prefix.
    /// </summary>
    private static int FindPrinter(ReadOnlySpan<char> text, out int? pcpu, out ulong? world)
    {
        const int MostBehind = 64;
        pcpu = null;
        world = null;
        for (int at = 0; text[at..].IndexOf("cpu", StringComparison.Ordinal) is >= 0 and int next;)
        {
            at += next;
            bool isWord = at == 0 || !char.IsAsciiLetterOrDigit(text[at - 1]);
            at += 3;
            ReadOnlySpan<char> rest = text[at..];
            if (!isWord || !EsxiGlyphs.TryReadPcpu(ref rest, out int number) || rest.IsEmpty || rest[0] != ':')
                continue;
            rest = rest[1..];
            if (!EsxiGlyphs.TryReadDecimal(ref rest, out ulong id) || rest.IsEmpty || rest[0] is not (')' or ' '))
                continue;
            int close = rest[..Math.Min(rest.Length, MostBehind)].IndexOf(')');
            if (close < 0 || (close > 0 && !rest[..close].Contains("opID", StringComparison.OrdinalIgnoreCase)))
                continue;
            pcpu = number;
            world = id;
            return text.Length - rest.Length + close + 1;
        }
        return 0;
    }

    /// <summary>A time stamp of ISO 8601 in a text, and where it ends.</summary>
    private static DateTimeOffset? FindTime(ReadOnlySpan<char> text, out int end)
    {
        const int Seconds = 19, MostFraction = 7;
        end = 0;
        for (int at = 0; at + Seconds <= text.Length; at++)
        {
            if (!char.IsAsciiDigit(text[at]) || text[at + 4] != '-' || text[at + 10] != 'T'
                || !DateTime.TryParseExact(text.Slice(at, Seconds), "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture,
                    DateTimeStyles.None, out DateTime time))
                continue;
            end = at + Seconds;
            if (end + 1 < text.Length && text[end] == '.' && char.IsAsciiDigit(text[end + 1]))
            {
                long unit = TimeSpan.TicksPerSecond;
                for (end++; end < text.Length && char.IsAsciiDigit(text[end]); end++)
                    if ((unit /= 10) >= TimeSpan.TicksPerSecond / (long)Math.Pow(10, MostFraction))
                        time = DateTime.MaxValue - time > TimeSpan.FromDays(1)
                            ? time.AddTicks(unit * (text[end] - '0'))
                            : time;
            }
            if (end < text.Length && text[end] == 'Z')
                end++;
            return new DateTimeOffset(time, TimeSpan.Zero);
        }
        return null;
    }

    /// <summary>Whether only a severity and the like stand before a time stamp: then the line begins with it.</summary>
    private static bool IsPrefix(ReadOnlySpan<char> text) => text.Length < 40 && !text.Contains('@');
}
