using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Scenarios.Crashes;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Tests.Scenarios;
using HangAnalysis.Tests.Scenarios.Crashes;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Stops that are hangs, deaths, or forced: verdict, culprit and chain are those of the scenario on every kind of kernel.</summary>
[Parallelizable(ParallelScope.Children)]
public class StopScenarioTests
{
    private static readonly string[] s_layouts =
    [
        "6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.20348", "10.0.22000",
        "5.1.2600", "5.2.3790", "6.0.6002", "x86:6.1.7601", "x86:10.0.19041", "arm64:22000",
    ];

    /// <summary>Asserts what was made; gives the class of the verdict.</summary>
    internal static string Check(string scenario, string layout)
    {
        using ForgedFolder forged = new(scenario, KernelLayout.BuiltIn(layout));
        using CommandSession session = forged.Open();

        VerdictMatrixTests.AssertTruth(ForgedFolder.RunJson(session, "!hangwhy"), forged.Truth);
        Assert.That(session.Windows.Session.Types.Missing, Is.Empty, "types and fields that every kernel was thought to have");
        Assert.That(ForgedFolder.Run(session, "!hangwhy").Split('\n'), Has.All.Length.LessThanOrEqualTo(120));
        return forged.Truth.GetProperty("verdict").GetProperty("class").GetString()!;
    }

    /// <summary>Parameters of a damaged header point anywhere, and most often at something of another kind.</summary>
    [Test]
    public void Any_parameters_give_an_answer()
    {
        int seed = 0;
        foreach (string scenario in StopScenarioSet.All.Keys)
            for (int round = 0; round < 4; round++)
            {
                string layout = s_layouts[seed++ % s_layouts.Length];
                if (ForgeLimits.Reason(scenario, layout) is not null)
                    continue;
                SystemBuilder system = ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout));
                system.Finish();
                Random random = new(seed);
                ulong[] known = [.. system.Structures.Keys.Order()];
                for (int i = 0; i < 4; i++)
                    system.Options.BugCheckParameters[i] = random.Next(4) switch
                    {
                        0 => system.Options.BugCheckParameters[i],
                        1 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
                        2 => (ulong)random.Next(16),
                        _ => known[random.Next(known.Length)] + (ulong)random.Next(0, 64),
                    };
                using ForgedFolder forged = new(system);
                using CommandSession session = forged.Open();

                Assert.That(ForgedFolder.Run(session, "!hangwhy"), Is.Not.Empty, $"{scenario}, seed {seed}");
                Assert.That(session.Windows.Crash?.Blame.Statement, Is.Not.Empty, $"{scenario}, seed {seed}");
            }
    }
}
