using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>A piece of a call tree on which nothing branches off.</summary>
/// <param name="Functions">The functions on it, the outermost first.</param>
/// <param name="Threads">Threads whose stacks go through it, or end at its end.</param>
/// <param name="Branches">Where it goes on, the most threads first.</param>
/// <param name="HiddenBranches">Further branches, which are not followed.</param>
/// <param name="HiddenThreads">Threads on these.</param>
public sealed record CallBranch(
    IReadOnlyList<string> Functions, int Threads, IReadOnlyList<CallBranch> Branches, int HiddenBranches, int HiddenThreads)
{
    /// <summary>Threads whose stacks end here.</summary>
    public int EndingThreads
    {
        get
        {
            int ending = Threads - HiddenThreads;
            foreach (CallBranch branch in Branches)
                ending -= branch.Threads;
            return ending;
        }
    }
}

/// <summary>The stacks of many threads as one tree of functions: what starts in the same way is told once.</summary>
/// <remarks>
/// Stacks are merged by functions and not by addresses, since two calls from one function are two addresses. Of the innermost
/// functions, which only wait, the one that was called stays: how the kernel waits is the same for all. A function that was
/// found by scanning a stack has a question mark.
/// </remarks>
public sealed class CallTree
{
    /// <summary>Levels of branches below each other that are followed.</summary>
    public const int MostLevels = 24;

    /// <summary>Branches at one place that are followed, and roots.</summary>
    public const int MostBranches = 32;

    /// <summary>Functions of the whole tree: 100 bytes each.</summary>
    public const int MostNodes = 262_144;

    private readonly List<Node> _nodes = [];
    private readonly Dictionary<(int Parent, string Function), int> _index = [];
    private readonly List<string> _path = [];

    private CallTree()
    {
    }

    /// <summary>The tree above all roots: it has no function.</summary>
    public CallBranch Top { get; private set; } = new([], 0, [], 0, 0);

    /// <summary>Functions at which stacks begin.</summary>
    public int Roots => Top.Branches.Count + Top.HiddenBranches;

    /// <summary>Threads whose stacks are not followed to their end, because the tree has <see cref="MostNodes"/>.</summary>
    public int CutThreads { get; private set; }

    /// <summary>Merges stacks.</summary>
    /// <param name="stacks">Each with the number of threads that have it.</param>
    /// <param name="cancellation">Ends the walk; the tree then holds the stacks seen so far.</param>
    public static CallTree Build(
        IEnumerable<(StackFacts Stack, int Threads)> stacks, CancellationToken cancellation = default)
    {
        CallTree tree = new();
        tree._nodes.Add(new Node(-1, ""));
        foreach ((StackFacts stack, int threads) in stacks)
        {
            tree.Add(stack, threads);
            if (cancellation.IsCancellationRequested)
                break;
        }
        tree.Top = tree.Compress();
        tree._nodes.Clear();
        tree._index.Clear();
        return tree;
    }

    private void Add(StackFacts stack, int threads)
    {
        TakePath(stack);
        int at = 0;
        foreach (string function in _path)
        {
            _nodes[at].Threads += threads;
            if (!_index.TryGetValue((at, function), out int next))
            {
                if (_nodes.Count >= MostNodes)
                {
                    CutThreads += threads;
                    return;
                }
                next = _nodes.Count;
                _nodes.Add(new Node(at, function) { NextSibling = _nodes[at].FirstChild });
                _index.Add((at, function), next);
                _nodes[at].FirstChild = next;
                _nodes[at].Children++;
            }
            at = next;
        }
        _nodes[at].Threads += threads;
    }

    /// <summary>The functions of a stack, the outermost first.</summary>
    private void TakePath(StackFacts stack)
    {
        int innermost = 0;
        while (innermost + 1 < stack.Frames.Count && stack.Frames[innermost].IsWaitPrimitive
            && stack.Frames[innermost + 1].IsWaitPrimitive)
            innermost++;
        _path.Clear();
        for (int i = stack.Frames.Count - 1; i >= innermost; i--)
        {
            FrameFacts frame = stack.Frames[i];
            _path.Add(frame.Certainty == Certainty.Candidate ? frame.Function + "?" : frame.Function);
        }
    }

    /// <summary>Children have higher numbers than parents: from the last to the first every branch finds its own made.</summary>
    private CallBranch Compress()
    {
        CallBranch?[] made = new CallBranch?[_nodes.Count];
        for (int i = 1; i < _nodes.Count; i++)
            _nodes[i].Level = _nodes[_nodes[i].Parent].Level + (IsStart(i) ? 1 : 0);
        for (int i = _nodes.Count - 1; i > 0; i--)
            if (IsStart(i))
                made[i] = MakeBranch(i, made);
        return MakeBranch(0, made);
    }

    private CallBranch MakeBranch(int start, CallBranch?[] made)
    {
        List<string> functions = [];
        int end = start;
        if (start > 0)
            functions.Add(_nodes[start].Function);
        while (GoesOnAlone(end))
        {
            end = _nodes[end].FirstChild;
            functions.Add(_nodes[end].Function);
        }
        List<CallBranch> branches = new(_nodes[end].Children);
        for (int child = _nodes[end].FirstChild; child > 0; child = _nodes[child].NextSibling)
        {
            branches.Add(made[child]!);
            made[child] = null;
        }
        branches.Sort((a, b) => a.Threads != b.Threads
            ? b.Threads.CompareTo(a.Threads)
            : string.CompareOrdinal(a.Functions[0], b.Functions[0]));
        int followed = _nodes[end].Level >= MostLevels ? 0 : Math.Min(branches.Count, MostBranches);
        int hiddenThreads = 0;
        for (int i = followed; i < branches.Count; i++)
            hiddenThreads += branches[i].Threads;
        int hidden = branches.Count - followed;
        branches.RemoveRange(followed, hidden);
        return new CallBranch(functions, _nodes[start].Threads, branches, hidden, hiddenThreads);
    }

    private bool IsStart(int node) => !GoesOnAlone(_nodes[node].Parent);

    /// <summary>Whether all stacks that come to a function go on to one other. Roots are always branches.</summary>
    private bool GoesOnAlone(int node) =>
        node > 0 && _nodes[node].Children == 1 && _nodes[_nodes[node].FirstChild].Threads == _nodes[node].Threads;

    private sealed class Node(int parent, string function)
    {
        public readonly int Parent = parent;
        public readonly string Function = function;
        public int Threads, FirstChild, NextSibling, Children, Level;
    }
}
