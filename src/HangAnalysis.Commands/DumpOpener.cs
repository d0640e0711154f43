using System.Diagnostics;
using HangAnalysis.Analysis.Rules;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Commands;

/// <summary>Opens files by what they are, and keeps the last one open for as long as it is the same file.</summary>
/// <param name="options">How to open them.</param>
/// <param name="progress">Receives the number of threads read so far.</param>
/// <param name="rules">Rules of known issues; null for those that are built in.</param>
public sealed class DumpOpener(DumpOpenOptions options, IProgress<int>? progress = null, RuleBook? rules = null) : IDumpOpener
{
    private (string Path, long Length, DateTime Changed) _identity;

    /// <inheritdoc/>
    public CommandSession? Opened { get; private set; }

    /// <inheritdoc/>
    public CommandSession Open(string path, CancellationToken cancellation)
    {
        (string, long, DateTime) identity = Identify(path);
        if (Opened is { } same && identity == _identity)
        {
            same.SetDumpCancellation(cancellation);
            same.Renew(cancellation);
            return same;
        }
        Dispose();
        long start = Stopwatch.GetTimestamp();
        DumpSource source = DumpFiles.Open(path, options with { Cancellation = cancellation });
        _identity = identity;
        return Opened = new CommandSession(source, Stopwatch.GetElapsedTime(start), progress, cancellation)
        {
            RuleBook = rules ?? new RuleBook(),
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Opened?.Dispose();
        Opened = null;
    }

    /// <summary>A dump that is written anew has another size or time. What cannot be asked for that cannot be opened either.</summary>
    private static (string Path, long Length, DateTime Changed) Identify(string path)
    {
        try
        {
            FileInfo file = new(path);
            return (file.FullName, file.Exists ? file.Length : 0, file.LastWriteTimeUtc);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException
            or NotSupportedException)
        {
            return (path, 0, default);
        }
    }
}
