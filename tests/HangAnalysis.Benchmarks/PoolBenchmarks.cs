using BenchmarkDotNet.Attributes;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Benchmarks;

/// <summary>
/// The pool by tag with its drivers, on a forged system of many drivers with 200 KB of code each: opened, read and searched anew
/// in each run, as a user does it.
/// </summary>
[MemoryDiagnoser]
public class PoolBenchmarks
{
    private string _folder = "";

    /// <summary>Drivers of the system.</summary>
    [Params(300)]
    public int Drivers { get; set; }

    /// <summary>Forges the dump.</summary>
    [GlobalSetup]
    public void Forge()
    {
        _folder = Directory.CreateTempSubdirectory("hangwhy-benchmark-").FullName;
        ForgedDump.Write(ScenarioSet.Build($"drivers-{Drivers}", KernelLayout.BuiltIn("10.0.19041")), _folder);
    }

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    /// <summary>Opens the dump and lists the pool with its drivers.</summary>
    [Benchmark]
    public int OpenAndPoolWho() => Run("!poolwho");

    /// <summary>The same with the drivers of 200 tags.</summary>
    [Benchmark]
    public int OpenAndPoolWho200() => Run("!poolwho -n 200");

    /// <summary>Opens the dump and shows the figures of memory.</summary>
    [Benchmark]
    public int OpenAndMem() => Run("!mem");

    private int Run(string line)
    {
        using CommandSession session = new(KernelDumpTarget.Open(Path.Combine(_folder, "memory.dmp")));
        CommandArguments arguments = CommandArguments.Parse(line);
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(CommandTable.Require(arguments).Run(session, arguments).Document);
        return writer.GetStringBuilder().Length;
    }
}
