using BenchmarkDotNet.Attributes;
using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Benchmarks;

/// <summary>
/// All threads of a system and their stacks: reading, grouping and printing them, growing up to 50,000 threads of 21 frames.
/// <see cref="CopySameBytes"/> is the limit that the memory sets: it copies as many bytes as the threads' structures and the
/// used parts of their stacks have.
/// </summary>
[MemoryDiagnoser]
public class ThreadFloodBenchmarks
{
    private const string Layout = "10.0.19041";

    private string _folder = "";
    private CommandSession? _session;
    private byte[] _source = [], _copy = [];

    /// <summary>Threads of the system.</summary>
    [Params(1_000, 5_000, 20_000, 50_000)]
    public int Threads { get; set; }

    /// <summary>Forges the dump, and makes a session in which everything was asked once.</summary>
    [GlobalSetup]
    public void Forge()
    {
        _folder = Directory.CreateTempSubdirectory("hangwhy-benchmark-").FullName;
        KernelLayout layout = KernelLayout.BuiltIn(Layout);
        ForgedDump.Write(ScenarioSet.Build($"threads-{Threads}", layout), _folder);
        _session = Open();
        Print(_session, "!us -k");
        _source = new byte[CountBytes(_session, layout.Size("_ETHREAD"))];
        _copy = new byte[_source.Length];
        // Pages that were never written are all one page of zeros.
        Array.Fill(_source, (byte)1);
        Console.WriteLine($"// {_source.Length:N0} bytes of threads and stacks");
    }

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void Remove()
    {
        _session?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Opens the dump and reads all processes, threads and waits: what every command needs.</summary>
    [Benchmark]
    public int OpenAndRead()
    {
        using CommandSession session = Open();
        return session.System.Threads.Count;
    }

    /// <summary>The same, then walks all stacks and groups them.</summary>
    [Benchmark]
    public int OpenAndGroup()
    {
        using CommandSession session = Open();
        return StackGroups.Group(session.System.Threads, session.Windows.GetRawStack).Groups.Count;
    }

    /// <summary>The same, named and printed.</summary>
    [Benchmark]
    public int OpenAndPrint()
    {
        using CommandSession session = Open();
        return Print(session, "!us -k");
    }

    /// <summary>Once more in a session that has seen the stacks.</summary>
    [Benchmark]
    public int PrintAgain() => Print(_session!, "!us -k");

    /// <summary>Copies the bytes of threads and stacks.</summary>
    [Benchmark]
    public void CopySameBytes() => _source.CopyTo(_copy.AsSpan());

    private CommandSession Open() => new(KernelDumpTarget.Open(Path.Combine(_folder, "memory.dmp")));

    private static int Print(CommandSession session, string line)
    {
        CommandArguments arguments = CommandArguments.Parse(line);
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(CommandTable.Require(arguments).Run(session, arguments).Document);
        return writer.GetStringBuilder().Length;
    }

    private static long CountBytes(CommandSession session, int threadSize)
    {
        ulong bytes = 0;
        foreach (ThreadFacts thread in session.System.Threads)
        {
            bytes += (ulong)threadSize;
            IReadOnlyList<FrameFacts> frames = session.System.GetStack(thread).Frames;
            for (int i = 1; i < frames.Count; i++)
                // From the kernel's stack to the program's it goes down, and that is no distance.
                if (frames[i].StackPointer > frames[i - 1].StackPointer
                    && frames[i].StackPointer >> 47 == frames[i - 1].StackPointer >> 47)
                    bytes += frames[i].StackPointer - frames[i - 1].StackPointer;
        }
        return (long)bytes;
    }
}
