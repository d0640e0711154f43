namespace HangAnalysis.Model;

/// <summary>Sizes as reports print them.</summary>
public static class ByteText
{
    /// <summary>Gigabytes (2^30) with one decimal, such as <c>13.3 GB</c>.</summary>
    public static string Gigabytes(ulong bytes) => $"{bytes / (double)(1UL << 30):0.0} GB";
}
