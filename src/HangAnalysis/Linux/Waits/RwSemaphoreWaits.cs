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
    private readonly ListedWaiter _waiters;
    private readonly FieldSlot _waiterType, _owner, _count;

    public RwSemaphoreWaits(WaitContext context)
    {
        _context = context;
        _waiters = new ListedWaiter(context, TypeName, "rwsem_waiter");
        LinuxSession session = context.Session;
        _waiterType = session.Field("rwsem_waiter", "type");
        _owner = session.Field("rw_semaphore", "owner");
        _count = session.Field("rw_semaphore", "count");
    }

    /// <summary>How many wait so.</summary>
    public LockCount Count => _waiters.Count;

    /// <summary>Adds the steps of a task, if a word on its stack is part of an rwsem_waiter.</summary>
    public bool TryAdd(ThreadFacts thread, in StackWaiter waiter)
    {
        if (!IsAcquire(waiter.Function) || _waiters.TryAdd(thread, waiter, PurposeOf) is not { } found)
            return false;
        if (found.IsNew)
            AddOwner(found.Lock, found.Name);
        return true;
    }

    /// <summary>enum rwsem_waiter_type: the first is RWSEM_WAITING_FOR_WRITE.</summary>
    private string PurposeOf(ulong waiter) =>
        !_waiterType.IsPresent ? "" : _context.Session.Read(waiter, _waiterType) == 0 ? " to write" : " to read";

    private void AddOwner(ObjectReference semaphore, string? name)
    {
        ulong value = _context.Session.Read(semaphore.Address, _owner);
        ulong count = _context.Session.Read(semaphore.Address, _count);
        string evidence = CrashCommands.Field("rw_semaphore", "count,owner", semaphore.Address);
        ThreadFacts? owner = _context.System.FindThread(value & ~OwnerFlags);
        Phrase? state;
        bool isOrphaned = false;
        if ((count & WriterLocked) != 0)
        {
            // The second field has to agree: a writer takes the count first and writes its name after that, and kernels before
            // 5.3 counted otherwise and marked readers in the same way.
            if ((value & ReaderOwned) != 0)
                state = Phrase.Of("a writer has it by its count, and a reader by its owner: which task that is is not recorded");
            else if (owner is not null)
                state = _context.AddOwner(semaphore, owner, Certainty.Proven, evidence, "held to write");
            else
                (state, isOrphaned) = _context.WithoutOwner(value & ~OwnerFlags);
        }
        else
            state = AddReaders(semaphore, owner, (value & ReaderOwned) != 0, count >> ReaderShift, evidence);
        _context.Graph.Describe(new ObjectFacts(semaphore, TypeName, name, state) { IsOrphaned = isOrphaned });
    }

    private Phrase AddReaders(ObjectReference semaphore, ThreadFacts? last, bool isReader, ulong readers, string evidence)
    {
        if (readers == 0)
            return Phrase.Of("nobody has it, by its count");
        if (readers > MostReaders)
            return Phrase.Of("its count is damaged: who has it is not known");
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
