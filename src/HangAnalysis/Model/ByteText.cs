using System.Globalization;

namespace HangAnalysis.Model;

/// <summary>Sizes as reports print them.</summary>
public static class ByteText
{
    private const double UnitStep = 1024;

    private static readonly string[] s_units = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];

    /// <summary>
    /// Gigabytes (2^30) with one decimal, such as <c>13.3 GB</c>; of what is less than one, megabytes: <c>126.4 MB</c>.
    /// </summary>
    public static string Gigabytes(ulong bytes) => bytes >= 1UL << 30
        ? $"{bytes / (double)(1UL << 30):0.0} GB"
        : $"{bytes / (double)(1UL << 20):0.0} MB";

    /// <summary>
    /// In the largest unit of which there is one, with at most two decimals: <c>2 TB</c>, <c>145.94 MB</c>, <c>91.5 KB</c>; a
    /// dash where it is unknown.
    /// </summary>
    public static string Format(ulong? bytes)
    {
        if (bytes is not { } size)
            return "-";
        double value = size;
        int unit = 0;
        while (Math.Round(value, 2) >= UnitStep && unit < s_units.Length - 1)
        {
            value /= UnitStep;
            unit++;
        }
        return value.ToString("0.##", CultureInfo.InvariantCulture) + " " + s_units[unit];
    }
}
