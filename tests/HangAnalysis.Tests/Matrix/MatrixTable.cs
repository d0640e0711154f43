using System.Collections.Concurrent;
using System.Text;

namespace HangAnalysis.Tests.Matrix;

/// <summary>docs/matrix.md: what each scenario gave on the kernels of each build, written by the run of everything.</summary>
internal sealed class MatrixTable
{
    private readonly ConcurrentDictionary<(string Scenario, string Version), (string Class, bool Passed)> _results = new();

    /// <summary>Where the table is.</summary>
    public static string FilePath { get; } = Path.Combine(SharedMaterial.RepositoryRoot, "docs", "matrix.md");

    /// <summary>Whether every case has a result.</summary>
    public bool IsComplete => _results.Count == MatrixPlan.Scenarios.Sum(s => MatrixPlan.VersionsOf(s).Count());

    /// <summary>Keeps the result of one case.</summary>
    public void Record(string scenario, string version, string verdictClass, bool passed) =>
        _results[(scenario, version)] = (verdictClass, passed);

    /// <summary>The rows of the table in the file: cells without their spaces, the first of them the scenario.</summary>
    public static List<string[]> ReadRows() =>
        [.. File.ReadLines(FilePath).Where(l => l.StartsWith('|')).Skip(2)
            .Select(l => l.Trim('|').Split('|').Select(c => c.Trim()).ToArray())];

    /// <summary>The builds that the table in the file has columns for.</summary>
    public static string[] ReadBuilds() =>
        [.. File.ReadLines(FilePath).First(l => l.StartsWith('|')).Trim('|').Split('|').Skip(2).Select(c => c.Trim())];

    /// <summary>Writes the file.</summary>
    public void Write()
    {
        StringBuilder text = new();
        text.Append("""
            # The matrix

            Each scenario of the forge on each kernel layout: class of the verdict, culprit, and every link of the first chain with
            its owners are those true by construction. A cell says on how many of a build's kernels that is so; where a kernel
            does not record what others do, and the truth is another class, the cell names it. Written by `build/matrix.sh`,
            which tries everything; the tests of each commit try every scenario on three builds.


            """.ReplaceLineEndings("\n"));
        text.Append("| scenario | verdict |");
        foreach ((string build, _) in MatrixPlan.Generations)
            text.Append($" {build} |");
        text.Append("\n|---|---|").Append(string.Concat(Enumerable.Repeat("---|", MatrixPlan.Generations.Count))).Append('\n');
        foreach (string scenario in MatrixPlan.Scenarios)
            AppendRow(text, scenario);
        File.WriteAllText(FilePath, text.ToString());
    }

    private void AppendRow(StringBuilder text, string scenario)
    {
        string usual = _results.Where(r => r.Key.Scenario == scenario).GroupBy(r => r.Value.Class)
            .OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).First().Key;
        text.Append($"| {scenario} | {usual} |");
        foreach ((_, string[] versions) in MatrixPlan.Generations)
        {
            (string Class, bool Passed)[] results = [.. versions.Select(v => _results[(scenario, v)])];
            int passed = results.Count(r => r.Passed);
            string other = results[0].Class == usual ? "" : results[0].Class + " ";
            text.Append($" {other}{(passed == results.Length ? "ok" : "FAILED")} {passed}/{results.Length} |");
        }
        text.Append('\n');
    }
}
