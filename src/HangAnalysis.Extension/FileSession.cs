using HangAnalysis.Analysis.Rules;
using HangAnalysis.Commands;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Extension;

/// <summary>Files that commands open beside the debugger's session; the last one stays open, so that its links are quick.</summary>
internal sealed class FileSession : IDisposable
{
    private readonly string _symbolPath;

    public FileSession(EngineConnection engine, EngineConsole console, RuleBook rules)
    {
        _symbolPath = engine.Symbols.SymbolPath;
        Opener = new DumpOpener(new DumpOpenOptions { SymbolPath = _symbolPath, Warn = console.WriteError }, Progress, rules);
    }

    public ProgressLines Progress { get; } = new();

    public DumpOpener Opener { get; }

    /// <summary>Whether the engine still looks for symbols in the same places.</summary>
    public bool IsOf(EngineConnection engine) => _symbolPath == engine.Symbols.SymbolPath;

    /// <inheritdoc/>
    public void Dispose() => Opener.Dispose();
}
