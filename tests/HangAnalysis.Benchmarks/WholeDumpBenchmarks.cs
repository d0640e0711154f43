using BenchmarkDotNet.Attributes;

namespace HangAnalysis.Benchmarks;

/// <summary>
/// A forged dump of many threads, opened, read and judged anew in each run, as a user does it. "threads": 20 frames each,
/// about 200 distinct stacks, one thread in twenty waits for one stuck server. "locks": five ERESOURCEs for each thread, and a
/// contended one for every fourth.
/// </summary>
public class WholeDumpBenchmarks : ForgedDumpBenchmark
{
    /// <summary>Which of the forge's floods.</summary>
    [Params("threads", "locks")]
    public string Flood { get; set; } = "";

    /// <summary>Threads of the system.</summary>
    [Params(1_000, 5_000, 20_000)]
    public int Threads { get; set; }

    /// <inheritdoc/>
    protected override string Scenario => $"{Flood}-{Threads}";

    /// <summary>Opens the dump and makes the verdict.</summary>
    [Benchmark]
    public int OpenAndHangWhy() => Run("!hangwhy");

    /// <summary>Opens the dump and lists all contended locks.</summary>
    [Benchmark]
    public int OpenAndOwners() => Run("!owners");

    /// <summary>Opens the dump and groups all stacks.</summary>
    [Benchmark]
    public int OpenAndUniqueStacks() => Run("!us -k");
}
