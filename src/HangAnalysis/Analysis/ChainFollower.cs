using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Follows single threads through the wait graph.</summary>
public sealed class ChainFollower
{
    private readonly ISystemFacts _system;
    private readonly WaitGraph _graph;
    private readonly ChainBuilder _builder;

    /// <summary>Prepares the graph of a system.</summary>
    public ChainFollower(ISystemFacts system)
    {
        _system = system;
        _graph = new WaitGraph(system.Edges, system);
        _builder = new ChainBuilder(system, _graph);
    }

    /// <summary>
    /// The chain from a thread to its end, by the surest step at each link; a chain that comes back to a link ends there.
    /// </summary>
    public Chain Follow(ThreadFacts thread)
    {
        List<WaitEdge> steps = [];
        HashSet<ObjectReference> seen = [];
        ObjectReference at = ObjectReference.To(thread.Address);
        bool isCycle;
        while (!(isCycle = !seen.Add(at)) && Surest(at) is { } step)
        {
            steps.Add(step);
            at = step.To;
        }
        int blocked = 0;
        TimeSpan? longest = null;
        foreach (ObjectReference link in seen)
            if (link.Kind == ObjectKind.Thread && _system.FindThread(link.Address) is { } waiting)
            {
                if (waiting.Activity == ThreadActivity.Waiting)
                    blocked++;
                if (waiting.Age is { } age && (longest is null || age > longest))
                    longest = age;
            }
        List<ChainLink> links = _builder.Draw(steps);
        links.Add(_builder.End(at, null));
        return new Chain(links, blocked, longest, isCycle) { End = isCycle ? null : ChainEnds.Of(at, _system) };
    }

    private WaitEdge? Surest(ObjectReference node)
    {
        WaitEdge? step = null;
        foreach (WaitEdge edge in _graph.From(node))
            if (step is null || edge.Certainty > step.Certainty)
                step = edge;
        return step;
    }

    /// <summary>Whether anything is recorded that a thread waits for.</summary>
    public bool HasSteps(ThreadFacts thread) => _graph.From(ObjectReference.To(thread.Address)).Count > 0;

    /// <summary>Whether a thread's chain leads through a process.</summary>
    public static bool LeadsThrough(Chain chain, ProcessFacts process) =>
        chain.Links.Any(l => l.Process == process);
}
