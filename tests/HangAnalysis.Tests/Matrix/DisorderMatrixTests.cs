using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Matrix;

/// <summary>
/// The order of lists, the place of objects and threads in whatever state change nothing: the verdict, the culprit and the
/// first chain of a scenario in disorder are those of the scenario.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public class DisorderMatrixTests
{
    private const int AllSeeds = 5;

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string scenario in MatrixPlan.Scenarios)
        {
            int first = MatrixPlan.Index(scenario) + MatrixPlan.Part % 1000;
            for (int i = 0; i < (MatrixPlan.IsAll ? AllSeeds : 1); i++)
                yield return new TestCaseData(scenario, MatrixPlan.VersionsOf(scenario, first + i).First(), (ulong)(1 + first + i))
                    .SetArgDisplayNames(scenario, MatrixPlan.VersionsOf(scenario, first + i).First(), $"seed {1 + first + i}");
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void The_verdict_does_not_depend_on_order(string scenario, string version, ulong seed)
    {
        using ForgedFolder forged = new(ScenarioSet.Build(scenario, KernelLayout.BuiltIn(version), seed));
        using CommandSession session = forged.Open();

        VerdictMatrixTests.AssertTruth(ForgedFolder.RunJson(session, "!hangwhy"), forged.Truth);
    }

    [Test]
    public void Disorder_changes_lists_places_and_states_and_the_same_seed_gives_the_same()
    {
        SystemBuilder order = Finished(0), one = Finished(1), again = Finished(1), two = Finished(2);

        Assert.That(Processes(one), Is.EquivalentTo(Processes(order)).And.Not.EqualTo(Processes(order)));
        Assert.That(Processes(again), Is.EqualTo(Processes(one)));
        Assert.That(Processes(two), Is.Not.EqualTo(Processes(one)));
        Assert.That(one.Threads.Select(t => t.Address >> 28).Distinct().Count(), Is.GreaterThan(1), "regions");
        ulong[] states = [.. one.Threads.Select(t => t.Struct.Get("Tcb.State")).Distinct()];
        Assert.That(states.Length, Is.GreaterThan(order.Threads.Select(t => t.Struct.Get("Tcb.State")).Distinct().Count()));
    }

    private static SystemBuilder Finished(ulong seed)
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn("10.0.19041"), seed);
        system.Finish();
        return system;
    }

    private static List<string> Processes(SystemBuilder system)
    {
        List<string> names = [];
        ulong head = system.Variables["PsActiveProcessHead"];
        for (ulong at = system.Kernel.ReadUInt64(head); at != head; at = system.Kernel.ReadUInt64(at))
            names.Add(system.Processes.First(p => p.Struct.At("ActiveProcessLinks") == at).Name);
        return names;
    }
}
