using System.Globalization;

namespace HangAnalysis.Model;

/// <summary>Points in time as reports print them: <c>2018-03-18 02:00:00.000 UTC</c>.</summary>
public static class TimeText
{
    /// <summary>Formats a time; a dash where it is unknown.</summary>
    public static string Format(DateTimeOffset? time) => time is { } t
        ? t.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff 'UTC'", CultureInfo.InvariantCulture)
        : "-";
}
