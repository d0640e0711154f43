namespace HangAnalysis.Targets.Symbols;

/// <summary>How far a download is.</summary>
/// <param name="FileName">Name of the file.</param>
/// <param name="Bytes">Bytes that have come.</param>
/// <param name="Total">Bytes of the whole file, or null where the server did not say.</param>
public readonly record struct DownloadProgress(string FileName, long Bytes, long? Total);

/// <summary>Bounds of the talk with symbol servers.</summary>
public sealed record SymbolServerOptions
{
    /// <summary>Longest wait for a connection.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Longest wait for an answer, and for more bytes of one.</summary>
    public TimeSpan ProgressTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Largest file that is taken.</summary>
    public long MaximumBytes { get; init; } = Limits.DownloadBytes;

    /// <summary>Failures in a row after which a server is not asked again.</summary>
    public int MaximumFailures { get; init; } = 3;
}
