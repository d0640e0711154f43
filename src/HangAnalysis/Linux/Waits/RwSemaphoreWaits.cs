using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a <c>struct rw_semaphore</c> to the writer that has it.</summary>
/// <remarks>
/// kernel/locking/rwsem.c since 5.3: bit 0 of count says that a writer has it, readers are counted from bit 8 on; the lowest
/// bits of owner are flags, bit 0 of it says that a reader had it last. Only the last reader is recorded, and not whether it
/// has left since: it is a candidate, and the others are unknown.
/// </remarks>
internal sealed class RwSemaphoreWaits
{
    /// <summary>What the wait graph calls it.</summary>
    public const string TypeName = "rw_semaphore";

    private const ulong OwnerFlags = 7, ReaderOwned = 1, WriterLocked = 1;
    private const int ReaderShift = 8;

    /// <summary>Readers beyond this are damage: the count has a sign, and no machine has so many tasks.</summary>
    private const ulong MostReaders = Limits.Threads;

    private readonly WaitContext _context;
    private readonly FieldSlot _waiterTask, _waiterList, _waiterType, _waitList, _owner, _count;
    private readonly LockWaiterCount _waiters = new(TypeName);
    private readonly HashSet<ulong> _known = [];

    public RwSemaphoreWaits(WaitContext context)
    {
        _context = context;
        LinuxSession session = context.Session;
        _waiterTask = session.Field("rwsem_waiter", "task");
        _waiterList = session.Field("rwsem_waiter", "list");
        _waiterType = session.Field("rwsem_waiter", "type");
        _waitList = session.Field("rw_semaphore", "wait_list");
        _owner = session.Field("rw_semaphore", "owner");
        _count = session.Field("rw_semaphore", "count");
    }

    /// <summary>How many wait so.</summary>
    public LockCount Count => _waiters.ToLockCount();

    /// <summary>Adds the steps of a task, if a word on its stack is part of an rwsem_waiter.</summary>
    public bool TryAdd(ThreadFacts thread, in StackWaiter waiter)
    {
        if (!IsAcquire(waiter.Function) || !_waiterTask.IsPresent || !_waitList.IsPresent)
            return false;
        ulong start = waiter.Address - (ulong)_waiterTask.Offset;
        ulong node = start + (ulong)_waiterList.Offset;
        ulong head = ListRing.IsLinked(_context.Session.Memory, node)
            ? _context.Rings.FindHead(node, _waiterTask.Offset - _waiterList.Offset)
            : 0;
        if (head == 0)
            return false;
        ulong address = head - (ulong)_waitList.Offset;
        _waiters.Add(thread, address);
        ObjectReference semaphore = new(ObjectKind.Lock, address);
        string? name = _context.VariableAt(address);
        string purpose = !_waiterType.IsPresent ? "" : _context.Session.Read(start, _waiterType) == 0 ? " to write" : " to read";
        _context.AddWait(thread, semaphore,
            name is null ? Phrase.Of($"rw_semaphore {semaphore}{purpose}") : Phrase.Of($"rw_semaphore {name} {semaphore}{purpose}"),
            Certainty.Proven, CrashCommands.Structure("rwsem_waiter", start));
        if (_known.Add(address))
            AddOwner(semaphore, name);
        return true;
    }

    private void AddOwner(ObjectReference semaphore, string? name)
    {
        ulong value = _context.Session.Read(semaphore.Address, _owner);
        ulong count = _context.Session.Read(semaphore.Address, _count);
        string evidence = CrashCommands.Field("rw_semaphore", "count,owner", semaphore.Address);
        ThreadFacts? owner = _context.System.FindThread(value & ~OwnerFlags);
        Phrase? state = null;
        bool isOrphaned = false;
        if ((count & WriterLocked) != 0)
        {
            if (owner is not null)
                state = _context.AddOwner(semaphore, owner, Certainty.Proven, evidence, "held to write");
            else
                (state, isOrphaned) = WaitContext.WithoutOwner(value & ~OwnerFlags);
        }
        else
            state = AddReaders(semaphore, owner, (value & ReaderOwned) != 0, count >> ReaderShift, evidence);
        _context.Graph.Describe(new ObjectFacts(semaphore, TypeName, name, state) { IsOrphaned = isOrphaned });
    }

    private Phrase AddReaders(ObjectReference semaphore, ThreadFacts? last, bool isReader, ulong readers, string evidence)
    {
        if (readers is 0 or > MostReaders)
            return Phrase.Of("nobody has it, by its count");
        string many = readers == 1 ? "1 reader has it" : $"{readers:N0} readers have it";
        if (last is null || !isReader)
            return Phrase.Of($"{many}; which is not recorded");
        _context.AddOwner(semaphore, last, Certainty.Candidate, evidence, "perhaps held to read");
        return Phrase.Of($"{many}; only the last to come is recorded, task {ObjectReference.To(last.Address)}, and it may have left");
    }

    /// <summary>The functions that wait for it, in all their forms (_interruptible, _killable, slow path).</summary>
    private static bool IsAcquire(string function) =>
        function.StartsWith("rwsem_down_", StringComparison.Ordinal)
        || function.AsSpan().TrimStart('_') is var name
            && (name.StartsWith("down_read", StringComparison.Ordinal) || name.StartsWith("down_write", StringComparison.Ordinal));
}
