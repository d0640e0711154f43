namespace HangAnalysis.Extension;

/// <summary>Turns Ctrl+Break into a cancellation while a command reads, and into an end of output while it prints.</summary>
/// <remarks>
/// GetInterrupt may be called on every thread (its documentation says so; nothing else of the engine may be). A timer polls
/// it, so that nothing in the analysis has to know of the engine.
/// </remarks>
internal sealed class BreakWatch : IDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(50);

    private readonly EngineConnection _engine;
    private readonly Timer _timer;
    private bool _isRunning = true;
    private bool _wasAsked;

    public BreakWatch(EngineConnection engine)
    {
        _engine = engine;
        _timer = new Timer(_ => _engine.PollBreak(), null, s_interval, s_interval);
    }

    /// <summary>
    /// Ends the polling, waiting for a poll that runs: what was read is printed now, even if that is not all. A further
    /// request ends the printing.
    /// </summary>
    public void StopReading()
    {
        if (!_isRunning)
            return;
        _isRunning = false;
        using ManualResetEvent ended = new(false);
        if (_timer.Dispose(ended))
            ended.WaitOne();
        _wasAsked = _engine.Cancellation is { IsCancellationRequested: true };
    }

    /// <summary>Whether a break was asked for while printing.</summary>
    public bool IsAskedWhilePrinting() => _engine.Control.GetInterrupt() && (_wasAsked = true);

    /// <summary>The questions took the request away; a loop around this command (<c>.foreach</c>) shall see it too.</summary>
    public void Dispose()
    {
        StopReading();
        const uint Passive = 1; // DEBUG_INTERRUPT_PASSIVE
        if (_wasAsked)
            _engine.Control.SetInterrupt(Passive);
    }
}
