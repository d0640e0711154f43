using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Who waits for whom, over all kinds of objects.</summary>
internal sealed class WaitGraph
{
    private readonly Dictionary<ObjectReference, int> _index = [];
    private readonly List<ObjectReference> _nodes = [];
    private readonly List<List<WaitEdge>> _out = [];
    private readonly List<List<WaitEdge>> _in = [];

    public WaitGraph(IReadOnlyList<WaitEdge> edges)
    {
        foreach (WaitEdge edge in edges)
        {
            _out[IndexOf(edge.From)].Add(edge);
            _in[IndexOf(edge.To)].Add(edge);
        }
    }

    /// <summary>The objects of the graph, in the order in which the edges name them.</summary>
    public IReadOnlyList<ObjectReference> Nodes => _nodes;

    /// <summary>The steps away from an object.</summary>
    public IReadOnlyList<WaitEdge> From(ObjectReference node) => _index.TryGetValue(node, out int i) ? _out[i] : [];

    /// <summary>The steps towards an object.</summary>
    public IReadOnlyList<WaitEdge> To(ObjectReference node) => _index.TryGetValue(node, out int i) ? _in[i] : [];

    /// <summary>
    /// Everything that cannot go on before one of <paramref name="ends"/> does, with the step that leads towards the nearest
    /// end and the number of steps.
    /// </summary>
    public Dictionary<ObjectReference, (WaitEdge Step, int Distance)> Waiters(IReadOnlyCollection<ObjectReference> ends)
    {
        Dictionary<ObjectReference, (WaitEdge, int)> waiters = [];
        Queue<(ObjectReference Node, int Distance)> queue = new();
        foreach (ObjectReference end in ends)
            queue.Enqueue((end, 0));
        while (queue.TryDequeue(out (ObjectReference Node, int Distance) next))
            foreach (WaitEdge edge in To(next.Node))
                if (!ends.Contains(edge.From) && waiters.TryAdd(edge.From, (edge, next.Distance + 1)))
                    queue.Enqueue((edge.From, next.Distance + 1));
        return waiters;
    }

    /// <summary>
    /// The strongly connected components with a cycle: each is a deadlock. Steps that are only candidates are left out, for
    /// a guess makes no deadlock.
    /// </summary>
    /// <remarks>
    /// Tarjan's algorithm with a stack of its own: a chain of 100,000 waits must not end the process by recursion.
    /// </remarks>
    public List<List<ObjectReference>> Cycles()
    {
        int count = _nodes.Count;
        int[] order = new int[count];
        int[] low = new int[count];
        bool[] onStack = new bool[count];
        Stack<int> component = new();
        Stack<(int Node, int NextEdge)> work = new();
        List<List<ObjectReference>> cycles = [];
        int counter = 0;
        for (int start = 0; start < count; start++)
        {
            if (order[start] != 0)
                continue;
            work.Push((start, 0));
            while (work.TryPop(out (int Node, int NextEdge) at))
            {
                int node = at.Node;
                if (at.NextEdge == 0)
                {
                    order[node] = low[node] = ++counter;
                    component.Push(node);
                    onStack[node] = true;
                }
                else
                    low[node] = Math.Min(low[node], low[_index[_out[node][at.NextEdge - 1].To]]);
                int edge = at.NextEdge;
                bool descended = false;
                for (; edge < _out[node].Count && !descended; edge++)
                {
                    if (_out[node][edge].Certainty == Certainty.Candidate)
                        continue;
                    int to = _index[_out[node][edge].To];
                    if (order[to] == 0)
                    {
                        work.Push((node, edge + 1));
                        work.Push((to, 0));
                        descended = true;
                    }
                    else if (onStack[to])
                        low[node] = Math.Min(low[node], order[to]);
                }
                if (!descended && low[node] == order[node])
                    Close(node, component, onStack, cycles);
            }
        }
        return cycles;
    }

    private void Close(int root, Stack<int> component, bool[] onStack, List<List<ObjectReference>> cycles)
    {
        List<ObjectReference> members = [];
        int member;
        do
        {
            member = component.Pop();
            onStack[member] = false;
            members.Add(_nodes[member]);
        }
        while (member != root);
        bool waitsForItself = _out[root].Exists(e => e.To == _nodes[root] && e.Certainty != Certainty.Candidate);
        if (members.Count > 1 || waitsForItself)
        {
            members.Reverse();
            cycles.Add(members);
        }
    }

    private int IndexOf(ObjectReference node)
    {
        if (!_index.TryGetValue(node, out int i))
        {
            _index.Add(node, i = _nodes.Count);
            _nodes.Add(node);
            _out.Add([]);
            _in.Add([]);
        }
        return i;
    }
}
