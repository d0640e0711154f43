using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Tests.Scenarios;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>A forged stop, opened: what its parameters and the system around it say.</summary>
internal sealed class CrashScenario : IDisposable
{
    private readonly ForgedFolder _folder;
    private readonly CommandSession _session;

    public CrashScenario(string scenario, string layout, DumpKind? kind = null)
    {
        _folder = new ForgedFolder(scenario, layout, kind);
        _session = _folder.Open();
    }

    /// <summary>A system that a test has changed.</summary>
    public CrashScenario(SystemBuilder system, DumpKind? kind = null)
    {
        _folder = new ForgedFolder(system, kind);
        _session = _folder.Open();
    }

    public CrashFacts Crash => _session.Windows.Crash!;

    public StopFacts Stop => _session.Windows.Stop!;

    public Verdict Verdict => HangAnalyzer.Analyze(_session.System);

    /// <summary>The lines of one label.</summary>
    public IReadOnlyList<string> Evidence(string label) =>
        [.. Crash.Evidence.Where(e => e.Label == label).Select(e => e.Text.ToString())];

    /// <summary>What a parameter says, by its number.</summary>
    public string? Meaning(int number) => Crash.Parameters[number - 1].Meaning?.ToString();

    public string Run(string line) => ForgedFolder.Run(_session, line);

    public void Dispose()
    {
        _session.Dispose();
        _folder.Dispose();
    }
}
