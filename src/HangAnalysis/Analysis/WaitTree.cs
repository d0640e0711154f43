using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>An object in the tree of what a thread waits for.</summary>
/// <param name="Reference">The object.</param>
/// <param name="Name">What to call it. Text from the dump.</param>
/// <param name="Thread">The thread, if it is one that is known.</param>
/// <param name="Process">The process that it is or belongs to, or null.</param>
/// <param name="Step">The step that leads here; null for the thread that is asked about.</param>
public sealed record WaitTreeNode(
    ObjectReference Reference, string Name, ThreadFacts? Thread, ProcessFacts? Process, WaitEdge? Step)
{
    /// <summary>What it waits for, the surest first.</summary>
    public IReadOnlyList<WaitTreeNode> Children { get; internal set; } = [];

    /// <summary>Why nothing follows or not everything is shown; null where the branches are whole.</summary>
    public Phrase? Note { get; internal set; }

    /// <summary>Whether it stands further up on its own way: then the waits are a circle.</summary>
    public bool ClosesCircle { get; internal set; }
}

/// <summary>Everything that one thread waits for, with all branches, and one sentence about it.</summary>
public sealed class WaitTree
{
    /// <summary>Levels below the thread that are shown.</summary>
    public const int MostLevels = 24;

    /// <summary>Branches of one object that are shown.</summary>
    public const int MostBranches = 8;

    /// <summary>Objects of one tree that are shown.</summary>
    public const int MostNodes = 256;

    private readonly ISystemFacts _system;
    private readonly WaitGraph _graph;
    private readonly ChainBuilder _builder;
    private readonly List<WaitTreeNode> _ends = [];
    private readonly HashSet<ObjectReference> _inCircle = [];
    private bool _isCircle, _isCut;
    private int _nodes;

    /// <summary>Makes the tree of a thread.</summary>
    public WaitTree(ISystemFacts system, ThreadFacts thread) : this(system, new WaitGraph(system.Edges, system), thread)
    {
    }

    internal WaitTree(ISystemFacts system, WaitGraph graph, ThreadFacts thread)
    {
        _system = system;
        _graph = graph;
        _builder = new ChainBuilder(system, graph);
        foreach (List<ObjectReference> circle in graph.Cycles())
            _inCircle.UnionWith(circle);
        Thread = thread;
        Root = Grow(ObjectReference.To(thread.Address));
        Summary = Summarize();
    }

    /// <summary>The thread that is asked about.</summary>
    public ThreadFacts Thread { get; }

    /// <summary>Its node.</summary>
    public WaitTreeNode Root { get; }

    /// <summary>One sentence: what the thread waits for, and what stands at the end.</summary>
    public Phrase Summary { get; }

    /// <summary>Level by level, so that what is cut off for its number is what is farthest away.</summary>
    private WaitTreeNode Grow(ObjectReference thread)
    {
        WaitTreeNode root = Node(thread, null);
        HashSet<ObjectReference> drawn = [thread];
        Dictionary<WaitTreeNode, WaitTreeNode> parents = new(ReferenceEqualityComparer.Instance);
        Queue<(WaitTreeNode Node, int Level)> queue = new([(root, 0)]);
        while (queue.TryDequeue(out (WaitTreeNode Node, int Level) next))
        {
            List<WaitEdge> steps = [.. _graph.From(next.Node.Reference)];
            if (steps.Count == 0)
            {
                next.Node.Note = EndOf(next.Node);
                _ends.Add(next.Node);
                continue;
            }
            if (next.Level == MostLevels || _nodes >= MostNodes)
            {
                _isCut = true;
                next.Node.Note = Phrase.Of($"it goes on: {steps.Count:N0} further step{(steps.Count == 1 ? "" : "s")} not shown");
                continue;
            }
            steps.Sort((a, b) => b.Certainty.CompareTo(a.Certainty) is not 0 and var order ? order : WaitGraph.Compare(a.To, b.To));
            List<WaitTreeNode> children = [];
            foreach (WaitEdge step in steps)
            {
                if (children.Count == MostBranches)
                {
                    _isCut = true;
                    next.Node.Note = Phrase.Of($"{steps.Count - MostBranches:N0} more of {steps.Count:N0} are not shown");
                    break;
                }
                WaitTreeNode child = Node(step.To, step);
                children.Add(child);
                parents.Add(child, next.Node);
                if (drawn.Add(step.To))
                    queue.Enqueue((child, next.Level + 1));
                else
                    MarkRepeated(child, parents);
            }
            next.Node.Children = children;
        }
        return root;
    }

    private static void MarkRepeated(WaitTreeNode node, Dictionary<WaitTreeNode, WaitTreeNode> parents)
    {
        for (WaitTreeNode at = node; parents.TryGetValue(at, out WaitTreeNode? parent); at = parent)
            if (parent.Reference == node.Reference)
            {
                node.ClosesCircle = true;
                return;
            }
        node.Note = Phrase.Of("shown on another branch");
    }

    private WaitTreeNode Node(ObjectReference reference, WaitEdge? step)
    {
        _nodes++;
        _isCircle |= _inCircle.Contains(reference);
        (string name, ThreadFacts? thread, ProcessFacts? process) = _builder.Identify(reference);
        return new WaitTreeNode(reference, name, thread, process, step);
    }

    private Phrase Summarize()
    {
        ObjectReference self = ObjectReference.To(Thread.Address);
        string age = Thread.Age is { } time ? $" for {AgeText.Format(time)}" : "";
        if (Root.Children.Count == 0)
            return Thread.Activity == ThreadActivity.Waiting && !Thread.HasExited
                ? Phrase.Of($"thread {self} of {Thread.Process} has waited{age} for nobody that is recorded: {Root.Note!}")
                : Phrase.Of($"thread {self} of {Thread.Process} waits for nobody: {Root.Note!}");
        string sure = IsSure(Root) ? "" : ", if the guesses on the way are right";
        if (_isCircle)
            return Phrase.Of($"thread {self} of {Thread.Process} has waited{age} and never goes on: its waits lead into a circle{sure}");
        return _ends.Count switch
        {
            1 => Phrase.Of($"thread {self} of {Thread.Process} has waited{age} and cannot go on before {Words(_ends[0])}{sure}"),
            0 when _isCut => Phrase.Of($"thread {self} of {Thread.Process} has waited{age}; its waits go on farther than is shown"),
            0 => Phrase.Of($"thread {self} of {Thread.Process} has waited{age}; its waits close a circle only by guesses"),
            _ => Phrase.Of($"thread {self} of {Thread.Process} has waited{age}; its waits lead to {_ends.Count:N0} ends{sure}"),
        };
    }

    /// <summary>What a thread at the end waits for, whose code it is in, and why nothing follows, as far as each is known.</summary>
    private Phrase EndOf(WaitTreeNode end)
    {
        Phrase reason = ChainEnds.Of(end.Reference, _system);
        if (end.Thread is not { HasExited: false } thread || _system.DescribeWait(thread) is not { } wait)
            return reason;
        string where = CulpritOf(thread) is { } culprit ? $", in {culprit.Evidence}" : "";
        return thread.Role == WaitRole.Blocked ? Phrase.Of($"{wait}{where}") : Phrase.Of($"{wait}{where}; {reason}");
    }

    private Culprit? CulpritOf(ThreadFacts thread) => thread.Role is WaitRole.Blocked or WaitRole.Parked
        ? CulpritFinder.OfWait(_system.GetStack(thread), kernelOnly: true)
        : null;

    private Phrase Words(WaitTreeNode end) => end switch
    {
        { Thread: { } thread } when CulpritOf(thread)?.Module is { } module =>
            Phrase.Of($"thread {end.Reference} of {thread.Process} comes out of {module.FileName}{(module.Company is { } c ? $" ({c})" : "")}"),
        { Thread: { } thread } => Phrase.Of($"thread {end.Reference} of {thread.Process} goes on"),
        { Process: { } process } => Phrase.Of($"{process} acts"),
        { Reference.Kind: ObjectKind.Driver } => Phrase.Of($"{end.Name} completes its request"),
        _ => Phrase.Of($"somebody acts on {end.Name} {end.Reference}"),
    };

    private static bool IsSure(WaitTreeNode root)
    {
        Stack<WaitTreeNode> stack = new([root]);
        while (stack.TryPop(out WaitTreeNode? node))
        {
            if (node.Step is { Certainty: Certainty.Candidate })
                return false;
            foreach (WaitTreeNode child in node.Children)
                stack.Push(child);
        }
        return true;
    }
}
