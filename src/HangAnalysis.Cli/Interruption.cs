namespace HangAnalysis.Cli;

/// <summary>What Ctrl+C stops: the reading of the command that runs, or its printing, and never more than that.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly Lock _lock = new();
    private CancellationTokenSource _command = new();
    private CancellationTokenSource _printing = new();
    private bool _isRunning;
    private bool _isPrinting;
    private volatile bool _isPrintingStopped;

    /// <summary>Whether the rest of the output is not wanted.</summary>
    public bool IsPrintingStopped => _isPrintingStopped;

    /// <summary>Whether the command was stopped at all.</summary>
    public bool WasPressed => _command.IsCancellationRequested;

    /// <summary>A command begins: what it reads ends with this token.</summary>
    public CancellationToken BeginReading()
    {
        lock (_lock)
        {
            _command.Dispose();
            _command = new CancellationTokenSource();
            _isRunning = true;
            _isPrinting = false;
            _isPrintingStopped = false;
            return _command.Token;
        }
    }

    /// <summary>
    /// The command prints: what was read by now is shown, even if it is not all. What printing itself has to look up ends
    /// with the token.
    /// </summary>
    public CancellationToken BeginPrinting()
    {
        lock (_lock)
        {
            _isPrinting = _isRunning;
            _printing.Dispose();
            _printing = new CancellationTokenSource();
            return _printing.Token;
        }
    }

    /// <summary>The command has ended.</summary>
    public void End()
    {
        lock (_lock)
            _isRunning = false;
    }

    /// <summary>Ctrl+C; false where nothing was left to be stopped.</summary>
    public bool Press()
    {
        lock (_lock)
        {
            if (!_isRunning || (_isPrinting ? _isPrintingStopped : _command.IsCancellationRequested))
                return false;
            _isPrintingStopped = _isPrinting;
            _command.Cancel();
            _printing.Cancel();
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _command.Dispose();
        _printing.Dispose();
    }
}
