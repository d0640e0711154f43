using System.Diagnostics;
using HangAnalysis.DbgEng;
using HangAnalysis.EngineHost;

namespace HangAnalysis.EngineBenchmarks;

/// <summary>The extension against the engine's own stack walk, in one process and on one dump.</summary>
/// <remarks>
/// A stopwatch, and not BenchmarkDotNet: that starts a process of its own for each benchmark, with a .NET SDK that builds
/// it, and measures what is warm. Here the process is the debugger, compiled ahead of time and perhaps under Wine, and
/// what counts is the first command after <c>.load</c>, which happens once a process. Cold is a command that has to read
/// the dump (after <c>.unload</c> and <c>.load</c>), the first of them also code that was never run; warm is one whose
/// dump is read already. The dump lies in the system's file cache in every case.
/// </remarks>
internal sealed class EngineBenchmark : IDisposable
{
    private const string Us = "!us -k", HangWhy = "!hangwhy";

    private readonly EngineSession _engine;
    private readonly string _extension;
    private readonly CountingWriter _output = new();
    private readonly IReadOnlyList<EngineProcess> _processes;
    private readonly StackLoop _loop;
    private LoopRun _lastLoop, _lastBareLoop;

    /// <summary>Takes an engine that has a dump open.</summary>
    public EngineBenchmark(EngineSession engine, string extension)
    {
        (_engine, _extension) = (engine, extension);
        _processes = EngineThreads.Find(engine);
        Threads = _processes.Sum(p => p.Threads.Length);
        _loop = new StackLoop(engine, _processes);
    }

    /// <summary>Threads in the kernel's lists.</summary>
    public int Threads { get; }

    /// <summary>Frames that the loop found.</summary>
    public int LoopFrames => _lastLoop.Frames;

    /// <summary>Frames that the extension found of the same threads.</summary>
    public int ExtensionFrames { get; private set; }

    /// <summary>Working set before <c>.load</c>, and its highest value after the first commands.</summary>
    public (long Before, long Peak) Memory { get; private set; }

    public Samples Load { get; } = new(".load, the process's first", "the runtime starts");

    public Samples UsCold { get; } = new($"{Us}, cold", "reads the dump, walks, groups, names, prints");

    public Samples UsWarm { get; } = new($"{Us}, warm", "the threads are known");

    public Samples HangWhyCold { get; } = new($"{HangWhy}, cold", "reads the dump, judges, prints");

    public Samples HangWhyWarm { get; } = new($"{HangWhy}, warm", "the system is known");

    public Samples Loop { get; } = new("loop over all threads", "set thread, walk; switches of process not counted");

    public Samples Switches { get; } = new("  its switches of process", "once a process; their CPU time is in the loop's");

    public Samples BareLoop { get; } = new("loop without user modules", "kernel frames nearly alone");

    /// <summary>Everything that was measured, in the order of the table.</summary>
    public IEnumerable<Samples> All => [Load, UsCold, UsWarm, HangWhyCold, HangWhyWarm, Loop, Switches, BareLoop];

    /// <summary>Frames of the loop without user modules.</summary>
    public int BareLoopFrames => _lastBareLoop.Frames;

    /// <summary>Measures; the extension comes first, while nothing is warm.</summary>
    public void Run(int rounds, bool hangWhyFirst)
    {
        _engine.SetOutput(_output);
        long before = Environment.WorkingSet;
        Load.Measure(() => _engine.Configure($".load {_extension}"));
        RunBoth(hangWhyFirst);
        Memory = (before, Process.GetCurrentProcess().PeakWorkingSet64);
        for (int round = 1; round <= rounds; round++)
        {
            RunLoop();
            if (round < rounds)
            {
                Reload();
                RunBoth(hangWhyFirst);
            }
        }
        ExtensionFrames = CommandCheck.CountFrames(_engine, _processes);
    }

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private void RunBoth(bool hangWhyFirst)
    {
        RunColdAndWarm(hangWhyFirst);
        Reload();
        RunColdAndWarm(!hangWhyFirst);
    }

    private void RunColdAndWarm(bool hangWhy)
    {
        (string command, Samples cold, Samples warm) = hangWhy ? (HangWhy, HangWhyCold, HangWhyWarm) : (Us, UsCold, UsWarm);
        RunCommand(command, cold);
        RunCommand(command, warm);
    }

    private void RunCommand(string command, Samples samples)
    {
        const int LeastCharacters = 200; // a message is shorter, a verdict and a list of stacks are longer
        _output.Take();
        bool ran = false;
        samples.Measure(() => ran = _engine.Execute(command));
        if (!ran || _output.Take() < LeastCharacters)
            throw new DebugEngineException($"{command} failed: is {_extension} there?");
    }

    private void RunLoop()
    {
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        _lastLoop = _loop.Run(withUserModules: true);
        Loop.Add(_lastLoop.Walking, Environment.CpuUsage.TotalTime - processor);
        Switches.Add(_lastLoop.Switching, processor: null);
        BareLoop.Measure(() => _lastBareLoop = _loop.Run(withUserModules: false));
    }

    /// <summary>What the extension has read is forgotten; its code stays loaded.</summary>
    private void Reload()
    {
        _engine.Configure(".unload HangAnalysis");
        _engine.Configure($".load {_extension}");
    }
}
