using System.Diagnostics;
using HangAnalysis.Targets.Symbols;

namespace HangAnalysis.Cli;

/// <summary>One line on standard error that tells how far long work is; shown after a second, gone when the work is done.</summary>
internal sealed class ProgressLine(TextWriter error, bool isVisible) : IProgress<int>, IProgress<DownloadProgress>, IDisposable
{
    private const int Width = 100;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private long _start = Stopwatch.GetTimestamp();
    private long _last;
    private bool _shown;

    /// <summary>Whether another program has the screen: then nothing is shown.</summary>
    public bool IsHeld { get; set; }

    /// <summary>Other work begins.</summary>
    public void Restart() => _start = Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public void Report(int value) => Show($"{value:N0} threads read…");

    /// <inheritdoc/>
    public void Report(DownloadProgress value) => Show(value.Total is { } total
        ? $"downloading {Reports.DumpText.Clean(value.FileName)}: {value.Bytes / 1e6:0.0} of {total / 1e6:0.0} MB"
        : $"downloading {Reports.DumpText.Clean(value.FileName)}: {value.Bytes / 1e6:0.0} MB");

    /// <summary>Removes the line.</summary>
    public void Clear()
    {
        lock (_lock)
            if (_shown)
            {
                error.Write($"\r{new string(' ', Width)}\r");
                _shown = false;
            }
    }

    /// <summary>Removes the line while something else is written.</summary>
    public void Interrupt(Action write)
    {
        Clear();
        write();
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private void Show(string text)
    {
        if (!isVisible || IsHeld || Stopwatch.GetElapsedTime(_start) < s_patience)
            return;
        lock (_lock)
        {
            if (_shown && Stopwatch.GetElapsedTime(_last) < s_interval)
                return;
            error.Write($"\r{(text.Length > Width ? text[..Width] : text.PadRight(Width))}");
            _last = Stopwatch.GetTimestamp();
            _shown = true;
        }
    }
}
