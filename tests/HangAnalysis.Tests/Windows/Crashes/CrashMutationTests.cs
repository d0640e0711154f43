using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>
/// Seeded damage to small dumps of crashes: <c>!crashwhy</c> always ends, soon, with an answer or with one line that says what is
/// wrong. A failing case names its seed, which makes it again.
/// </summary>
public class CrashMutationTests
{
    private const int Mutations = 2000;

    private static readonly string[] s_scenarios = ["crash-1e", "crash-d1-freed", "crash-popcnt", "crash-fc-data", "crash-7e-srv"];

    [TestCaseSource(nameof(s_scenarios))]
    [Parallelizable(ParallelScope.Self)]
    public void Damaged_dumps_are_answered_or_refused_in_one_line(string scenario)
    {
        using ForgedFolder forged = new(scenario);
        byte[] original = File.ReadAllBytes(forged.DumpPath);
        int first = Array.IndexOf(s_scenarios, scenario);
        for (int seed = first; seed < Mutations; seed += s_scenarios.Length)
        {
            File.WriteAllBytes(forged.DumpPath, MutationTests.Mutate(original, new Random(seed)));
            MutationTests.AssertAnswered(forged.DumpPath, $"{scenario} seed {seed}", "!crashwhy", "!crashwhy -v /json");
        }
    }
}
