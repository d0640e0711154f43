using System.Text.RegularExpressions;
using HangAnalysis.DumpForge.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Matrix;

/// <summary>docs/features.md says of HangAnalysis only what a scenario or a test shows.</summary>
public partial class FeatureTableTests
{
    private static readonly string[] s_lines =
        [.. File.ReadLines(Path.Combine(SharedMaterial.RepositoryRoot, "docs", "features.md")).Where(l => l.StartsWith("| ", StringComparison.Ordinal))];

    private static IEnumerable<TestCaseData> Rows() =>
        s_lines.Select(Cells).Where(c => c[^1] != "HangAnalysis").Select(c => new TestCaseData(c[0], c[^1]).SetArgDisplayNames(c[0]));

    [TestCaseSource(nameof(Rows))]
    public void Every_cell_names_what_shows_it(string feature, string cell)
    {
        if (cell == "-")
            return;
        string[] names = [.. Name().Matches(cell).Select(m => m.Groups[1].Value)];
        Assert.That(names, Is.Not.Empty, feature);
        Assert.That(Name().Replace(cell, "").Trim(), Is.Empty, $"{feature}: nothing but names");
        foreach (string name in names)
            Assert.That(ScenarioSet.Names.Contains(name) || IsTest(name), $"{feature}: there is no scenario or test {name}");
    }

    [Test]
    public void Every_row_has_a_cell_for_each_tool()
    {
        Assert.That(s_lines, Has.Length.GreaterThan(30));
        foreach (string line in s_lines)
            Assert.That(Cells(line), Has.Length.EqualTo(6).And.None.Empty, line);
    }

    private static string[] Cells(string line) => [.. line.Trim('|').Split('|').Select(c => c.Trim())];

    // Tests inside the engine are in another assembly, which this one does not know: they are looked up in its text.
    private static bool IsTest(string name)
    {
        string[] parts = name.Split('.');
        if (parts.Length != 2)
            return false;
        Type? type = typeof(FeatureTableTests).Assembly.GetTypes().FirstOrDefault(t => t.Name == parts[0]);
        if (type?.GetMethod(parts[1]) is { } method)
            return method.IsDefined(typeof(TestAttribute), false) || method.IsDefined(typeof(TestCaseAttribute), false)
                || method.IsDefined(typeof(TestCaseSourceAttribute), false);
        string folder = Path.Combine(SharedMaterial.RepositoryRoot, "tests", "HangAnalysis.EngineTests");
        return Directory.EnumerateFiles(folder, parts[0] + "*.cs")
            .Any(f => File.ReadAllText(f).Contains($"public void {parts[1]}(", StringComparison.Ordinal));
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Name();
}
