using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>A lock that a task was found to wait for.</summary>
/// <param name="Lock">The lock.</param>
/// <param name="Name">The variable that it is, such as <c>abba_lock_a [abba]</c>; null where it is in no image.</param>
/// <param name="Waiter">Address of the structure by which the task waits.</param>
/// <param name="IsNew">Whether it is the first task that was found to wait for this lock.</param>
internal readonly record struct FoundLock(ObjectReference Lock, string? Name, ulong Waiter, bool IsNew);

/// <summary>
/// Sleeping locks that keep their waiters in a list: a <c>struct X_waiter {list, task}</c> on the stack of each, linked to
/// <c>X.wait_list</c>.
/// </summary>
internal sealed class ListedWaiter
{
    private readonly WaitContext _context;
    private readonly string _type, _waiterType;
    private readonly FieldSlot _task, _list, _waitList;
    private readonly LockWaiterCount _count;
    private readonly HashSet<ulong> _known = [];

    /// <summary>Takes the names of the structures.</summary>
    /// <param name="context">What readers of waits share.</param>
    /// <param name="type">The lock's structure, which is also what the wait graph calls it.</param>
    /// <param name="waiterType">The waiter's structure.</param>
    public ListedWaiter(WaitContext context, string type, string waiterType)
    {
        (_context, _type, _waiterType, _count) = (context, type, waiterType, new LockWaiterCount(type));
        _task = context.Session.Field(waiterType, "task");
        _list = context.Session.Field(waiterType, "list");
        _waitList = context.Session.Field(type, "wait_list");
    }

    /// <summary>How many wait so.</summary>
    public LockCount Count => _count.ToLockCount();

    /// <summary>Adds the step of a task, if a word on its stack is part of such a waiter.</summary>
    /// <param name="thread">The task.</param>
    /// <param name="waiter">The word.</param>
    /// <param name="purpose">What the lock is wanted for, by the waiter's address; null for locks that are wanted in one way.</param>
    public FoundLock? TryAdd(ThreadFacts thread, in StackWaiter waiter, Func<ulong, string>? purpose = null)
    {
        if (!_task.IsPresent || !_list.IsPresent || !_waitList.IsPresent)
            return null;
        ulong start = waiter.Address - (ulong)_task.Offset;
        ulong node = start + (ulong)_list.Offset;
        ulong head = ListRing.IsLinked(_context.Session.Memory, node)
            ? _context.Rings.FindHead(node, _task.Offset - _list.Offset)
            : 0;
        if (head == 0)
            return null;
        ObjectReference found = new(ObjectKind.Lock, head - (ulong)_waitList.Offset);
        _count.Add(thread, found.Address);
        string? name = _context.VariableAt(found.Address);
        _context.AddWait(thread, found, WaitContext.Name(_type, name, found, purpose?.Invoke(start)), Certainty.Proven,
            CrashCommands.Structure(_waiterType, start));
        return new FoundLock(found, name, start, _known.Add(found.Address));
    }
}
