using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Who waits for whom, over all kinds of objects.</summary>
/// <remarks>
/// Everything is kept in the order of the objects' kinds and addresses, so that nothing that is made of the graph depends on
/// the order in which lists were read. Of several steps between the same two objects the surest is kept.
/// </remarks>
internal sealed class WaitGraph
{
    private readonly Dictionary<ObjectReference, int> _index = [];
    private readonly ObjectReference[] _nodes;
    private readonly WaitEdge[] _out, _in;
    private readonly int[] _outStart, _inStart, _target;
    private readonly ISystemFacts? _system;

    /// <summary>Makes the graph.</summary>
    /// <param name="edges">Its steps, in any order.</param>
    /// <param name="system">Tells how long threads have waited: of ways that are alike, that through the longest wait is told.</param>
    public WaitGraph(IReadOnlyList<WaitEdge> edges, ISystemFacts? system = null)
    {
        _out = Surest(edges);
        _in = [.. _out];
        _system = system;
        Array.Sort(_in, static (a, b) => Compare(a.To, b.To) is not 0 and var order ? order : Compare(a.From, b.From));
        HashSet<ObjectReference> named = new(_out.Length);
        foreach (WaitEdge edge in _out)
        {
            named.Add(edge.From);
            named.Add(edge.To);
        }
        _nodes = [.. named];
        Array.Sort(_nodes, Compare);
        for (int i = 0; i < _nodes.Length; i++)
            _index.Add(_nodes[i], i);
        _outStart = new int[_nodes.Length + 1];
        _inStart = new int[_nodes.Length + 1];
        _target = new int[_out.Length];
        for (int i = 0; i < _out.Length; i++)
        {
            _target[i] = _index[_out[i].To];
            _outStart[_index[_out[i].From] + 1]++;
            _inStart[_target[i] + 1]++;
        }
        for (int i = 0; i < _nodes.Length; i++)
        {
            _outStart[i + 1] += _outStart[i];
            _inStart[i + 1] += _inStart[i];
        }
    }

    /// <summary>The objects of the graph by kind and address.</summary>
    public IReadOnlyList<ObjectReference> Nodes => _nodes;

    /// <summary>The steps of the graph, one between two objects, by the objects that wait.</summary>
    public IReadOnlyList<WaitEdge> Edges => _out;

    /// <summary>The order of objects that is used wherever nothing else decides: by kind, then by address, then by process.</summary>
    public static int Compare(ObjectReference a, ObjectReference b) =>
        a.Kind != b.Kind ? a.Kind.CompareTo(b.Kind)
        : a.Address != b.Address ? a.Address.CompareTo(b.Address)
        : a.Space.CompareTo(b.Space);

    private TimeSpan AgeOf(ObjectReference node) =>
        node.Kind == ObjectKind.Thread && _system?.FindThread(node.Address)?.Age is { } age ? age : TimeSpan.Zero;

    /// <summary>Whether the graph names an object.</summary>
    public bool Contains(ObjectReference node) => _index.ContainsKey(node);

    /// <summary>The number of an object in <see cref="Nodes"/>; -1 where the graph does not name it.</summary>
    public int IndexOf(ObjectReference node) => _index.GetValueOrDefault(node, -1);

    /// <summary>The steps away from an object.</summary>
    public ArraySegment<WaitEdge> From(ObjectReference node) => _index.TryGetValue(node, out int i) ? From(i) : ArraySegment<WaitEdge>.Empty;

    /// <summary>The steps away from an object by its number.</summary>
    public ArraySegment<WaitEdge> From(int node) => new(_out, _outStart[node], _outStart[node + 1] - _outStart[node]);

    /// <summary>The numbers of the objects that the steps of <see cref="From(int)"/> lead to.</summary>
    public ReadOnlySpan<int> Targets(int node) => _target.AsSpan(_outStart[node].._outStart[node + 1]);

    /// <summary>The steps towards an object.</summary>
    public ArraySegment<WaitEdge> To(ObjectReference node) =>
        _index.TryGetValue(node, out int i) ? new(_in, _inStart[i], _inStart[i + 1] - _inStart[i]) : ArraySegment<WaitEdge>.Empty;

    /// <summary>
    /// Everything that cannot go on before one of <paramref name="ends"/> does, with the first step of its way there and the
    /// length of that way: of several ways the one with the fewest guesses, then the shortest, then the one whose first step
    /// is the surest, then the one whose next thread has waited longest.
    /// </summary>
    public Dictionary<ObjectReference, (WaitEdge Step, int Distance)> Waiters(IReadOnlyCollection<ObjectReference> ends)
    {
        HashSet<ObjectReference> seen = [.. ends];
        Dictionary<ObjectReference, (WaitEdge, int)> waiters = [];
        PriorityQueue<WaitEdge, Way> queue = new();
        foreach (ObjectReference end in ends)
            EnqueueSteps(end, 0, 0);
        while (queue.TryDequeue(out WaitEdge? step, out Way way))
            if (seen.Add(step.From))
            {
                waiters.Add(step.From, (step, way.Distance));
                EnqueueSteps(step.From, way.Guesses, way.Distance);
            }
        return waiters;

        void EnqueueSteps(ObjectReference to, int guesses, int distance)
        {
            foreach (WaitEdge edge in To(to))
                if (!seen.Contains(edge.From))
                    queue.Enqueue(edge, new Way(guesses + (edge.Certainty == Certainty.Candidate ? 1 : 0), distance + 1,
                        edge.Certainty, AgeOf(edge.To), edge.To, edge.From));
        }
    }

    /// <summary>
    /// The strongly connected components with a cycle: each is a deadlock. Steps that are only candidates are left out, for
    /// a guess makes no deadlock.
    /// </summary>
    public List<List<ObjectReference>> Cycles() => Cycles(WaitComponents.Find(this, withGuesses: false));

    /// <summary>The cycles among components that were found without guesses.</summary>
    public List<List<ObjectReference>> Cycles(WaitComponents sure)
    {
        List<List<ObjectReference>> cycles = [];
        for (int component = 0; component < sure.Count; component++)
        {
            ReadOnlySpan<int> members = sure.Members(component);
            if (members.Length == 1 && !WaitsForItself(members[0]))
                continue;
            List<ObjectReference> cycle = new(members.Length);
            foreach (int member in members)
                cycle.Add(_nodes[member]);
            cycles.Add(cycle);
        }
        return cycles;
    }

    private bool WaitsForItself(int node)
    {
        foreach (WaitEdge edge in From(node))
            if (edge.To == edge.From && edge.Certainty != Certainty.Candidate)
                return true;
        return false;
    }

    private static WaitEdge[] Surest(IReadOnlyList<WaitEdge> edges)
    {
        WaitEdge[] sorted = [.. edges];
        Array.Sort(sorted, CompareEdges);
        int kept = 0;
        foreach (WaitEdge edge in sorted)
            if (kept == 0 || sorted[kept - 1].From != edge.From || sorted[kept - 1].To != edge.To)
                sorted[kept++] = edge;
        return sorted[..kept];
    }

    private static int CompareEdges(WaitEdge a, WaitEdge b)
    {
        int order = Compare(a.From, b.From);
        if (order == 0)
            order = Compare(a.To, b.To);
        if (order == 0)
            order = b.Certainty.CompareTo(a.Certainty);
        if (order == 0)
            order = string.CompareOrdinal(a.Evidence, b.Evidence);
        return order != 0 || ReferenceEquals(a, b) ? order : string.CompareOrdinal(a.What.ToString(), b.What.ToString());
    }

    /// <summary>A way to an end as far as it decides which of several is told.</summary>
    private readonly record struct Way(
        int Guesses, int Distance, Certainty First, TimeSpan Age, ObjectReference To, ObjectReference From) : IComparable<Way>
    {
        public int CompareTo(Way other)
        {
            int order = Guesses.CompareTo(other.Guesses);
            if (order == 0)
                order = Distance.CompareTo(other.Distance);
            if (order == 0)
                order = other.First.CompareTo(First);
            if (order == 0)
                order = other.Age.CompareTo(Age);
            if (order == 0)
                order = Compare(To, other.To);
            return order != 0 ? order : Compare(From, other.From);
        }
    }
}
