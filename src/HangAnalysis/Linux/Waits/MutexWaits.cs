using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a <c>struct mutex</c> to the task that owns it.</summary>
/// <remarks>
/// The lowest three bits of mutex.owner are flags (kernel/locking/mutex.c: waiters, hand-off, pick-up). With the last of them
/// nobody has the mutex: it names the waiter that it was handed to, who has not taken it yet.
/// </remarks>
internal sealed class MutexWaits
{
    /// <summary>What the wait graph calls it.</summary>
    public const string TypeName = "mutex";

    private const ulong OwnerFlags = 7, PickUp = 4;

    private readonly WaitContext _context;
    private readonly FieldSlot _waiterTask, _waiterList, _waitList, _owner;
    private readonly LockWaiterCount _count = new(TypeName);
    private readonly HashSet<ulong> _known = [];

    public MutexWaits(WaitContext context)
    {
        _context = context;
        LinuxSession session = context.Session;
        _waiterTask = session.Field("mutex_waiter", "task");
        _waiterList = session.Field("mutex_waiter", "list");
        _waitList = session.Field("mutex", "wait_list");
        _owner = session.Field("mutex", "owner");
    }

    /// <summary>How many wait so.</summary>
    public LockCount Count => _count.ToLockCount();

    /// <summary>Adds the steps of a task, if a word on its stack is part of a mutex_waiter.</summary>
    public bool TryAdd(ThreadFacts thread, in StackWaiter waiter)
    {
        if (!waiter.Function.Contains("mutex", StringComparison.Ordinal) || !_waiterTask.IsPresent || !_waitList.IsPresent)
            return false;
        ulong node = waiter.Address - (ulong)_waiterTask.Offset + (ulong)_waiterList.Offset;
        ulong head = ListRing.IsLinked(_context.Session.Memory, node)
            ? _context.Rings.FindHead(node, _waiterTask.Offset - _waiterList.Offset)
            : 0;
        if (head == 0)
            return false;
        ulong address = head - (ulong)_waitList.Offset;
        _count.Add(thread, address);
        ObjectReference mutex = new(ObjectKind.Lock, address);
        string? name = _context.VariableAt(address);
        _context.AddWait(thread, mutex, name is null ? Phrase.Of($"mutex {mutex}") : Phrase.Of($"mutex {name} {mutex}"),
            Certainty.Proven, CrashCommands.Structure("mutex_waiter", node - (ulong)_waiterList.Offset));
        if (_known.Add(address))
            AddOwner(mutex, name);
        return true;
    }

    private void AddOwner(ObjectReference mutex, string? name)
    {
        ulong value = _context.Session.Read(mutex.Address, _owner);
        ulong owner = value & ~OwnerFlags;
        Phrase? state;
        bool isOrphaned = false;
        if ((value & PickUp) != 0)
            state = Phrase.Of($"it was handed to task {new ObjectReference(ObjectKind.Thread, owner)}, which has not taken it yet");
        else if (_context.System.FindThread(owner) is { } thread)
            state = _context.AddOwner(mutex, thread, Certainty.Proven, CrashCommands.Field("mutex", "owner", mutex.Address));
        else
            (state, isOrphaned) = WaitContext.WithoutOwner(owner);
        _context.Graph.Describe(new ObjectFacts(mutex, TypeName, name, state) { IsOrphaned = isOrphaned });
    }
}
