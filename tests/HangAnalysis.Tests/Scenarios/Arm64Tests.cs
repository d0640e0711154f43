using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.Tests.Matrix;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>Systems of ARM64: verdicts and kernel stacks are those true by construction.</summary>
[Parallelizable(ParallelScope.Children)]
public class Arm64Tests
{
    private const string Layout = "arm64:22000";

    /// <summary>Critical sections are found by the stacks of programs, of which the forge writes none for ARM64.</summary>
    private static readonly string[] s_withoutMeans = ["critsec-deadlock", "critsec-orphan", "loader-lock"];

    private static IEnumerable<string> Cases()
    {
        const int Parts = 3;
        foreach (string scenario in MatrixPlan.Scenarios)
            if (!s_withoutMeans.Contains(scenario) && IsForged(scenario) && (MatrixPlan.IsAll || (MatrixPlan.Index(scenario) + MatrixPlan.Part) % Parts == 0))
                yield return scenario;
    }

    [TestCaseSource(nameof(Cases))]
    public void The_verdict_is_the_truth(string scenario)
    {
        using ForgedFolder forged = new(scenario, Layout);
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, "!hangwhy");

        VerdictMatrixTests.AssertTruth(report, forged.Truth);
        Assert.That(session.Windows.Session.Types.Missing, Is.Empty);
    }

    [Test]
    public void Every_waiting_threads_stack_is_the_one_that_was_written() =>
        Assert.That(ForgedStacks.AssertEqual("idle", Layout), Is.GreaterThan(100));

    /// <summary>Whether the forge can write it: what needs trap frames or addresses of transcripts it cannot, and says so.</summary>
    private static bool IsForged(string scenario)
    {
        try
        {
            ScenarioSet.Build(scenario, KernelLayout.BuiltIn(Layout)).Finish();
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or KeyNotFoundException)
        {
            return false;
        }
    }
}
