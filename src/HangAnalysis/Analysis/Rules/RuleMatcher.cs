using HangAnalysis.Model;

namespace HangAnalysis.Analysis.Rules;

/// <summary>Holds rules against the evidence of a dump, and says with what of it they fit.</summary>
public static class RuleMatcher
{
    /// <summary>The issues that fit, the surest first; of equally sure ones that which asks for more.</summary>
    public static IReadOnlyList<IssueMatch> Match(IEnumerable<KnownIssue> issues, RuleEvidence evidence)
    {
        List<(IssueMatch Match, int Weight)> matches = [];
        foreach (KnownIssue issue in issues)
        {
            IssueMatch? best = null;
            int weight = -1;
            foreach (IssueEvidence way in issue.Ways)
                if (way.Weight > weight && Fits(issue.Kind, way, evidence) && new WayMatch(way, evidence).Find() is { } findings)
                    (best, weight) = (new IssueMatch(issue, findings), way.Weight);
            if (best is not null)
                matches.Add((best, weight));
        }
        return [.. matches.OrderByDescending(m => m.Match.Issue.Confidence).ThenByDescending(m => m.Weight)
            .ThenBy(m => m.Match.Issue.Id, StringComparer.Ordinal).Select(m => m.Match)];
    }

    /// <summary>
    /// Whether an issue of a kind can be one of such a dump. Of a system that stopped by itself the stack shows no wait; of a
    /// processor that computes wrong no module is known to have done anything.
    /// </summary>
    private static bool Fits(IssueKind kind, IssueEvidence way, RuleEvidence evidence)
    {
        if (evidence.Cause is { Cause: CrashCause.Hardware, Certainty: not Certainty.Candidate }
            && kind is not (IssueKind.Hardware or IssueKind.Leak) && !way.Causes.Contains(CrashCause.Hardware))
            return false;
        bool isCrash = evidence.Class == VerdictClass.Crash;
        bool isHang = !isCrash && evidence.Class is not (VerdictClass.NoHang or VerdictClass.NotEnoughData);
        return kind switch
        {
            IssueKind.Crash => isCrash || way.Codes.Count > 0,
            IssueKind.Hang => isHang || way.Codes.Count > 0,
            _ => true,
        };
    }
}
