using HangAnalysis.DumpForge.Scenarios.Crashes;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Tests.Scenarios.Crashes;
using HangAnalysis.Tests.Windows.Crashes;
using NUnit.Framework;

namespace HangAnalysis.Tests.Matrix;

/// <summary>
/// Every forged crash and stop on kernels of all architectures, as small and full dumps in turns: what is to blame, how sure that
/// is, and what waits for whom, are true by construction.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public class StopMatrixTests
{
    /// <summary>Of the kernels each commit tries every so-manieth for a scenario.</summary>
    private const int Parts = 3;

    private static readonly (string Name, string[] Versions)[] s_columns =
    [
        .. MatrixPlan.Generations.Select(g => (g.Build, new[] { g.Versions[^1] })),
        ("x86 2600", ["5.1.2600"]), ("x86 3790", ["5.2.3790"]), ("x86 6002", ["6.0.6002"]), ("x86 7601", ["x86:6.1.7601"]),
        ("x86 19041", ["x86:10.0.19041"]), ("ARM64 22000", ["arm64:22000"]),
    ];

    private static readonly string[] s_scenarios = [.. CrashScenarioSet.Names, .. StopScenarios.Names, .. StopScenarioSet.All.Keys];

    private readonly MatrixTable _table = new("Crashes and stops", """
        Crashes at an instruction (`crash-`), stops that hardware, memory or a checker asked for (`stop-`), and those that are hangs,
        deaths or forced: the cause that !crashwhy names, with its certainty, or the verdict of !hangwhy with its chain. "-" is what
        the kernel does not have, or what the forge cannot write for it: the tests say which and why. The tests of each commit try a
        third of the kernels for every scenario.
        """, "cause or verdict", s_columns);

    private static IEnumerable<TestCaseData> Cases()
    {
        for (int scenario = 0; scenario < s_scenarios.Length; scenario++)
            for (int i = 0; i < s_columns.Length; i++)
                if (MatrixPlan.IsAll || (scenario + MatrixPlan.Part + i) % Parts == 0)
                {
                    string version = s_columns[i].Versions[0];
                    // Kinds take turns by scenario and by round over the kernels.
                    DumpKind kind = (scenario + i / Parts) % 2 == 0 ? DumpKind.Triage : DumpKind.Full;
                    yield return new TestCaseData(s_scenarios[scenario], version, kind)
                        .SetArgDisplayNames(s_scenarios[scenario], version, $"{kind}");
                }
    }

    [OneTimeTearDown]
    public void WriteTable()
    {
        if (MatrixPlan.IsAll && _table.Count == s_scenarios.Length * s_columns.Length)
            _table.Write(s_scenarios);
    }

    [TestCaseSource(nameof(Cases))]
    public void The_cause_is_the_truth(string scenario, string version, DumpKind kind)
    {
        bool isNone = ForgeLimits.Reason(scenario, version) is not null;
        if (!MatrixPlan.IsAll)
            Assert.That(_table.ReadCell(scenario, version), isNone ? Is.EqualTo(MatrixTable.None) : Does.EndWith("ok 1/1"),
                "what the table says; run build/matrix.sh");
        if (isNone)
        {
            _table.RecordNone(scenario, version);
            return;
        }
        _table.Record(scenario, version, "?", false);

        string found = StopScenarioSet.All.ContainsKey(scenario) ? StopScenarioTests.Check(scenario, version)
            : CrashScenarioSet.Names.Contains(scenario) ? ForgedCrashTests.Check(scenario, version, kind)
            : StopTests.Check(scenario, version, kind);

        _table.Record(scenario, version, found.ToLowerInvariant(), true);
    }

    [Test]
    public void The_table_lists_every_scenario_and_nothing_failed()
    {
        if (MatrixPlan.IsAll)
            Assert.Ignore("the table is just being written");
        List<string[]> rows = _table.ReadRows();

        Assert.That(rows.Select(r => r[0]), Is.EqualTo(s_scenarios), "run build/matrix.sh, which writes docs/matrix.md");
        Assert.That(_table.ReadColumns(), Is.EqualTo(s_columns.Select(c => c.Name)), "run build/matrix.sh");
        foreach (string[] row in rows)
            Assert.That(row[2..], Has.All.EqualTo(MatrixTable.None).Or.EndsWith("ok 1/1"), row[0]);
    }
}
