using BenchmarkDotNet.Attributes;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Benchmarks;

/// <summary>A forged dump that is opened, read and told of anew in each run, as a user does it.</summary>
[MemoryDiagnoser]
public abstract class ForgedDumpBenchmark
{
    private string _folder = "";

    /// <summary>The forge's scenario.</summary>
    protected abstract string Scenario { get; }

    /// <summary>Forges the dump.</summary>
    [GlobalSetup]
    public void Forge()
    {
        _folder = Directory.CreateTempSubdirectory("hangwhy-benchmark-").FullName;
        SystemBuilder system = ScenarioSet.Build(Scenario, KernelLayout.BuiltIn("10.0.19041"));
        ForgedDump.Write(system, _folder, system.PreferredKind);
    }

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    /// <summary>Opens the dump and runs a command; the length of what it prints.</summary>
    protected int Run(string line)
    {
        using CommandSession session = new(KernelDumpTarget.Open(Path.Combine(_folder, "memory.dmp")));
        CommandArguments arguments = CommandArguments.Parse(line);
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(CommandTable.Require(arguments).Run(session, arguments).Document);
        return writer.GetStringBuilder().Length;
    }
}
