using System.Diagnostics;
using HangAnalysis.DbgEng;

namespace HangAnalysis.Extension;

/// <summary>A line now and then while threads are read, so that a long sweep does not look dead.</summary>
internal sealed class ProgressLines : IProgress<int>
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(3);
    private long _last;
    private DebugControl? _control;

    /// <summary>Begins a command; without a control the command is quiet.</summary>
    public void Start(DebugControl? control)
    {
        _control = control;
        _last = Stopwatch.GetTimestamp();
    }

    /// <inheritdoc/>
    public void Report(int value)
    {
        if (_control is null || Stopwatch.GetElapsedTime(_last) < s_interval)
            return;
        _last = Stopwatch.GetTimestamp();
        _control.Output(DebugControl.AmbientText, DebugControl.OutputNormal, $"{value:N0} threads read...\n");
    }
}
