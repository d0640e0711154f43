using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Somebody who waits for a lock.</summary>
/// <param name="Reference">Who: mostly a thread.</param>
/// <param name="Thread">The thread, if it is one that is known.</param>
/// <param name="Step">What is recorded of the wait: access, certainty, evidence.</param>
public sealed record LockWaiter(ObjectReference Reference, ThreadFacts? Thread, WaitEdge Step);

/// <summary>Somebody who has a lock, or who must act.</summary>
/// <param name="Reference">Who: mostly a thread.</param>
/// <param name="Thread">The thread, if it is one that is known.</param>
/// <param name="Step">What is recorded of the ownership: mode, certainty, evidence.</param>
/// <param name="WaitsFor">What the owner waits for or does; null where nothing is known of it.</param>
public sealed record LockOwner(ObjectReference Reference, ThreadFacts? Thread, WaitEdge Step, Phrase? WaitsFor);

/// <summary>A lock, or anything else that somebody waits for and that can be owned or signalled.</summary>
/// <param name="Reference">The object.</param>
/// <param name="Kind">Kind in the field's words: <c>ERESOURCE</c>, <c>mutant</c>.</param>
/// <param name="Name">Name of the object where it has one. Text from the dump.</param>
/// <param name="State">What its state says about why nobody gets on, or null.</param>
/// <param name="Owners">Who has it, the surest first; empty where that is not recorded.</param>
/// <param name="Waiters">Who waits for it, the longest first.</param>
/// <param name="Oldest">The longest wait; null where ages are unknown.</param>
public sealed record ContendedLock(
    ObjectReference Reference, string Kind, string? Name, Phrase? State, IReadOnlyList<LockOwner> Owners,
    IReadOnlyList<LockWaiter> Waiters, TimeSpan? Oldest);

/// <summary>All contended locks of a system, and the circles among them.</summary>
/// <remarks>
/// Made of the wait graph alone: a kind of lock that is read into the graph one day appears here without another line.
/// </remarks>
public sealed class LockOverview
{
    private readonly ISystemFacts _system;
    private readonly WaitGraph _graph;
    private IReadOnlyList<ContendedLock>? _contended;
    private IReadOnlyList<Chain>? _deadlocks;
    private Dictionary<ObjectReference, List<(ContendedLock, LockOwner)>>? _held;

    /// <summary>Prepares the graph of a system.</summary>
    public LockOverview(ISystemFacts system)
    {
        _system = system;
        _graph = new WaitGraph(system.Edges, system);
    }

    /// <summary>Steps of the wait graph.</summary>
    public int Steps => _graph.Edges.Count;

    /// <summary>Steps that are only candidates.</summary>
    public int Guesses => _graph.Edges.Count(e => e.Certainty == Certainty.Candidate);

    /// <summary>The locks that somebody waits for: most waiters first, then the longest wait.</summary>
    public IReadOnlyList<ContendedLock> Contended => _contended ??= Collect();

    /// <summary>What an object waits for, or what keeps it: the steps of the wait graph away from it.</summary>
    public IReadOnlyList<WaitEdge> StepsFrom(ObjectReference node) => _graph.From(node);

    /// <summary>The locks with waiters that somebody has, with what is recorded of that.</summary>
    public IReadOnlyList<(ContendedLock Lock, LockOwner Ownership)> HeldBy(ObjectReference owner) =>
        (_held ??= IndexOwners()).TryGetValue(owner, out List<(ContendedLock, LockOwner)>? held) ? held : [];

    /// <summary>Every circle of waits, each once, the most important first. What waits for it is counted and not drawn.</summary>
    public IReadOnlyList<Chain> Deadlocks => _deadlocks ??= FindDeadlocks();

    private Dictionary<ObjectReference, List<(ContendedLock, LockOwner)>> IndexOwners()
    {
        Dictionary<ObjectReference, List<(ContendedLock, LockOwner)>> index = [];
        foreach (ContendedLock held in Contended)
            foreach (LockOwner owner in held.Owners)
            {
                if (!index.TryGetValue(owner.Reference, out List<(ContendedLock, LockOwner)>? list))
                    index.Add(owner.Reference, list = []);
                list.Add((held, owner));
            }
        return index;
    }

    private List<Chain> FindDeadlocks()
    {
        ChainBuilder builder = new(_system, _graph);
        List<Chain> chains = [];
        foreach (RootCause root in RootCause.FindAll(_graph, _system))
            if (root.IsCycle)
                chains.Add(builder.BuildCycle(root));
        return chains;
    }

    private List<ContendedLock> Collect()
    {
        List<ContendedLock> locks = [];
        foreach (ObjectReference node in _graph.Nodes)
            if (node.Kind is ObjectKind.Lock or ObjectKind.Event && _graph.To(node).Count > 0)
                locks.Add(Describe(node));
        locks.Sort(Compare);
        return locks;
    }

    private ContendedLock Describe(ObjectReference node)
    {
        List<LockWaiter> waiters = [];
        TimeSpan? oldest = null;
        foreach (WaitEdge step in _graph.To(node))
        {
            ThreadFacts? thread = ThreadOf(step.From);
            waiters.Add(new LockWaiter(step.From, thread, step));
            if (thread?.Age is { } age && (oldest is null || age > oldest))
                oldest = age;
        }
        waiters.Sort((a, b) => (b.Thread?.Age ?? TimeSpan.Zero).CompareTo(a.Thread?.Age ?? TimeSpan.Zero) is not 0 and var order
            ? order
            : WaitGraph.Compare(a.Reference, b.Reference));
        List<LockOwner> owners = [];
        foreach (WaitEdge step in _graph.From(node))
            owners.Add(new LockOwner(step.To, ThreadOf(step.To), step, WaitOf(step.To)));
        owners.Sort((a, b) => b.Step.Certainty.CompareTo(a.Step.Certainty) is not 0 and var order
            ? order
            : WaitGraph.Compare(a.Reference, b.Reference));
        ObjectFacts? facts = _system.FindObject(node);
        return new ContendedLock(node, facts?.Title ?? (node.Kind == ObjectKind.Event ? "event" : "lock"), facts?.Name,
            facts?.State, owners, waiters, oldest);
    }

    private Phrase? WaitOf(ObjectReference owner)
    {
        WaitEdge? surest = null;
        foreach (WaitEdge step in _graph.From(owner))
            if (surest is null || step.Certainty > surest.Certainty)
                surest = step;
        if (surest is not null)
            return surest.What;
        return ThreadOf(owner) is { } thread && !thread.HasExited && _system.DescribeWait(thread) is { } wait
            ? wait
            : ChainEnds.Of(owner, _system);
    }

    private ThreadFacts? ThreadOf(ObjectReference reference) =>
        reference.Kind == ObjectKind.Thread ? _system.FindThread(reference.Address) : null;

    private static int Compare(ContendedLock a, ContendedLock b)
    {
        int order = b.Waiters.Count.CompareTo(a.Waiters.Count);
        if (order == 0)
            order = (b.Oldest ?? TimeSpan.Zero).CompareTo(a.Oldest ?? TimeSpan.Zero);
        return order != 0 ? order : WaitGraph.Compare(a.Reference, b.Reference);
    }
}
