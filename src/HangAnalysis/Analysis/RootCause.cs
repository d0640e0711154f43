using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>An end of the wait graph, with everything that waits for it.</summary>
/// <param name="Ends">The object at the end; the members of a cycle.</param>
/// <param name="Waiters">What waits, with the step towards the end.</param>
/// <param name="IsCycle">Whether the ends wait for each other.</param>
internal sealed record RootCause(
    IReadOnlyList<ObjectReference> Ends, Dictionary<ObjectReference, (WaitEdge Step, int Distance)> Waiters, bool IsCycle)
{
    /// <summary>Threads that cannot go on: those that wait, and the end itself where it waits too.</summary>
    public List<ThreadFacts> Blocked { get; } = [];

    /// <summary>The longest wait; null where ages are unknown.</summary>
    public TimeSpan? LongestWait { get; private set; }

    /// <summary>How much it matters: threads, weighed by what their processes mean for the users.</summary>
    public long Weight { get; private set; }

    /// <summary>Finds all ends of a graph, most important first.</summary>
    public static List<RootCause> FindAll(WaitGraph graph, ISystemFacts system)
    {
        List<RootCause> roots = [];
        HashSet<ObjectReference> inCycle = [];
        foreach (List<ObjectReference> cycle in graph.Cycles())
        {
            inCycle.UnionWith(cycle);
            roots.Add(Measure(new RootCause(cycle, graph.Waiters(cycle), true), system));
        }
        HashSet<ObjectReference> inGraph = [];
        foreach (ObjectReference node in graph.Nodes)
        {
            inGraph.Add(node);
            if (graph.From(node).Count == 0 && !inCycle.Contains(node))
                roots.Add(Measure(new RootCause([node], graph.Waiters([node]), false), system));
        }
        // A thread can be stuck without anybody waiting for it, or for anything that has an owner.
        foreach (ThreadFacts thread in system.Threads)
            if (thread.Role == WaitRole.Blocked && !inGraph.Contains(ObjectReference.To(thread.Address)))
                roots.Add(Measure(new RootCause([ObjectReference.To(thread.Address)], [], false), system));
        roots.Sort(Compare);
        return roots;
    }

    private static RootCause Measure(RootCause root, ISystemFacts system)
    {
        foreach (ObjectReference end in root.Ends)
            root.Count(end, system, waits: root.IsCycle);
        foreach (ObjectReference waiter in root.Waiters.Keys)
            root.Count(waiter, system, waits: true);
        return root;
    }

    /// <summary>Counts a thread that cannot go on. One that is ready, or spins, waits too, if it waits for somebody.</summary>
    private void Count(ObjectReference reference, ISystemFacts system, bool waits)
    {
        if (reference.Kind != ObjectKind.Thread || system.FindThread(reference.Address) is not { } thread
            || (thread.Activity != ThreadActivity.Waiting
                && !(waits && thread.Activity is ThreadActivity.Ready or ThreadActivity.Running)))
            return;
        Blocked.Add(thread);
        if (thread.Age is { } age && (LongestWait is null || age > LongestWait))
            LongestWait = age;
        Weight += thread.Process.Importance switch
        {
            Importance.Vital => 100,
            Importance.Important => 10,
            _ => 1,
        };
    }

    /// <summary>Cycles first, for they never end; then what others wait for; then weight; then age. Ties go by address.</summary>
    private static int Compare(RootCause a, RootCause b)
    {
        int order = b.IsCycle.CompareTo(a.IsCycle);
        if (order == 0)
            order = (b.Waiters.Count > 0).CompareTo(a.Waiters.Count > 0);
        if (order == 0)
            order = b.Weight.CompareTo(a.Weight);
        if (order == 0)
            order = (b.LongestWait ?? TimeSpan.Zero).CompareTo(a.LongestWait ?? TimeSpan.Zero);
        return order != 0 ? order : a.Ends[0].Address.CompareTo(b.Ends[0].Address);
    }
}
