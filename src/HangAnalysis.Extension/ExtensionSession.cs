using System.Diagnostics;
using HangAnalysis.Analysis.Rules;
using HangAnalysis.Commands;
using HangAnalysis.Windows;

namespace HangAnalysis.Extension;

/// <summary>What commands have read of the debugger's session; kept until the session ends, runs on, or is cut short.</summary>
internal sealed class ExtensionSession : IDisposable
{
    private readonly EngineConnection _engine;
    private readonly CommandSession _commands;
    private readonly string _symbolPath;
    private readonly uint _systemId;
    private StructureLines? _structures;

    public ExtensionSession(EngineConnection engine, RuleBook rules)
    {
        _engine = engine;
        engine.Cancellation = Cancellation;
        _symbolPath = engine.Symbols.SymbolPath;
        _systemId = engine.Objects.GetCurrentSystemId();
        long start = Stopwatch.GetTimestamp();
        Target = new DbgEngTarget(engine, Cancellation.Token);
        _commands = new CommandSession(Target, Stopwatch.GetElapsedTime(start), Progress, Cancellation.Token)
        {
            Evaluator = engine.Evaluate,
            RuleBook = rules,
        };
    }

    public CancellationTokenSource Cancellation { get; } = new();

    public ProgressLines Progress { get; } = new();

    public DbgEngTarget Target { get; }

    public CommandSession Commands => _commands;

    /// <summary>One line on a structure, without any sweep.</summary>
    public StructureLines Structures => _structures ??= new StructureLines(Target);

    /// <summary>
    /// Whether the next command can use what is here. A sweep that was broken off is incomplete; a kernel without symbols may
    /// have some next time.
    /// </summary>
    public bool IsReusable => !Cancellation.IsCancellationRequested && Target.HasKernelSymbols;

    /// <summary>Whether the engine still looks at the same one of its targets, and for symbols in the same places.</summary>
    public bool IsOf(EngineConnection engine) =>
        _systemId == engine.Objects.GetCurrentSystemId() && _symbolPath == engine.Symbols.SymbolPath;

    /// <inheritdoc/>
    public void Dispose()
    {
        _engine.Cancellation = null;
        _commands.Dispose();
        Cancellation.Dispose();
    }
}
