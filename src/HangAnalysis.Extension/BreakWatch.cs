namespace HangAnalysis.Extension;

/// <summary>Turns Ctrl+Break into a cancellation while a command runs.</summary>
/// <remarks>
/// GetInterrupt may be called on every thread (its documentation says so; nothing else of the engine may be). A timer polls
/// it, so that nothing in the analysis has to know of the engine.
/// </remarks>
internal sealed class BreakWatch : IDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(50);

    private readonly EngineConnection _engine;
    private readonly Timer _timer;

    public BreakWatch(EngineConnection engine)
    {
        _engine = engine;
        _timer = new Timer(_ => _engine.PollBreak(), null, s_interval, s_interval);
    }

    /// <summary>Waits for a poll that runs: afterwards the engine's interfaces may be given back.</summary>
    public void Dispose()
    {
        using ManualResetEvent ended = new(false);
        if (_timer.Dispose(ended))
            ended.WaitOne();
        // The question took the request away; a loop around this command (.foreach) shall see it too.
        const uint Passive = 1; // DEBUG_INTERRUPT_PASSIVE
        if (_engine.PollBreak())
            _engine.Control.SetInterrupt(Passive);
    }
}
