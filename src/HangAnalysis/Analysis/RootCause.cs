using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>An end of the wait graph, with everything that waits for it. docs/verdicts.md has the rules of their order.</summary>
internal sealed class RootCause
{
    private readonly WaitGraph _graph;
    private readonly ISystemFacts _system;
    private Dictionary<ObjectReference, (WaitEdge Step, int Distance)>? _waiters;
    private List<ThreadFacts>? _blocked;

    private RootCause(WaitGraph graph, ISystemFacts system, IReadOnlyList<ObjectReference> ends)
    {
        _graph = graph;
        _system = system;
        Ends = ends;
    }

    /// <summary>The object at the end; the members of a cycle, by kind and address.</summary>
    public IReadOnlyList<ObjectReference> Ends { get; }

    /// <summary>Whether the ends wait for each other.</summary>
    public bool IsCycle { get; private init; }

    /// <summary>
    /// Whether steps lead on, but only guesses: it is the end of what is sure, and counts where what they lead to says nothing.
    /// </summary>
    public bool IsOpen { get; private init; }

    /// <summary>Whether anything waits for it.</summary>
    public bool HasWaiters { get; private init; }

    /// <summary>Threads that cannot go on: those that wait, and the end itself where it waits too.</summary>
    public int BlockedThreads { get; private set; }

    /// <summary>The longest wait; null where ages are unknown.</summary>
    public TimeSpan? LongestWait { get; private set; }

    /// <summary>
    /// How much it matters: threads, weighed by what their processes mean for the users. A thread that may wait for something
    /// else weighs half.
    /// </summary>
    public long Weight { get; private set; }

    /// <summary>What waits, with the step towards the end. Followed when first asked for.</summary>
    public Dictionary<ObjectReference, (WaitEdge Step, int Distance)> Waiters => _waiters ??= _graph.Waiters(Ends);

    /// <summary>The threads that <see cref="BlockedThreads"/> counts.</summary>
    public IReadOnlyList<ThreadFacts> Blocked => _blocked ??= CollectBlocked();

    /// <summary>Finds all ends of a graph, most important first.</summary>
    public static List<RootCause> FindAll(WaitGraph graph, ISystemFacts system)
    {
        WaitComponents sure = WaitComponents.Find(graph, withGuesses: false);
        WaitComponents all = WaitComponents.Find(graph, withGuesses: true);
        List<RootCause> roots = [];
        bool[] holdsCycle = new bool[all.Count];
        HashSet<ObjectReference> inCycle = [];
        foreach (List<ObjectReference> cycle in graph.Cycles(sure))
        {
            inCycle.UnionWith(cycle);
            holdsCycle[all.Of(graph.IndexOf(cycle[0]))] = true;
            roots.Add(new RootCause(graph, system, cycle) { IsCycle = true, HasWaiters = IsAwaited(graph, cycle) });
        }
        bool[] leadsOn = new bool[all.Count];
        for (int node = 0; node < graph.Nodes.Count; node++)
            foreach (int target in graph.Targets(node))
                leadsOn[all.Of(node)] |= all.Of(target) != all.Of(node);
        for (int node = 0; node < graph.Nodes.Count; node++)
            if (!HasSureStep(graph.From(node)) && !inCycle.Contains(graph.Nodes[node]))
            {
                // Among things that wait for each other by guesses only, those are the end from where only guesses lead on.
                bool isOpen = leadsOn[all.Of(node)] || holdsCycle[all.Of(node)];
                ObjectReference end = graph.Nodes[node];
                if (!isOpen || HasSureStep(graph.To(end)))
                    roots.Add(new RootCause(graph, system, [end]) { IsOpen = isOpen, HasWaiters = IsAwaited(graph, [end]) });
            }
        Measure(roots, graph, sure, all, system);
        // A thread can be stuck without anybody waiting for it, or for anything that has an owner.
        HashSet<ThreadFacts> stalled = [];
        foreach (ProcessorFacts processor in system.Processors)
            if (processor is { Stall: not null, Current: { } current })
                stalled.Add(current);
        foreach (ThreadFacts thread in system.Threads)
            if ((thread.Role == WaitRole.Blocked || stalled.Contains(thread)) && !graph.Contains(ObjectReference.To(thread.Address)))
            {
                RootCause alone = new(graph, system, [ObjectReference.To(thread.Address)]);
                WaitSum sum = SumOf(thread, waits: false);
                alone.SetSums(sum, sum);
                roots.Add(alone);
            }
        roots.Sort(Compare);
        return roots;
    }

    /// <summary>
    /// Cycles first, for they never end; then what others wait for; then weight; then age. Ties go by kind and address.
    /// </summary>
    public static int Compare(RootCause a, RootCause b)
    {
        int order = b.IsCycle.CompareTo(a.IsCycle);
        if (order == 0)
            order = b.HasWaiters.CompareTo(a.HasWaiters);
        if (order == 0)
            order = b.Weight.CompareTo(a.Weight);
        if (order == 0)
            order = (b.LongestWait ?? TimeSpan.Zero).CompareTo(a.LongestWait ?? TimeSpan.Zero);
        return order != 0 ? order : WaitGraph.Compare(a.Ends[0], b.Ends[0]);
    }

    private static void Measure(
        List<RootCause> roots, WaitGraph graph, WaitComponents sure, WaitComponents all, ISystemFacts system)
    {
        WaitSum[] own = new WaitSum[graph.Nodes.Count];
        for (int node = 0; node < own.Length; node++)
            if (graph.Nodes[node] is { Kind: ObjectKind.Thread } reference && system.FindThread(reference.Address) is { } thread)
                own[node] = SumOf(thread, waits: graph.From(node).Count > 0);
        int[] ends = new int[roots.Count];
        for (int i = 0; i < ends.Length; i++)
            ends[i] = graph.IndexOf(roots[i].Ends[0]);
        WaitSum[] everything = RootTotals.Measure(graph, all, withGuesses: true, ends, own);
        WaitSum[] sureOnly = RootTotals.Measure(graph, sure, withGuesses: false, ends, own);
        for (int i = 0; i < ends.Length; i++)
            roots[i].SetSums(everything[i], sureOnly[i]);
    }

    private void SetSums(in WaitSum everything, in WaitSum sureOnly)
    {
        BlockedThreads = everything.Threads;
        LongestWait = everything.Longest;
        // Doubled, so that half a weight is a whole number.
        Weight = everything.Weight + sureOnly.Weight;
    }

    private static WaitSum SumOf(ThreadFacts thread, bool waits) => !IsBlocked(thread, waits) ? default : new WaitSum
    {
        Threads = 1,
        Longest = thread.Age,
        Weight = thread.Process.Importance switch
        {
            Importance.Vital => 100,
            Importance.Important => 10,
            _ => 1,
        },
    };

    /// <summary>One that is ready, or spins, waits too, if it waits for somebody.</summary>
    private static bool IsBlocked(ThreadFacts thread, bool waits) => thread.Activity == ThreadActivity.Waiting
        || (waits && thread.Activity is ThreadActivity.Ready or ThreadActivity.Running);

    private List<ThreadFacts> CollectBlocked()
    {
        List<ThreadFacts> blocked = [];
        foreach (ObjectReference end in Ends)
            AddTo(blocked, end);
        foreach (ObjectReference waiter in Waiters.Keys)
            AddTo(blocked, waiter);
        return blocked;
    }

    private void AddTo(List<ThreadFacts> blocked, ObjectReference reference)
    {
        if (reference.Kind == ObjectKind.Thread && _system.FindThread(reference.Address) is { } thread
            && IsBlocked(thread, waits: _graph.From(reference).Count > 0))
            blocked.Add(thread);
    }

    private static bool HasSureStep(ArraySegment<WaitEdge> edges)
    {
        foreach (WaitEdge edge in edges)
            if (edge.Certainty != Certainty.Candidate && edge.From != edge.To)
                return true;
        return false;
    }

    /// <summary>Whether anything outside waits for one of the ends.</summary>
    private static bool IsAwaited(WaitGraph graph, List<ObjectReference> ends)
    {
        HashSet<ObjectReference> members = [.. ends];
        foreach (ObjectReference end in ends)
            foreach (WaitEdge edge in graph.To(end))
                if (!members.Contains(edge.From))
                    return true;
        return false;
    }
}
