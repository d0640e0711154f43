using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>A wait_queue_entry on a stack, with the head of the queue that it is linked in.</summary>
/// <param name="Entry">Address of the wait_queue_entry.</param>
/// <param name="Head">Address of the queue's list_head; 0 where the ring is damaged.</param>
/// <param name="Waker">The function that wakes the waiter, which tells what kind of wait it is.</param>
/// <param name="Frame">Number of the frame that it lies in.</param>
internal readonly record struct QueuedWaiter(ulong Entry, ulong Head, string Waker, int Frame);

/// <summary>Follows tasks in wait queues. What they wait for is told by the function that wakes them, and by who queued them.</summary>
internal sealed class WaitQueueWaits
{
    private readonly WaitContext _context;
    private readonly IReadOnlyList<IQueueOwner> _owners;
    private readonly FieldSlot _private, _function, _entry, _head;

    /// <summary>Takes those who know what wait queues lie in.</summary>
    public WaitQueueWaits(WaitContext context, IReadOnlyList<IQueueOwner> owners)
    {
        (_context, _owners) = (context, owners);
        _private = context.Session.Field("wait_queue_entry", "private");
        _function = context.Session.Field("wait_queue_entry", "func");
        _entry = context.Session.Field("wait_queue_entry", "entry");
        _head = context.Session.Field("wait_queue_head", "head");
    }

    /// <summary>The entry that a word on a task's stack is part of; null where it is part of none.</summary>
    public QueuedWaiter? Find(in StackWaiter waiter)
    {
        if (!_private.IsPresent || !_function.IsPresent || !_entry.IsPresent)
            return null;
        ulong entry = waiter.Address - (ulong)_private.Offset;
        ulong node = entry + (ulong)_entry.Offset;
        ulong waker = _context.Session.Read(entry, _function);
        if (!LinuxSession.IsKernelAddress(waker) || !ListRing.IsLinked(_context.Session.Memory, node)
            || _context.System.FunctionAt(waker) is not { } name)
            return null;
        return new QueuedWaiter(entry, _context.Rings.FindHead(node, _private.Offset - _entry.Offset), name, waiter.Frame);
    }

    /// <summary>Adds the steps of a task that waits in a queue.</summary>
    /// <param name="thread">The task.</param>
    /// <param name="stack">Its stack.</param>
    /// <param name="waiter">Its entry.</param>
    public bool TryAdd(ThreadFacts thread, KernelStack stack, in QueuedWaiter waiter)
    {
        foreach (IQueueOwner owner in _owners)
            if (owner.TryAdd(thread, stack, waiter))
                return true;
        if (waiter.Head == 0)
            return false;
        ulong address = waiter.Head - (ulong)_head.Offset;
        ObjectReference queue = new(ObjectKind.Event, address);
        string name = _context.VariableAt(address) is { } variable ? $" {variable}" : "";
        _context.System.SetWait(thread, Phrase.Of($"wait queue{name} {queue}, which does not record who will wake it"));
        return true;
    }
}

/// <summary>Knows one kind of thing that a wait queue may belong to, and who wakes its waiters.</summary>
internal interface IQueueOwner
{
    /// <summary>Adds the steps of a task; false where its queue is none of this kind.</summary>
    bool TryAdd(ThreadFacts thread, KernelStack stack, in QueuedWaiter waiter);
}
