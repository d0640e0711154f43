using BenchmarkDotNet.Attributes;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Benchmarks;

/// <summary>
/// A forged dump of many threads, opened, read and judged anew in each run, as a user does it. "threads": 20 frames each,
/// about 200 distinct stacks, one thread in twenty waits for one stuck server. "locks": five ERESOURCEs for each thread, and a
/// contended one for every fourth.
/// </summary>
[MemoryDiagnoser]
public class WholeDumpBenchmarks
{
    private string _folder = "";

    /// <summary>Which of the forge's floods.</summary>
    [Params("threads", "locks")]
    public string Flood { get; set; } = "";

    /// <summary>Threads of the system.</summary>
    [Params(1_000, 5_000, 20_000)]
    public int Threads { get; set; }

    /// <summary>Forges the dump.</summary>
    [GlobalSetup]
    public void Forge()
    {
        _folder = Directory.CreateTempSubdirectory("hangwhy-benchmark-").FullName;
        SystemBuilder system = ScenarioSet.Build($"{Flood}-{Threads}", KernelLayout.BuiltIn("10.0.19041"));
        ForgedDump.Write(system, _folder);
    }

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    /// <summary>Opens the dump and makes the verdict.</summary>
    [Benchmark]
    public int OpenAndHangWhy() => Run("!hangwhy");

    /// <summary>Opens the dump and lists all contended locks.</summary>
    [Benchmark]
    public int OpenAndOwners() => Run("!owners");

    /// <summary>Opens the dump and groups all stacks.</summary>
    [Benchmark]
    public int OpenAndUniqueStacks() => Run("!us -k");

    private int Run(string line)
    {
        using CommandSession session = new(KernelDumpTarget.Open(Path.Combine(_folder, "memory.dmp")));
        CommandArguments arguments = CommandArguments.Parse(line);
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(CommandTable.Require(arguments).Run(session, arguments).Document);
        return writer.GetStringBuilder().Length;
    }
}
