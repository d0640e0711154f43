using System.Numerics;
using System.Runtime.InteropServices;
using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Threads that cannot go on, how much they matter, and how long they wait.</summary>
internal struct WaitSum
{
    /// <summary>Distinct threads.</summary>
    public int Threads;

    /// <summary>Their weight.</summary>
    public long Weight;

    /// <summary>The longest wait; null where ages are unknown.</summary>
    public TimeSpan? Longest;

    /// <summary>Adds other threads.</summary>
    public void Add(in WaitSum other)
    {
        Threads += other.Threads;
        Weight += other.Weight;
        if (other.Longest is { } age && (Longest is null || age > Longest))
            Longest = age;
    }
}

/// <summary>Counts, for all ends of a wait graph at once, the distinct threads that cannot go on before each of them does.</summary>
/// <remarks>
/// Nearly everything leads to one end only and is added there once: linear. What leads to several ends is carried through the
/// graph as a set of 64 ends at a time, so that no pair of an end and a waiter is ever visited by itself.
/// </remarks>
internal static class RootTotals
{
    private const int None = -1, Many = -2, BitsOfMask = 64;
    private static readonly List<int> s_nothing = [];

    /// <summary>Counts.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="components">Its components, found with the same <paramref name="withGuesses"/>.</param>
    /// <param name="withGuesses">Whether steps count that are only candidates.</param>
    /// <param name="ends">A node of each end. A cycle's members lie in one component, so that one of them is enough.</param>
    /// <param name="own">What each node counts for itself.</param>
    public static WaitSum[] Measure(
        WaitGraph graph, WaitComponents components, bool withGuesses, IReadOnlyList<int> ends, WaitSum[] own)
    {
        WaitSum[] totals = new WaitSum[ends.Count];
        WaitSum[] sums = new WaitSum[components.Count];
        for (int node = 0; node < own.Length; node++)
            sums[components.Of(node)].Add(own[node]);
        List<int>?[] endsOf = new List<int>?[components.Count];
        for (int end = 0; end < ends.Count; end++)
            (endsOf[components.Of(ends[end])] ??= []).Add(end);
        Successors successors = new(graph, components, withGuesses);
        int[] reach = new int[components.Count];
        List<int> many = [];
        for (int component = 0; component < components.Count; component++)
        {
            int to = None;
            foreach (int end in endsOf[component] ?? s_nothing)
                to = Merge(to, end);
            foreach (int further in successors.Of(component))
                to = Merge(to, reach[further]);
            reach[component] = to;
            if (to == Many)
                many.Add(component);
            else if (to != None)
                totals[to].Add(sums[component]);
        }
        if (many.Count > 0)
            AddMany(successors, endsOf, reach, many, sums, totals);
        return totals;
    }

    private static void AddMany(
        Successors successors, List<int>?[] endsOf, int[] reach, List<int> many, WaitSum[] sums, WaitSum[] totals)
    {
        SortedSet<int> concerned = [];
        foreach (int component in many)
        {
            concerned.UnionWith(endsOf[component] ?? s_nothing);
            foreach (int further in successors.Of(component))
                if (reach[further] >= 0)
                    concerned.Add(reach[further]);
        }
        int[] all = [.. concerned];
        int[] bitOf = new int[totals.Length];
        ulong[] masks = new ulong[reach.Length];
        for (int first = 0; first < all.Length; first += BitsOfMask)
        {
            int last = Math.Min(first + BitsOfMask, all.Length);
            Array.Fill(bitOf, None);
            for (int i = first; i < last; i++)
                bitOf[all[i]] = i - first;
            foreach (int component in many)
            {
                ulong mask = 0;
                foreach (int end in endsOf[component] ?? s_nothing)
                    mask |= BitOf(bitOf, end);
                foreach (int further in successors.Of(component))
                    mask |= reach[further] == Many ? masks[further] : reach[further] >= 0 ? BitOf(bitOf, reach[further]) : 0;
                masks[component] = mask;
                for (; mask != 0; mask &= mask - 1)
                    totals[all[first + BitOperations.TrailingZeroCount(mask)]].Add(sums[component]);
            }
        }
    }

    private static ulong BitOf(int[] bits, int end) => bits[end] == None ? 0 : 1UL << bits[end];

    private static int Merge(int a, int b) => a == None || a == b ? b : b == None ? a : Many;

    /// <summary>The components that each component waits for.</summary>
    private sealed class Successors
    {
        private readonly int[] _start;
        private readonly List<int> _all = [];

        public Successors(WaitGraph graph, WaitComponents components, bool withGuesses)
        {
            _start = new int[components.Count + 1];
            for (int component = 0; component < components.Count; component++)
            {
                foreach (int node in components.Members(component))
                {
                    ReadOnlySpan<int> targets = graph.Targets(node);
                    ArraySegment<WaitEdge> edges = graph.From(node);
                    for (int i = 0; i < targets.Length; i++)
                        if (components.Of(targets[i]) != component && (withGuesses || edges[i].Certainty != Certainty.Candidate))
                            _all.Add(components.Of(targets[i]));
                }
                _start[component + 1] = _all.Count;
            }
        }

        public ReadOnlySpan<int> Of(int component) =>
            CollectionsMarshal.AsSpan(_all)[_start[component].._start[component + 1]];
    }
}
