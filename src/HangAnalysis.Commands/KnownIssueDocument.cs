using HangAnalysis.Analysis;
using HangAnalysis.Analysis.Rules;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Known issues as a part of a verdict's document.</summary>
internal static class KnownIssueDocument
{
    private const int LabelWidth = 12;

    /// <summary>Issues that are told before the rest is counted.</summary>
    private const int Most = 3;

    /// <summary>
    /// Adds those that fit, below the verdict's own evidence: a rule explains a verdict and never replaces it. Where nothing
    /// hangs, a hint has nothing to hint at.
    /// </summary>
    public static void Add(Document document, Verdict verdict, CommandSession session, bool verbose)
    {
        List<IssueMatch> matches = [.. session.FindKnownIssues(verdict)];
        if (verdict.Class == VerdictClass.NoHang)
            matches.RemoveAll(m => m.Issue.Confidence == IssueConfidence.Hint);
        if (matches.Count == 0)
            return;
        int shown = verbose || matches.Count == Most + 1 ? matches.Count : Math.Min(matches.Count, Most);
        for (int i = 0; i < shown; i++)
            Add(document, i == 0 ? "Known" : "", matches[i], session, verbose);
        if (shown < matches.Count)
            document.Add(new LineBlock([$"… and {matches.Count - shown:N0} more; see ", new Span("!rules -m", Tone.Normal, "!rules -m")],
                [], LabelWidth));
        document.Blank();
    }

    /// <summary>Adds one, with what of the dump fits.</summary>
    public static void Add(Document document, string label, IssueMatch match, CommandSession session, bool verbose)
    {
        KnownIssue issue = match.Issue;
        string name = issue.Confidence == IssueConfidence.Hint ? "a hint only" : $"{ContractWords.Of(issue.Confidence)} confidence";
        document.Add(new LineBlock([new Span(label.PadRight(LabelWidth), Tone.Strong),
            new Span(issue.Id, Tone.Strong, $"!rules {issue.Id}"), $" ({name}): {issue.Says}"], [], 0, LabelWidth));
        List<Span> found = ["found: "];
        for (int i = 0; i < match.Findings.Count; i++)
        {
            if (i > 0)
                found.Add(" · ");
            found.AddRange(Links.ToSpans(match.Findings[i], session.System));
        }
        document.Add(new LineBlock(found, [], LabelWidth, 2));
        AddRest(document, issue, verbose, LabelWidth);
    }

    /// <summary>Adds what to do and where it is published; with all evidence also what is left open, and every reference.</summary>
    public static void AddRest(Document document, KnownIssue issue, bool verbose, int indent)
    {
        document.Add(new LineBlock([$"do: {issue.Advice}"], [], indent, 2));
        if (verbose && issue.Note is { } note)
            document.Add(new LineBlock([$"note: {note}"], [], indent, 2));
        for (int i = 0; i < (verbose ? issue.References.Count : 1); i++)
            document.Add(new LineBlock([new Span($"{issue.References[i]} (read {issue.Checked:yyyy-MM-dd})" +
                (issue.File is { } file && i == 0 ? $", rule of {file}" : ""), Tone.Muted)], [], indent, 2));
    }
}
