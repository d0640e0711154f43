using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Judges the ends of the wait graph in their order.</summary>
internal sealed class Judges(WaitGraph graph, List<RootCause> roots, ISystemFacts system)
{
    private readonly Dictionary<RootCause, Judgement?> _known = [];
    private readonly Dictionary<ObjectReference, RootCause> _rootOf = [];

    /// <summary>The ends that are evidence of a hang, most important first, and how many were left unjudged.</summary>
    /// <param name="most">How many at most.</param>
    public (List<Judgement> Judgements, int Left) Judge(int most)
    {
        foreach (RootCause root in roots)
            foreach (ObjectReference end in root.Ends)
                _rootOf[end] = root;
        List<Judgement> judgements = [];
        int next = 0;
        for (; next < roots.Count && judgements.Count < most; next++)
            if (Judge(roots[next]) is { } judgement && !(roots[next].IsOpen && IsExplained(roots[next])))
                judgements.Add(judgement);
        int left = 0;
        for (; next < roots.Count; next++)
            if (HangAnalyzer.HasLasted(roots[next]) && !roots[next].IsOpen)
                left++;
        return (judgements, left);
    }

    private Judgement? Judge(RootCause root)
    {
        if (!_known.TryGetValue(root, out Judgement? judgement))
            _known.Add(root, judgement = HangAnalyzer.HasLasted(root) ? Judgement.Of(root, system) : null);
        return judgement;
    }

    /// <summary>
    /// Whether the guesses that lead on from an end lead to one that is evidence. If not, the guesses were wrong or say
    /// nothing, and what waits by recorded steps must not be lost with them.
    /// </summary>
    private bool IsExplained(RootCause open)
    {
        HashSet<ObjectReference> seen = [open.Ends[0]];
        Queue<ObjectReference> queue = new(seen);
        while (queue.TryDequeue(out ObjectReference at))
            foreach (WaitEdge edge in graph.From(at))
            {
                if (!seen.Add(edge.To))
                    continue;
                if (_rootOf.TryGetValue(edge.To, out RootCause? further) && Judge(further) is not null)
                    return true;
                queue.Enqueue(edge.To);
            }
        return false;
    }
}
