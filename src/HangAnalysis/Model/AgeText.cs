namespace HangAnalysis.Model;

/// <summary>Times as engineers know them from their debugger: <c>765ms</c>, <c>42s.937</c>, <c>1m:25.406</c>, <c>1d.00:48:53.796</c>.</summary>
public static class AgeText
{
    /// <summary>
    /// Formats the time that a thread was on processors: rounded to milliseconds, as debuggers print it, where they cut ages
    /// off. A dash where it is unknown.
    /// </summary>
    public static string FormatRun(TimeSpan? time) =>
        Format(time is { } t ? TimeSpan.FromMilliseconds(Math.Round(t.TotalMilliseconds, MidpointRounding.AwayFromZero)) : null);

    /// <summary>Formats a time; a dash where it is unknown.</summary>
    public static string Format(TimeSpan? age)
    {
        if (age is not { } t)
            return "-";
        if (t < TimeSpan.Zero)
            t = TimeSpan.Zero;
        if (t.TotalSeconds < 1)
            return $"{t.Milliseconds}ms";
        if (t.TotalMinutes < 1)
            return $"{t.Seconds}s.{t.Milliseconds:000}";
        if (t.TotalHours < 1)
            return $"{t.Minutes}m:{t.Seconds:00}.{t.Milliseconds:000}";
        return t.TotalDays < 1
            ? $"{t.Hours}h:{t.Minutes:00}:{t.Seconds:00}.{t.Milliseconds:000}"
            : $"{(int)t.TotalDays}d.{t.Hours:00}:{t.Minutes:00}:{t.Seconds:00}.{t.Milliseconds:000}";
    }
}
