using BenchmarkDotNet.Attributes;

namespace HangAnalysis.Benchmarks;

/// <summary>
/// Small dumps of crashes: registers in a parameter's CONTEXT, in one that is searched for, in a trap frame; a full stack; and
/// a record of hardware.
/// </summary>
public class CrashBenchmarks : ForgedDumpBenchmark
{
    /// <summary>The forge's crash.</summary>
    [Params("crash-3b", "crash-1e", "crash-d1-freed", "stop-7f", "stop-124-memory")]
    public string Crash { get; set; } = "";

    /// <inheritdoc/>
    protected override string Scenario => Crash;

    /// <summary>Opens the dump and takes the bug check apart.</summary>
    [Benchmark]
    public int OpenAndCrashWhy() => Run("!crashwhy");
}
