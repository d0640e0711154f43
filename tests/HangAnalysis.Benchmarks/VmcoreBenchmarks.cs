using BenchmarkDotNet.Attributes;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Linux.Systems;
using HangAnalysis.Reports;

namespace HangAnalysis.Benchmarks;

/// <summary>A forged vmcore of many tasks, opened, read and judged anew in each run, as a user does it.</summary>
[MemoryDiagnoser]
public class VmcoreBenchmarks
{
    private string _folder = "";
    private string _path = "";

    /// <summary>Tasks of the system.</summary>
    [Params(1_000, 5_000, 20_000, 50_000)]
    public int Tasks { get; set; }

    /// <summary>Forges the vmcore.</summary>
    [GlobalSetup]
    public void Forge()
    {
        _folder = Directory.CreateTempSubdirectory("hangwhy-benchmark-").FullName;
        LinuxLayout layout = LinuxLayout.Linux61;
        _path = ForgedVmcore.Make("many-tasks", layout, options: new LinuxOptions(layout) { Tasks = Tasks }).Write(_folder, "many");
    }

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    /// <summary>Opens the vmcore and makes the verdict.</summary>
    [Benchmark]
    public int OpenAndHangWhy() => Run("!hangwhy");

    /// <summary>Opens the vmcore and groups all stacks.</summary>
    [Benchmark]
    public int OpenAndUniqueStacks() => Run("!us");

    private int Run(string line)
    {
        using CommandSession session = new(DumpFiles.Open(_path));
        CommandArguments arguments = CommandArguments.Parse(line);
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(session.Commands.Require(arguments).Run(session, arguments).Document);
        return writer.GetStringBuilder().Length;
    }
}
