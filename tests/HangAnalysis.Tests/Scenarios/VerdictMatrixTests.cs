using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.Tests.Matrix;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>
/// Every scenario on every kernel, or on those of the part that is run: verdict, culprit and first chain are those true by
/// construction, and nothing is missing from a whole kernel's symbols.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public class VerdictMatrixTests
{
    private readonly MatrixTable _table = new("Hangs on x64", """
        A cell says on how many of a build's kernels the verdict is true; where a kernel does not record what others do, and the
        truth is another class, the cell names it. The tests of each commit try every scenario on three builds.
        """, "verdict", MatrixPlan.Generations);

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string scenario in MatrixPlan.Scenarios)
            foreach (string version in MatrixPlan.VersionsOf(scenario))
                yield return new TestCaseData(scenario, version).SetArgDisplayNames(scenario, version);
    }

    [OneTimeTearDown]
    public void WriteTable()
    {
        if (MatrixPlan.IsAll && _table.Count == MatrixPlan.Scenarios.Sum(s => MatrixPlan.VersionsOf(s).Count()))
            _table.Write(MatrixPlan.Scenarios);
    }

    [TestCaseSource(nameof(Cases))]
    public void The_verdict_is_the_truth(string scenario, string version)
    {
        using ForgedFolder forged = new(scenario, KernelLayout.BuiltIn(version));
        using CommandSession session = forged.Open();
        string verdictClass = forged.Truth.GetProperty("verdict").GetProperty("class").GetString()!;
        _table.Record(scenario, version, verdictClass, false);

        JsonElement report = ForgedFolder.RunJson(session, "!hangwhy");

        AssertTruth(report, forged.Truth);
        Assert.That(session.Windows.Session.Types.Missing, Is.Empty,
            "types and fields that every kernel was thought to have");
        _table.Record(scenario, version, verdictClass, true);
    }

    [Test]
    public void The_table_lists_every_scenario_and_every_build_and_nothing_failed()
    {
        if (MatrixPlan.IsAll)
            Assert.Ignore("the table is just being written");
        List<string[]> rows = _table.ReadRows();

        Assert.That(rows.Select(r => r[0]), Is.EqualTo(MatrixPlan.Scenarios), "run build/matrix.sh, which writes docs/matrix.md");
        Assert.That(_table.ReadColumns(), Is.EqualTo(MatrixPlan.Generations.Select(g => g.Build)), "run build/matrix.sh");
        foreach (string[] row in rows)
            for (int i = 0; i < MatrixPlan.Generations.Count; i++)
                Assert.That(row[i + 2], Does.EndWith($"ok {MatrixPlan.Generations[i].Versions.Length}/{MatrixPlan.Generations[i].Versions.Length}"),
                    row[0]);
    }

    [Test]
    public void Every_part_tries_every_scenario_on_three_builds_and_parts_together_try_all()
    {
        foreach (string scenario in MatrixPlan.Scenarios)
        {
            HashSet<string> tried = [];
            // The most revisions of one build are three, each in one of as many rounds over all builds.
            for (int part = 0; part < 3 * MatrixPlan.Generations.Count; part++)
            {
                string[] versions = [.. MatrixPlan.VersionsOf(scenario, part)];
                Assert.That(versions.Select(v => v.Split('.')[2]).Distinct().Count(), Is.EqualTo(3), $"{scenario}, part {part}");
                tried.UnionWith(versions);
            }
            Assert.That(tried, Is.EquivalentTo(KernelLayout.BuiltInVersions), scenario);
        }
    }

    [Test]
    public void Layout_files_give_what_the_built_in_table_gives()
    {
        string folder = SharedMaterial.Require("layouts");
        foreach (string file in Directory.EnumerateFiles(folder, "nt-x64-10.0.*.json").Order(StringComparer.Ordinal))
        {
            using ForgedFolder forged = new("small", KernelLayout.Load(file));
            using CommandSession session = forged.Open();

            AssertTruth(ForgedFolder.RunJson(session, "!hangwhy"), forged.Truth);
        }
    }

    internal static void AssertTruth(JsonElement report, JsonElement truth)
    {
        JsonElement verdict = report.GetProperty("verdict");
        JsonElement expected = truth.GetProperty("verdict");
        string summary = verdict.GetProperty("summary").GetString()!;
        Assert.That(verdict.GetProperty("class").GetString(), Is.EqualTo(expected.GetProperty("class").GetString()), summary);
        JsonElement culprit = expected.GetProperty("culprit");
        if (culprit.ValueKind == JsonValueKind.Null)
            Assert.That(verdict.GetProperty("culprit").ValueKind, Is.EqualTo(JsonValueKind.Null), summary);
        else
            foreach (string property in new[] { "module", "company", "version" })
                Assert.That(verdict.GetProperty("culprit").GetProperty(property).GetString(),
                    Is.EqualTo(culprit.GetProperty(property).GetString()!.TrimEnd()), summary);
        JsonElement chains = truth.GetProperty("chains");
        if (chains.GetArrayLength() > 0)
            Assert.That(FromOnePoint(Links(report.GetProperty("chains")[0])), Is.EqualTo(FromOnePoint(Links(chains[0]))), summary);
    }

    private static List<string> Links(JsonElement chain) =>
        [.. chain.GetProperty("links").EnumerateArray().Select(l =>
            $"{l.GetProperty("kind").GetString()} {l.GetProperty("address").GetString()} {Number(l, "pid")}.{Number(l, "tid")}")];

    /// <summary>A circle is the same from whichever of its links it is drawn: here from the one that sorts first.</summary>
    private static List<string> FromOnePoint(List<string> links)
    {
        if (links.Count < 2 || links[0] != links[^1])
            return links;
        List<string> members = links[1..];
        int first = members.IndexOf(members.Min(StringComparer.Ordinal)!);
        return [.. members[first..], .. members[..first]];
    }

    private static string Number(JsonElement link, string property) =>
        link.TryGetProperty(property, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetRawText() : "-";
}
