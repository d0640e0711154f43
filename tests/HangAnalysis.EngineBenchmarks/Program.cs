using System.Globalization;
using HangAnalysis.DbgEng;
using HangAnalysis.EngineBenchmarks;
using HangAnalysis.EngineHost;

const int ExitHeld = 0, ExitMissed = 1, ExitUsage = 2, ExitUnreadable = 3;
const string HangWhyFirst = "--hangwhy-first";
const int OpeningTimeout = 60_000;

bool hangWhyFirst = args.Contains(HangWhyFirst);
string[] words = [.. args.Where(a => a != HangWhyFirst)];
if (words.Length != 2 || !int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out int rounds) || rounds == 0)
{
    Console.Error.WriteLine($"usage: hangbench [{HangWhyFirst}] DUMP ROUNDS; HangAnalysis.dll lies beside this program");
    return ExitUsage;
}
try
{
    using EngineSession engine = new();
    engine.SetOutput(TextWriter.Null);
    engine.Open(words[0], Path.GetDirectoryName(words[0]), OpeningTimeout);
    using EngineBenchmark benchmark = new(engine, Path.Combine(AppContext.BaseDirectory, "HangAnalysis.dll"));
    benchmark.Run(rounds, hangWhyFirst);
    return BenchmarkReport.Write(benchmark, Console.Out) ? ExitHeld : ExitMissed;
}
catch (Exception exception) when (exception is DebugEngineException or DllNotFoundException)
{
    Console.Error.WriteLine($"hangbench: {exception.Message}");
    return ExitUnreadable;
}
