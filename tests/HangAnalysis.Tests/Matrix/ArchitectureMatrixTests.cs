using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Matrix;

/// <summary>
/// Every scenario of a hang on systems of x86 from XP to Windows 10 and of ARM64, as far as the forge can write it: verdict, culprit
/// and first chain are those true by construction. What cannot be written is in docs/matrix.md, and nothing else.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public class ArchitectureMatrixTests
{
    private static readonly (string Name, string[] Versions)[] s_columns =
    [
        ("x86 2600", ["5.1.2600"]), ("x86 3790", ["5.2.3790"]), ("x86 6002", ["6.0.6002"]), ("x86 7601", ["x86:6.1.7601"]),
        ("x86 19041", ["x86:10.0.19041"]), ("ARM64 22000", ["arm64:22000"]),
    ];

    /// <summary>What can be written and not be found.</summary>
    private static readonly (string Scenario, string Layout)[] s_withoutMeans =
    [
        // The forge writes a fast mutex's event by the name that it has since Windows 7.
        ("fastmutex-self", "6.0.6002"), ("fastmutex-chain", "6.0.6002"),
        // Critical sections are found by the stacks of programs, of which the forge writes none for ARM64.
        ("critsec-deadlock", "arm64:22000"), ("critsec-orphan", "arm64:22000"), ("loader-lock", "arm64:22000"),
    ];

    private readonly MatrixTable _table = new("Hangs on x86 and ARM64", """
        Kernels of 32 bits and of ARM64. "-" is a scenario that the forge cannot write for it: what it rests on came with a later
        kernel, its addresses are those of a published transcript, or it needs trap frames or programs' stacks of ARM64. The tests
        of each commit try every scenario on two of them.
        """, "verdict", s_columns);

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string scenario in MatrixPlan.Scenarios)
            for (int i = 0; i < s_columns.Length; i++)
                if (MatrixPlan.IsAll || (MatrixPlan.Index(scenario) + MatrixPlan.Part + i) % (s_columns.Length / 2) == 0)
                    yield return new TestCaseData(scenario, s_columns[i].Versions[0]).SetArgDisplayNames(scenario, s_columns[i].Versions[0]);
    }

    [OneTimeTearDown]
    public void WriteTable()
    {
        if (MatrixPlan.IsAll && _table.Count == MatrixPlan.Scenarios.Count * s_columns.Length)
            _table.Write(MatrixPlan.Scenarios);
    }

    [TestCaseSource(nameof(Cases))]
    public void The_verdict_is_the_truth(string scenario, string layout)
    {
        SystemBuilder? system = s_withoutMeans.Contains((scenario, layout)) ? null : TryBuild(scenario, layout);
        if (!MatrixPlan.IsAll)
            Assert.That(_table.ReadCell(scenario, layout), system is null ? Is.EqualTo(MatrixTable.None) : Does.EndWith("ok 1/1"),
                "what the table says; run build/matrix.sh");
        if (system is null)
        {
            _table.RecordNone(scenario, layout);
            return;
        }
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();
        string verdictClass = forged.Truth.GetProperty("verdict").GetProperty("class").GetString()!;
        _table.Record(scenario, layout, verdictClass, false);

        VerdictMatrixTests.AssertTruth(ForgedFolder.RunJson(session, "!hangwhy"), forged.Truth);

        Assert.That(session.Windows.Session.Types.Missing, Is.Empty, "types and fields that every kernel was thought to have");
        _table.Record(scenario, layout, verdictClass, true);
    }

    [Test]
    public void The_table_lists_every_scenario_and_nothing_failed()
    {
        if (MatrixPlan.IsAll)
            Assert.Ignore("the table is just being written");
        List<string[]> rows = _table.ReadRows();

        Assert.That(rows.Select(r => r[0]), Is.EqualTo(MatrixPlan.Scenarios), "run build/matrix.sh, which writes docs/matrix.md");
        Assert.That(_table.ReadColumns(), Is.EqualTo(s_columns.Select(c => c.Name)), "run build/matrix.sh");
        foreach (string[] row in rows)
            Assert.That(row[2..], Has.All.EqualTo(MatrixTable.None).Or.EndsWith("ok 1/1"), row[0]);
    }

    /// <summary>The system, or null where the forge says that it cannot make it.</summary>
    private static SystemBuilder? TryBuild(string scenario, string layout)
    {
        try
        {
            SystemBuilder system = ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout));
            system.Finish();
        }
        catch (Exception exception) when (exception is ArgumentException or KeyNotFoundException)
        {
            return null;
        }
        return ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout));
    }
}
