using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a <c>struct completion</c>. It records nobody who will complete it; what it lies in may tell.</summary>
internal sealed class CompletionWaits
{
    /// <summary>What the wait graph calls it.</summary>
    public const string TypeName = "completion";

    private readonly WaitContext _context;
    private readonly IReadOnlyList<ICompletionOwner> _owners;
    private readonly FieldSlot _task, _list, _head;
    private readonly Dictionary<ulong, Phrase?> _known = [];

    /// <summary>Takes those who know what completions lie in.</summary>
    public CompletionWaits(WaitContext context, IReadOnlyList<ICompletionOwner> owners)
    {
        _context = context;
        _owners = owners;
        LinuxSession session = context.Session;
        _task = session.Field("swait_queue", "task");
        _list = session.Field("swait_queue", "task_list");
        _head = session.Field("completion", "wait.task_list");
    }

    /// <summary>Adds the steps of a task, if a word on its stack is part of the swait_queue of a completion.</summary>
    public bool TryAdd(ThreadFacts thread, KernelStack stack, in StackWaiter waiter)
    {
        if (!IsWait(waiter.Function) || !_task.IsPresent || !_list.IsPresent || !_head.IsPresent)
            return false;
        ulong node = waiter.Address - (ulong)_task.Offset + (ulong)_list.Offset;
        ulong head = ListRing.IsLinked(_context.Session.Memory, node) ? _context.Rings.FindHead(node, _task.Offset - _list.Offset) : 0;
        if (head == 0)
            return false;
        ulong address = head - (ulong)_head.Offset;
        ObjectReference completion = new(ObjectKind.Event, address);
        string? name = _context.VariableAt(address);
        Phrase what = WaitContext.Name(TypeName, name, completion);
        if (!_known.TryGetValue(address, out Phrase? state))
        {
            foreach (ICompletionOwner owner in _owners)
                if ((state = owner.Follow(completion, thread, stack)) is not null)
                    break;
            _known[address] = state;
            if (state is not null)
                _context.Graph.Describe(new ObjectFacts(completion, TypeName, name, state));
        }
        if (state is null)
            _context.System.SetWait(thread, Phrase.Of($"{what}, which does not record who will complete it"));
        else
            _context.AddWait(thread, completion, what, Certainty.Proven,
                CrashCommands.Structure("swait_queue", waiter.Address - (ulong)_task.Offset));
        return true;
    }

    private static bool IsWait(string function) =>
        function.Contains("wait_for_common", StringComparison.Ordinal)
        || function.StartsWith("wait_for_completion", StringComparison.Ordinal);
}

/// <summary>Knows one kind of thing that a completion may belong to, and who completes it then.</summary>
internal interface ICompletionOwner
{
    /// <summary>Adds the steps from a completion to who completes it; null where it is none of this kind.</summary>
    /// <param name="completion">The completion.</param>
    /// <param name="waiter">A task that waits for it.</param>
    /// <param name="stack">The stack of that task.</param>
    /// <returns>What the completion is, in words.</returns>
    Phrase? Follow(ObjectReference completion, ThreadFacts waiter, KernelStack stack);
}
