using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Draws the chain of a root cause: from the thread whose wait matters most to the end.</summary>
internal sealed class ChainBuilder(ISystemFacts system, WaitGraph graph)
{
    /// <summary>Links of one chain that are shown: more than anybody reads. Of a longer one the middle is left out.</summary>
    public const int MostLinks = 64;

    /// <summary>The chain of a root cause. The culprit, where there is one, is added as the last link.</summary>
    public Chain Build(RootCause root, Culprit? culprit)
    {
        List<WaitEdge> steps = [];
        ObjectReference at = Start(root);
        while (root.Waiters.TryGetValue(at, out (WaitEdge Step, int Distance) next))
        {
            steps.Add(next.Step);
            at = next.Step.To;
        }
        if (root.IsCycle)
            AddCycle(root, at, steps);
        List<ChainLink> links = Draw(steps);
        if (root.IsCycle)
        {
            links.Add(End(steps[^1].To, null));
            return new Chain(links, root.BlockedThreads, root.LongestWait, true);
        }
        links.Add(End(at, culprit));
        if (culprit is not null && at.Kind is not ObjectKind.Driver)
            links.Add(new ChainLink(new ObjectReference(ObjectKind.Driver, culprit.Module.BaseAddress),
                culprit.Module.FileName, null, null, null, culprit.Certainty, ""));
        return new Chain(links, root.BlockedThreads, root.LongestWait, false)
        {
            End = culprit is null ? ChainEnds.Of(at, system) : null,
        };
    }

    /// <summary>The circle of a root cause by itself, without what waits for it.</summary>
    public Chain BuildCycle(RootCause root)
    {
        List<WaitEdge> steps = [];
        AddCycle(root, MostImportant(root.Ends), steps);
        List<ChainLink> links = Draw(steps);
        links.Add(End(steps[^1].To, null));
        return new Chain(links, root.BlockedThreads, root.LongestWait, true);
    }

    /// <summary>The links of steps; of too many those at the beginning and at the end.</summary>
    internal List<ChainLink> Draw(List<WaitEdge> steps)
    {
        List<ChainLink> links = new(Math.Min(steps.Count, MostLinks));
        for (int i = 0; i < steps.Count; i++)
        {
            ChainLink link = Link(steps[i]);
            if (steps.Count > MostLinks && i == MostLinks / 2 - 1)
            {
                int omitted = steps.Count - MostLinks;
                link = link with { Omitted = omitted };
                i += omitted;
            }
            links.Add(link);
        }
        return links;
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
        return best is null ? MostImportant(root.Ends) : ObjectReference.To(best.Address);
    }

    /// <summary>Of the ends of a circle that nothing else waits for, the thread that matters most, then the longest wait.</summary>
    private ObjectReference MostImportant(IReadOnlyList<ObjectReference> ends)
    {
        ThreadFacts? best = null;
        foreach (ObjectReference end in ends)
            if (end.Kind == ObjectKind.Thread && system.FindThread(end.Address) is { } thread
                && (best is null || (thread.Process.Importance, thread.Age ?? TimeSpan.Zero)
                    .CompareTo((best.Process.Importance, best.Age ?? TimeSpan.Zero)) > 0))
                best = thread;
        return best is null ? ends[0] : ObjectReference.To(best.Address);
    }

    /// <summary>Adds the shortest way from a member of a circle through the circle back to it.</summary>
    private void AddCycle(RootCause root, ObjectReference first, List<WaitEdge> steps)
    {
        HashSet<ObjectReference> members = [.. root.Ends];
        Dictionary<ObjectReference, WaitEdge> cameBy = [];
        Queue<ObjectReference> queue = new([first]);
        while (!cameBy.ContainsKey(first) && queue.TryDequeue(out ObjectReference at))
            foreach (WaitEdge edge in graph.From(at))
                if (edge.Certainty != Certainty.Candidate && members.Contains(edge.To) && cameBy.TryAdd(edge.To, edge))
                    queue.Enqueue(edge.To);
        int start = steps.Count;
        ObjectReference back = first;
        do
        {
            steps.Add(cameBy[back]);
            back = cameBy[back].From;
        }
        while (back != first);
        steps.Reverse(start, steps.Count - start);
    }

    internal ChainLink Link(WaitEdge step)
    {
        (string name, ThreadFacts? thread, ProcessFacts? process) = Identify(step.From);
        ChainLink link = new(step.From, name, thread, process, step.What, step.Certainty, step.Evidence);
        return thread is null ? link : AddAlike(link, step);
    }

    /// <summary>Counts the threads that wait for the same: a hundred identical victims are one line with a count.</summary>
    private ChainLink AddAlike(ChainLink link, WaitEdge step)
    {
        int count = 0;
        TimeSpan? longest = null;
        foreach (WaitEdge edge in graph.To(step.To))
            if (edge.From != step.From && edge.From.Kind == ObjectKind.Thread
                && system.FindThread(edge.From.Address) is { Activity: ThreadActivity.Waiting } other)
            {
                count++;
                if (other.Age is { } age && (longest is null || age > longest))
                    longest = age;
            }
        return count == 0 ? link : link with { AlikeThreads = count, AlikeLongest = longest };
    }

    internal ChainLink End(ObjectReference reference, Culprit? culprit)
    {
        (string name, ThreadFacts? thread, ProcessFacts? process) = Identify(reference);
        Phrase? waitsFor = thread is not null ? system.DescribeWait(thread) : system.FindObject(reference)?.State;
        string evidence = thread is null || waitsFor is null ? "" : system.DescribeStackCommand(thread);
        return new ChainLink(reference, name, thread, process, waitsFor,
            culprit is null || waitsFor is not null ? Certainty.Proven : culprit.Certainty, evidence);
    }

    /// <summary>What to call an object, and the thread or process that it is.</summary>
    internal (string Name, ThreadFacts? Thread, ProcessFacts? Process) Identify(ObjectReference reference)
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
