using static System.FormattableString;

namespace HangAnalysis.EngineBenchmarks;

/// <summary>The table, and whether each limit holds.</summary>
internal static class BenchmarkReport
{
    private const double LeastFactor = 8, LongestLoad = 50, LongestUs = 1500, LongestSecondUs = 300, LongestHangWhy = 3000;
    private const double MostGrowth = 250;

    /// <summary>With fewer frames a thread the loop did not do what the extension does.</summary>
    private const double LeastFramesPerThread = 18;

    /// <summary>The engine's unwinder and ours may part on a thread that runs.</summary>
    private const double LargestDifference = 0.01;

    private const double Megabyte = 1024 * 1024;

    /// <summary>Writes everything; whether all limits hold.</summary>
    public static bool Write(EngineBenchmark benchmark, TextWriter output)
    {
        output.WriteLine(Samples.Header);
        foreach (Samples samples in benchmark.All)
            output.WriteLine(samples);
        double depth = (double)benchmark.LoopFrames / benchmark.Threads;
        double difference = Math.Abs(benchmark.ExtensionFrames - benchmark.LoopFrames) / (double)benchmark.LoopFrames;
        output.WriteLine();
        output.WriteLine(Invariant(
            $"{benchmark.Threads:N0} threads; frames: loop {benchmark.LoopFrames:N0}, !us -k {benchmark.ExtensionFrames:N0}, loop without user modules {benchmark.BareLoopFrames:N0}"));
        output.WriteLine(Invariant(
            $"working set {benchmark.Memory.Before / Megabyte:f0} MB before .load, at most {benchmark.Memory.Peak / Megabyte:f0} MB up to the end of the first commands"));
        output.WriteLine();

        // Against ourselves: the loop at its quickest, the extension at its slowest, which is the first command of the process.
        double factor = benchmark.Loop.Best / benchmark.UsCold.Worst;
        double growth = (benchmark.Memory.Peak - benchmark.Memory.Before) / Megabyte;
        bool held = true;
        Judge(depth >= LeastFramesPerThread && difference <= LargestDifference,
            $"same work: {depth:f1} frames a thread, {difference:p2} apart", $"at least {LeastFramesPerThread}, 1 %");
        Judge(factor >= LeastFactor,
            $"!us -k, its slowest cold run: {factor:f1} times faster than the loop's best", $"at least {LeastFactor}");
        Judge(benchmark.UsCold.Worst < LongestUs && benchmark.UsWarm.Worst < LongestSecondUs,
            $"!us -k, its slowest runs: cold {benchmark.UsCold.Worst:f0} ms, warm {benchmark.UsWarm.Worst:f0} ms",
            $"less than {LongestUs} and {LongestSecondUs} ms");
        Judge(benchmark.HangWhyCold.Worst < LongestHangWhy,
            $"!hangwhy, its slowest cold run: {benchmark.HangWhyCold.Worst:f0} ms", $"less than {LongestHangWhy} ms");
        Judge(benchmark.Load.First < LongestLoad, $".load: {benchmark.Load.First:f1} ms", $"less than {LongestLoad} ms");
        Judge(growth < MostGrowth, $"working set grew by {growth:f0} MB", $"less than {MostGrowth} MB");
        return held;

        void Judge(bool holds, FormattableString found, FormattableString limit)
        {
            held &= holds;
            output.WriteLine($"{(holds ? "PASS" : "FAIL")}  {Invariant(found)} (limit: {Invariant(limit)})");
        }
    }
}
