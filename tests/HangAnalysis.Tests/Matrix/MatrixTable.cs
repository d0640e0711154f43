using System.Collections.Concurrent;
using System.Text;

namespace HangAnalysis.Tests.Matrix;

/// <summary>
/// One table of docs/matrix.md: what each scenario gave on the kernels of each column, written by the run of everything.
/// </summary>
/// <param name="heading">The heading above the table.</param>
/// <param name="introduction">What the table says, between the heading and the table.</param>
/// <param name="second">What stands in the second column.</param>
/// <param name="columns">The further columns: their names and the kernels that each stands for.</param>
internal sealed class MatrixTable(
    string heading, string introduction, string second, IReadOnlyList<(string Name, string[] Versions)> columns)
{
    /// <summary>What a cell holds where the forge cannot write the scenario for any of its kernels.</summary>
    public const string None = "-";

    private static readonly Lock s_file = new();
    private readonly ConcurrentDictionary<(string Scenario, string Version), (string Class, bool Passed)?> _results = new();

    /// <summary>Where the tables are.</summary>
    public static string FilePath { get; } = Path.Combine(SharedMaterial.RepositoryRoot, "docs", "matrix.md");

    /// <summary>How many cases have a result.</summary>
    public int Count => _results.Count;

    /// <summary>Keeps the result of one case.</summary>
    public void Record(string scenario, string version, string verdictClass, bool passed) =>
        _results[(scenario, version)] = (verdictClass, passed);

    /// <summary>Keeps that the forge cannot write a case.</summary>
    public void RecordNone(string scenario, string version) => _results[(scenario, version)] = null;

    /// <summary>The rows of the table in the file: cells without their spaces, the first of them the scenario.</summary>
    public List<string[]> ReadRows() => [.. Lines().Skip(2).Select(Cells)];

    /// <summary>Names of the columns of the table in the file, without the first two.</summary>
    public string[] ReadColumns() => Cells(Lines().First())[2..];

    /// <summary>What the file says of a scenario on a kernel; null where it says nothing.</summary>
    public string? ReadCell(string scenario, string version)
    {
        int column = 0;
        while (!columns[column].Versions.Contains(version))
            column++;
        return ReadRows().Find(r => r[0] == scenario)?[column + 2];
    }

    /// <summary>Writes the table into the file, in the place of the one with its heading.</summary>
    public void Write(IEnumerable<string> scenarios)
    {
        StringBuilder text = new();
        text.Append($"## {heading}\n\n{introduction.ReplaceLineEndings("\n").Trim()}\n\n| scenario | {second} |");
        foreach ((string name, _) in columns)
            text.Append($" {name} |");
        text.Append("\n|---|---|").Append(string.Concat(Enumerable.Repeat("---|", columns.Count))).Append('\n');
        foreach (string scenario in scenarios)
            AppendRow(text, scenario);
        lock (s_file)
        {
            string file = File.ReadAllText(FilePath);
            int start = file.IndexOf($"## {heading}\n", StringComparison.Ordinal);
            int end = start < 0 ? -1 : file.IndexOf("\n## ", start, StringComparison.Ordinal) + 1;
            string before = start < 0 ? file.TrimEnd() + "\n\n" : file[..start], after = end <= 0 ? "" : "\n" + file[end..];
            File.WriteAllText(FilePath, before + text + after);
        }
    }

    private IEnumerable<string> Lines() => File.ReadLines(FilePath).SkipWhile(l => l != $"## {heading}").Skip(1)
        .TakeWhile(l => !l.StartsWith("## ", StringComparison.Ordinal)).Where(l => l.StartsWith('|'));

    private static string[] Cells(string line) => [.. line.Trim('|').Split('|').Select(c => c.Trim())];

    private void AppendRow(StringBuilder text, string scenario)
    {
        string usual = _results.Where(r => r.Key.Scenario == scenario && r.Value is not null).GroupBy(r => r.Value!.Value.Class)
            .OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).FirstOrDefault()?.Key ?? None;
        text.Append($"| {scenario} | {usual} |");
        foreach ((_, string[] versions) in columns)
        {
            (string Class, bool Passed)[] results =
                [.. versions.Select(v => _results.GetValueOrDefault((scenario, v))).Where(r => r is not null).Select(r => r!.Value)];
            if (results.Length == 0)
            {
                text.Append($" {None} |");
                continue;
            }
            int passed = results.Count(r => r.Passed);
            string other = results[0].Class == usual ? "" : results[0].Class + " ";
            text.Append($" {other}{(passed == results.Length ? "ok" : "FAILED")} {passed}/{results.Length} |");
        }
        text.Append('\n');
    }
}
