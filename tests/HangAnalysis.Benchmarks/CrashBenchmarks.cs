using BenchmarkDotNet.Attributes;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Benchmarks;

/// <summary>A forged small dump of a crash, opened and taken apart anew in each run, as a user does it.</summary>
[MemoryDiagnoser]
public class CrashBenchmarks
{
    private string _folder = "";

    /// <summary>By trap frame; by CONTEXT and record that are searched for; by the processor's identity.</summary>
    [Params("crash-d1-freed", "crash-1e", "crash-popcnt")]
    public string Scenario { get; set; } = "";

    /// <summary>Forges the dump.</summary>
    [GlobalSetup]
    public void Forge()
    {
        _folder = Directory.CreateTempSubdirectory("hangwhy-benchmark-").FullName;
        ForgedDump.Write(ScenarioSet.Build(Scenario, KernelLayout.BuiltIn("10.0.19041")), _folder, DumpKind.Triage);
    }

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    /// <summary>Opens the dump and says why it crashed.</summary>
    [Benchmark]
    public int OpenAndCrashWhy()
    {
        using CommandSession session = new(KernelDumpTarget.Open(Path.Combine(_folder, "memory.dmp")));
        CommandArguments arguments = CommandArguments.Parse("!crashwhy");
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(CommandTable.Require(arguments).Run(session, arguments).Document);
        return writer.GetStringBuilder().Length;
    }
}
