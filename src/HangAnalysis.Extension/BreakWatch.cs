using HangAnalysis.DbgEng;

namespace HangAnalysis.Extension;

/// <summary>Turns Ctrl+Break into a cancellation while a command runs.</summary>
/// <remarks>
/// GetInterrupt may be called on every thread (its documentation says so; nothing else of the engine may be). A timer polls
/// it, so that nothing in the analysis has to know of the engine.
/// </remarks>
internal sealed class BreakWatch : IDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(50);

    private readonly DebugControl _control;
    private readonly CancellationTokenSource _cancellation;
    private readonly Timer _timer;

    public BreakWatch(DebugControl control, CancellationTokenSource cancellation)
    {
        _control = control;
        _cancellation = cancellation;
        _timer = new Timer(Poll, null, s_interval, s_interval);
    }

    /// <summary>Waits for a poll that runs: afterwards the engine's interface may be given back.</summary>
    public void Dispose()
    {
        using ManualResetEvent ended = new(false);
        if (_timer.Dispose(ended))
            ended.WaitOne();
        // The question took the request away; a loop around this command (.foreach) shall see it too.
        const uint Passive = 1; // DEBUG_INTERRUPT_PASSIVE
        if (_cancellation.IsCancellationRequested)
            _control.SetInterrupt(Passive);
    }

    private void Poll(object? state)
    {
        if (!_cancellation.IsCancellationRequested && _control.GetInterrupt())
            _cancellation.Cancel();
    }
}
