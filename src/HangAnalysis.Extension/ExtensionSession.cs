using System.Diagnostics;
using HangAnalysis.Commands;

namespace HangAnalysis.Extension;

/// <summary>What commands have read of the debugger's session; kept until the session ends, runs on, or is cut short.</summary>
internal sealed class ExtensionSession : IDisposable
{
    private readonly EngineConnection _engine;
    private readonly CommandSession _commands;

    public ExtensionSession(EngineConnection engine)
    {
        _engine = engine;
        engine.Cancellation = Cancellation;
        SymbolPath = engine.Symbols.SymbolPath;
        long start = Stopwatch.GetTimestamp();
        Target = new DbgEngTarget(engine, Cancellation.Token);
        _commands = new CommandSession(Target, Stopwatch.GetElapsedTime(start), Progress, Cancellation.Token);
    }

    public CancellationTokenSource Cancellation { get; } = new();

    public ProgressLines Progress { get; } = new();

    public DbgEngTarget Target { get; }

    public CommandSession Commands => _commands;

    /// <summary>The symbol path with which symbols were looked for.</summary>
    public string SymbolPath { get; }

    /// <summary>
    /// Whether the next command can use what is here. A sweep that was broken off is incomplete; a kernel without symbols may
    /// have some next time.
    /// </summary>
    public bool IsReusable => !Cancellation.IsCancellationRequested && Target.HasKernelSymbols;

    /// <inheritdoc/>
    public void Dispose()
    {
        _engine.Cancellation = null;
        _commands.Dispose();
        Cancellation.Dispose();
    }
}
