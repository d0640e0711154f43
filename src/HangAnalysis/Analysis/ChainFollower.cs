using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Follows single threads through the wait graph.</summary>
public sealed class ChainFollower
{
    private readonly WaitGraph _graph;
    private readonly ChainBuilder _builder;

    /// <summary>Prepares the graph of a system.</summary>
    public ChainFollower(ISystemFacts system)
    {
        _graph = new WaitGraph(system.Edges);
        _builder = new ChainBuilder(system, _graph);
    }

    /// <summary>
    /// The chain from a thread to its end, by the surest step at each link; a chain that comes back to a link ends there.
    /// </summary>
    public Chain Follow(ThreadFacts thread)
    {
        List<ChainLink> links = [];
        HashSet<ObjectReference> seen = [];
        ObjectReference at = ObjectReference.To(thread.Address);
        bool isCycle = false;
        while (links.Count < ChainBuilder.MostLinks)
        {
            isCycle = !seen.Add(at);
            WaitEdge? step = null;
            foreach (WaitEdge edge in isCycle ? [] : _graph.From(at))
                if (step is null || edge.Certainty > step.Certainty)
                    step = edge;
            if (step is null)
            {
                links.Add(_builder.End(at, null));
                break;
            }
            links.Add(_builder.Link(step));
            at = step.To;
        }
        int blocked = links.Count(l => l.Thread is { Activity: ThreadActivity.Waiting });
        TimeSpan? longest = null;
        foreach (ChainLink link in links)
            if (link.Thread?.Age is { } age && (longest is null || age > longest))
                longest = age;
        return new Chain(links, blocked, longest, isCycle);
    }

    /// <summary>Whether anything is recorded that a thread waits for.</summary>
    public bool HasSteps(ThreadFacts thread) => _graph.From(ObjectReference.To(thread.Address)).Count > 0;

    /// <summary>Whether a thread's chain leads through a process.</summary>
    public static bool LeadsThrough(Chain chain, ProcessFacts process) =>
        chain.Links.Any(l => l.Process == process);
}
