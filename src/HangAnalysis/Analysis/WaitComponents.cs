using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>
/// The strongly connected components of a wait graph: what waits for each other is one, everything else stands alone.
/// </summary>
/// <remarks>
/// Components are numbered from the ends on: whatever a component waits for has a lower number. Tarjan's algorithm with a
/// stack of its own: a chain of 100,000 waits must not end the process by recursion.
/// </remarks>
internal sealed class WaitComponents
{
    private readonly int[] _of, _start, _members;

    private WaitComponents(int[] of, int count)
    {
        _of = of;
        Count = count;
        _start = new int[count + 1];
        _members = new int[of.Length];
        foreach (int component in of)
            _start[component + 1]++;
        for (int i = 0; i < count; i++)
            _start[i + 1] += _start[i];
        int[] next = [.. _start];
        for (int node = 0; node < of.Length; node++)
            _members[next[of[node]]++] = node;
    }

    /// <summary>How many components there are.</summary>
    public int Count { get; }

    /// <summary>The component of an object.</summary>
    public int Of(int node) => _of[node];

    /// <summary>The objects of a component, by kind and address.</summary>
    public ReadOnlySpan<int> Members(int component) => _members.AsSpan(_start[component].._start[component + 1]);

    /// <summary>Finds the components.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="withGuesses">Whether steps count that are only candidates.</param>
    public static WaitComponents Find(WaitGraph graph, bool withGuesses)
    {
        int count = graph.Nodes.Count;
        int[] of = new int[count];
        int[] order = new int[count];
        int[] low = new int[count];
        Array.Fill(of, -1);
        Stack<int> open = new();
        Stack<(int Node, int NextEdge)> work = new();
        int components = 0, counter = 0;
        for (int start = 0; start < count; start++)
        {
            if (order[start] != 0)
                continue;
            work.Push((start, 0));
            while (work.TryPop(out (int Node, int NextEdge) at))
            {
                int node = at.Node;
                ReadOnlySpan<int> targets = graph.Targets(node);
                ArraySegment<WaitEdge> edges = graph.From(node);
                if (at.NextEdge == 0)
                {
                    order[node] = low[node] = ++counter;
                    open.Push(node);
                }
                else
                    low[node] = Math.Min(low[node], low[targets[at.NextEdge - 1]]);
                bool descended = false;
                for (int i = at.NextEdge; i < targets.Length && !descended; i++)
                {
                    if (!withGuesses && edges[i].Certainty == Certainty.Candidate)
                        continue;
                    if (order[targets[i]] == 0)
                    {
                        work.Push((node, i + 1));
                        work.Push((targets[i], 0));
                        descended = true;
                    }
                    else if (of[targets[i]] < 0)
                        low[node] = Math.Min(low[node], order[targets[i]]);
                }
                if (descended || low[node] != order[node])
                    continue;
                int member;
                do
                {
                    member = open.Pop();
                    of[member] = components;
                }
                while (member != node);
                components++;
            }
        }
        return new WaitComponents(of, components);
    }
}
