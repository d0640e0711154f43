using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>Every scenario on every kernel from 9600 on: verdict, culprit and first chain are those true by construction.</summary>
[Parallelizable(ParallelScope.Children)]
public class VerdictMatrixTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string scenario in ScenarioSet.Names.Where(n => !n.StartsWith("threads", StringComparison.Ordinal)
            && !n.StartsWith("locks", StringComparison.Ordinal)))
            foreach (string version in KernelLayout.BuiltInVersions.Where(v => !v.StartsWith("6.1", StringComparison.Ordinal)))
                yield return new TestCaseData(scenario, version).SetArgDisplayNames(scenario, version);
    }

    [TestCaseSource(nameof(Cases))]
    public void The_verdict_is_the_truth(string scenario, string version)
    {
        using ForgedFolder forged = new(scenario, KernelLayout.BuiltIn(version));
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, "!hangwhy");

        AssertTruth(report, forged.Truth);
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
