using BenchmarkDotNet.Attributes;

namespace HangAnalysis.Benchmarks;

/// <summary>The pool by tag with its drivers, on a system of many drivers with 200 KB of code each.</summary>
public class PoolBenchmarks : ForgedDumpBenchmark
{
    /// <summary>Drivers of the system.</summary>
    [Params(300)]
    public int Drivers { get; set; }

    /// <inheritdoc/>
    protected override string Scenario => $"drivers-{Drivers}";

    /// <summary>Opens the dump and lists the pool with its drivers.</summary>
    [Benchmark]
    public int OpenAndPoolWho() => Run("!poolwho");

    /// <summary>The same with the drivers of 200 tags.</summary>
    [Benchmark]
    public int OpenAndPoolWho200() => Run("!poolwho -n 200");

    /// <summary>Opens the dump and shows the figures of memory.</summary>
    [Benchmark]
    public int OpenAndMem() => Run("!mem");
}
