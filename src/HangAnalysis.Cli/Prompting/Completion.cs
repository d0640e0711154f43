using HangAnalysis.Reports;

namespace HangAnalysis.Cli.Prompting;

/// <summary>A word that could be meant.</summary>
/// <param name="Text">What would be typed.</param>
/// <param name="Meaning">What it is, for a list; empty where the word says it.</param>
internal readonly record struct Candidate(string Text, string Meaning = "");

/// <summary>The words that could stand where one was begun.</summary>
/// <param name="Start">Where the word begins in the line.</param>
/// <param name="Candidates">The words.</param>
internal sealed record Completion(int Start, IReadOnlyList<Candidate> Candidates)
{
    private const int Gap = 2;

    /// <summary>What all candidates begin with.</summary>
    public string CommonStart()
    {
        if (Candidates.Count == 0)
            return "";
        string common = Candidates[0].Text;
        foreach (Candidate candidate in Candidates)
        {
            int length = 0;
            while (length < common.Length && length < candidate.Text.Length
                && char.ToLowerInvariant(common[length]) == char.ToLowerInvariant(candidate.Text[length]))
                length++;
            common = common[..length];
        }
        return common;
    }

    /// <summary>The candidates as a list for the screen, one a row, with a last row that counts those that do not fit.</summary>
    public IEnumerable<string> Describe(int width, int rows)
    {
        int column = Gap;
        foreach (Candidate candidate in Candidates)
            column = Math.Max(column, DumpText.Clean(candidate.Text).Length + Gap);
        int shown = Candidates.Count <= rows ? Candidates.Count : Math.Max(1, rows - 1);
        for (int i = 0; i < shown; i++)
        {
            string text = DumpText.Clean(Candidates[i].Text).PadRight(column);
            string row = $"  {text}{DumpText.Clean(Candidates[i].Meaning)}".TrimEnd();
            yield return row.Length > width ? string.Concat(row.AsSpan(0, Math.Max(1, width - 1)), "…") : row;
        }
        if (shown < Candidates.Count)
            yield return $"  … and {Candidates.Count - shown:N0} more";
    }
}

/// <summary>Knows how lines could go on.</summary>
internal interface ICompleter
{
    /// <summary>The words that could stand at the end of what was typed.</summary>
    Completion Complete(string typed);
}
