using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Draws the chain of a root cause: from the thread whose wait matters most to the end.</summary>
internal sealed class ChainBuilder(ISystemFacts system, WaitGraph graph)
{
    /// <summary>Links of one chain that are followed: more than anybody reads.</summary>
    public const int MostLinks = 64;

    /// <summary>The chain of a root cause. The culprit, where there is one, is added as the last link.</summary>
    public Chain Build(RootCause root, Culprit? culprit)
    {
        List<ChainLink> links = [];
        ObjectReference at = Start(root);
        while (root.Waiters.TryGetValue(at, out (WaitEdge Step, int Distance) next) && links.Count < MostLinks)
        {
            links.Add(Link(next.Step));
            at = next.Step.To;
        }
        if (root.IsCycle)
            AddCycle(root, at, links);
        else
        {
            links.Add(End(at, culprit));
            if (culprit is not null && at.Kind is not ObjectKind.Driver)
                links.Add(new ChainLink(new ObjectReference(ObjectKind.Driver, culprit.Module.BaseAddress),
                    culprit.Module.FileName, null, null, null, culprit.Certainty, ""));
        }
        return new Chain(links, root.Blocked.Count, root.LongestWait, root.IsCycle);
    }

    /// <summary>
    /// The thread to begin with: of the chains that lead through the most important threads the longest, then the one whose
    /// first thread has waited longest.
    /// </summary>
    private ObjectReference Start(RootCause root)
    {
        Dictionary<ObjectReference, Importance> importance = [];
        ThreadFacts? best = null;
        (Importance Importance, int Distance) bestRank = default;
        // Nearer waiters come first, so that the next link's importance is known when a waiter's is asked for.
        foreach ((ObjectReference waiter, (WaitEdge step, int distance)) in root.Waiters.OrderBy(w => w.Value.Distance))
        {
            ThreadFacts? thread = waiter.Kind == ObjectKind.Thread ? system.FindThread(waiter.Address) : null;
            Importance own = thread?.Process.Importance ?? Importance.Ordinary;
            Importance further = importance.GetValueOrDefault(step.To);
            importance[waiter] = own > further ? own : further;
            if (thread is null)
                continue;
            (Importance, int) rank = (importance[waiter], distance);
            int order = best is null ? 1 : rank.CompareTo(bestRank);
            if (order == 0)
                order = (thread.Age ?? TimeSpan.Zero).CompareTo(best!.Age ?? TimeSpan.Zero);
            if (order == 0)
                order = best!.Address.Value.CompareTo(thread.Address.Value);
            if (order > 0)
            {
                best = thread;
                bestRank = rank;
            }
        }
        return best is not null ? ObjectReference.To(best.Address) : root.IsCycle ? LongestWaiting(root.Ends) : root.Ends[0];
    }

    /// <summary>A circle has no beginning: it is drawn from the thread that has waited longest, not from the lowest address.</summary>
    private ObjectReference LongestWaiting(IReadOnlyList<ObjectReference> cycle)
    {
        ObjectReference longest = cycle[0];
        TimeSpan? age = null;
        foreach (ObjectReference member in cycle)
            if (member.Kind == ObjectKind.Thread && system.FindThread(member.Address)?.Age is { } own && (age is null || own > age))
                (longest, age) = (member, own);
        return longest;
    }

    private void AddCycle(RootCause root, ObjectReference first, List<ChainLink> links)
    {
        HashSet<ObjectReference> members = [.. root.Ends];
        HashSet<ObjectReference> seen = [];
        ObjectReference at = first;
        while (links.Count < MostLinks)
        {
            if (!seen.Add(at))
            {
                links.Add(End(at, null));
                break;
            }
            WaitEdge? step = null;
            foreach (WaitEdge edge in graph.From(at))
                if (members.Contains(edge.To) && (step is null || edge.Certainty > step.Certainty))
                    step = edge;
            if (step is null)
                break;
            links.Add(Link(step));
            at = step.To;
        }
    }

    internal ChainLink Link(WaitEdge step)
    {
        (string name, ThreadFacts? thread, ProcessFacts? process) = Identify(step.From);
        return new ChainLink(step.From, name, thread, process, step.What, step.Certainty, step.Evidence);
    }

    internal ChainLink End(ObjectReference reference, Culprit? culprit)
    {
        (string name, ThreadFacts? thread, ProcessFacts? process) = Identify(reference);
        Phrase? waitsFor = thread is not null ? system.DescribeWait(thread) : system.FindObject(reference)?.State;
        string evidence = thread is null || waitsFor is null ? "" : system.DescribeStackCommand(thread);
        return new ChainLink(reference, name, thread, process, waitsFor,
            culprit is null || waitsFor is not null ? Certainty.Proven : culprit.Certainty, evidence);
    }

    private (string Name, ThreadFacts? Thread, ProcessFacts? Process) Identify(ObjectReference reference)
    {
        switch (reference.Kind)
        {
            case ObjectKind.Thread when system.FindThread(reference.Address) is { } thread:
                return (thread.Process.Name, thread, thread.Process);
            case ObjectKind.Process when system.FindProcess(reference.Address) is { } process:
                return (process.Name, null, process);
            default:
                ObjectFacts? facts = system.FindObject(reference);
                return (facts?.Name ?? facts?.Title ?? reference.Kind.ToString(), null, null);
        }
    }
}
