namespace HangAnalysis.Esxi;

/// <summary>How lines that were wrapped are put together again: by what kind of line each is, and whether the two say more.</summary>
public sealed partial class PurpleScreenReader
{
    private static bool CanBeWrapped(Kind kind) =>
        kind is Kind.Frame or Kind.Message or Kind.Version or Kind.Registers or Kind.States or Kind.Uptime or Kind.Backtrace
            or Kind.Note or Kind.Noise;

    /// <summary>
    /// The line together with the next one, if the two say more than the first alone; null if the next stands alone.
    /// </summary>
    private static LogLine? Join(in LogLine line, in LogLine next, bool fillsScreen)
    {
        Kind kind = KindOf(line.Text), following = KindOf(next.Text);
        if (line.Text.Length + next.Text.Length > EsxiLimits.LineCharacters)
            return null;
        if (kind == Kind.Registers)
            return (following == Kind.None && BeginsWithValue(next.Text))
                || (following == Kind.Registers && ContinuesValue(line.Text, next.Text))
                ? line with { Text = line.Text + next.Text }
                : null;
        if (following is not (Kind.None or Kind.StackWords))
            return null;
        int own = Fullness(line.Text, kind);
        string together = line.Text + next.Text, spaced = line.Text + " " + next.Text;
        int joined = KindOf(together) == kind ? Fullness(together, kind) : 0,
            apart = KindOf(spaced) == kind ? Fullness(spaced, kind) : 0;
        if (Math.Max(joined, apart) > own)
            return line with { Text = joined >= apart ? together : spaced };
        // A line that goes to the edge of the screen has the next one for its rest, whatever that says; a stack's only
        // numbers.
        bool isRest = kind != Kind.Frame
            || (own == (int)FrameLine.Reading.Whole && next.Text.AsSpan().TrimStart(':').IndexOfAnyExcept(s_stackParts) < 0);
        return fillsScreen && isRest && next is { Pcpu: null, Time: null } && KindOf(together) == kind
            ? line with { Text = together }
            : null;
    }

    /// <summary>Whether a line goes on with the digits of a register's value.</summary>
    private static bool BeginsWithValue(string text)
    {
        int end = text.AsSpan().IndexOfAnyExcept(s_hexDigits);
        return end < 0 ? text.Length <= 16 : end is > 0 and <= 16 && text[end] == ' '
            && text.Contains('=', StringComparison.Ordinal);
    }

    private static bool ContinuesValue(string line, string next) =>
        char.IsAsciiHexDigit(line[^1]) && BeginsWithValue(next) && !ScreenLine.IsRegisters(next);

    /// <summary>How much of a line was understood.</summary>
    private static int Fullness(string text, Kind kind)
    {
        switch (kind)
        {
            case Kind.Frame:
                FrameLine.Reading reading = FrameLine.Read(text, out _, out _);
                // What comes behind the displacement is the words of the stack; anything else would lengthen the number.
                return reading == FrameLine.Reading.Whole && !text.Contains("stack", StringComparison.OrdinalIgnoreCase)
                    ? (int)FrameLine.Reading.Displaced
                    : (int)reading;
            case Kind.Message:
                return PanicLine.Read(text)?.Fullness ?? 0;
            case Kind.Version:
                return ScreenLine.ReadVersion(text) is { } version ? 1 + version.Build.Length : 0;
            case Kind.States:
                return ScreenLine.ReadStates(text)?.States.Length ?? 0;
            case Kind.Uptime:
                ScreenLine.ReadUptime(text, out TimeSpan? uptime, out ulong? start);
                return (uptime is null ? 0 : 1) + (start is null ? 0 : 1);
            case Kind.Backtrace:
                return ScreenLine.ReadBacktrace(text) is { } header
                    ? 1 + (header.Reason?.Length ?? 0) + (header.World is null ? 0 : 1)
                    : 0;
            default:
                return 0;
        }
    }

    private static Kind KindOf(string text)
    {
        if (FrameLine.Read(text, out _, out _) != FrameLine.Reading.None)
            return Kind.Frame;
        if (IsStackWords(text))
            return Kind.StackWords;
        if (PanicLine.Read(text) is not null)
            return Kind.Message;
        if (ScreenLine.ReadVersion(text) is not null || EsxiGlyphs.StartsAlike(text, "VMware ESX") && text.Contains('['))
            return Kind.Version;
        if (ScreenLine.ReadBacktrace(text) is not null)
            return Kind.Backtrace;
        if (ScreenLine.ReadUptime(text, out _, out _))
            return Kind.Uptime;
        if (ScreenLine.ReadStates(text) is not null)
            return Kind.States;
        if (text[0] == '*' || char.IsAsciiDigit(text[0]) || EsxiGlyphs.StartsAlike(text, "PCPU"))
            if (ScreenLine.ReadWorlds(text, []) > 0)
                return Kind.Worlds;
        if (ScreenLine.IsRegisters(text))
            return Kind.Registers;
        if (ScreenLine.ReadDetails(text) is not null)
            return Kind.Uptime;
        if (ScreenLine.ReadWorldLine(text) is not null)
            return Kind.Worlds;
        if (ScreenLine.ReadNmi(text) is not null || ScreenLine.ReadHeartbeat(text) is not null
            || ScreenLine.ReadBank(text) is not null
            || ScreenLine.ReadModule(text) is not null || ScreenLine.ReadCoreDump(text) is not null)
            return Kind.Note;
        return IsNoise(text) ? Kind.Noise : Kind.None;
    }

    /// <summary>Words of a stack that were wrapped: numbers and commas only.</summary>
    private static bool IsStackWords(string text) =>
        (text.Contains("0x", StringComparison.OrdinalIgnoreCase) || text.Contains(',', StringComparison.Ordinal))
        && text.AsSpan().IndexOfAnyExcept(s_stackParts) < 0;

    /// <summary>Lines that a panic prints and that say nothing here.</summary>
    private static bool IsNoise(string text)
    {
        foreach (string start in (ReadOnlySpan<string>)["PTEs:", "FMS=", "Backtrace:", "base fs=", "World:", "Base:",
            "Dumping ", "Escape", "Press ", "Host "])
            if (EsxiGlyphs.StartsAlike(text, start))
                return true;
        return false;
    }
}
