namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// Push locks with their waiters' blocks, and the AutoBoost lock entries of threads, which are the only record of who owns
/// one. Where the entries lie and how they are laid out follows from the layout's types; 7601 has none, and is the only one
/// whose symbols tell how wait blocks are chained.
/// </summary>
public sealed class PushLockObjects
{
    /// <summary>Entries of a thread, in all layouts that have any.</summary>
    public const int EntriesPerThread = 6;

    private const ulong Locked = 1, Waiting = 2, MultipleShared = 8, ShareUnit = 0x10, InTree = 1ul << 63;

    /// <summary>Room for a wait block where the layout does not tell its size.</summary>
    private const int BlockSize = 0x40;

    private readonly SystemBuilder _system;

    internal PushLockObjects(SystemBuilder system) => _system = system;

    /// <summary>Whether the build keeps lock entries.</summary>
    public bool HasEntries => _system.Layout.Types.ContainsKey("_KLOCK_ENTRY");

    /// <summary>A push lock held exclusively; inside a driver it may have an address.</summary>
    public KernelStruct Add(ulong? address = null) => _system.NewStruct("_EX_PUSH_LOCK", address).Set("Value", Locked);

    /// <summary>
    /// Makes threads wait for a push lock, the first one the longest: each has a wait block on its stack, remembers the lock
    /// in its frame, and has an entry where <paramref name="hasEntry"/> says so.
    /// </summary>
    public void AddWaiters(
        KernelStruct pushLock, IReadOnlyList<ThreadBuilder> waiters, Func<int, TimeSpan> age, int readers = 0,
        Func<int, bool>? hasEntry = null)
    {
        bool isChained = _system.Layout.Types.ContainsKey("_EX_PUSH_LOCK_WAIT_BLOCK");
        ulong older = 0, oldest = 0;
        for (int i = 0; i < waiters.Count; i++)
        {
            ThreadBuilder waiter = waiters[i];
            ulong block = waiter.PlaceOnStack(BlockSize);
            _system.Kernel.Write(block, new byte[BlockSize]);
            _system.Objects.WriteDispatcher(block, "EventSynchronizationObject", 6, 0);
            oldest = oldest == 0 ? block : oldest;
            if (isChained)
            {
                _system.Struct("_EX_PUSH_LOCK_WAIT_BLOCK", block).Set("Next", older).Set("Last", oldest)
                    .Set("ShareCount", older == 0 ? (ulong)readers : 0);
                if (older != 0)
                    _system.Struct("_EX_PUSH_LOCK_WAIT_BLOCK", older).Set("Previous", block);
            }
            older = block;
            waiter.Kept.Add(pushLock.Address);
            waiter.Waiting("WrPushLock", userMode: false, age(i), block);
            if (hasEntry is null || hasEntry(i))
                AddEntry(waiter, pushLock.Address, isOwner: false);
        }
        pushLock.Set("Value", older | Locked | Waiting | (readers > 1 ? MultipleShared : 0));
    }

    /// <summary>The value of a push lock that readers hold and nobody waits for.</summary>
    public static void Share(KernelStruct pushLock, int readers) => pushLock.Set("Value", (ulong)readers * ShareUnit | Locked);

    /// <summary>Marks a thread as owner of a lock, or as waiting for it, in its next free entry.</summary>
    public void AddEntry(ThreadBuilder thread, ulong lockAddress, bool isOwner)
    {
        if (!HasEntries)
            return;
        int index = System.Numerics.BitOperations.TrailingZeroCount(thread.FreeLockEntries);
        if (index >= EntriesPerThread)
            throw new InvalidOperationException($"thread {thread.Tid:x} has no free lock entry");
        thread.FreeLockEntries &= thread.FreeLockEntries - 1;
        KernelStruct entry = _system.Struct("_KLOCK_ENTRY", EntryAddress(thread, index));
        // A waiter's entry is in the lock's tree, an owner's may be: the bit takes the place of an address bit.
        entry.Set("LockState.LockState", isOwner ? lockAddress & ~InTree : lockAddress);
        if (entry.Has("ThreadUnsafe"))
            // 9600: the highest bit of the pointer to the thread is the mark.
            entry.Set("ThreadUnsafe", isOwner ? thread.Address : thread.Address & ~InTree)
                .Set("LockState.Waiting", isOwner ? 0u : 1u);
        else
            entry.TrySet("WaitingByte", isOwner ? 0u : 1u).TrySet("WaitingBit", isOwner ? 0u : 1u)
                .Set("AcquiredByte", isOwner ? 1u : 0u);
        string count = isOwner ? "Tcb.AbOwnedEntryCount" : "Tcb.AbWaitEntryCount";
        if (thread.Struct.Has(count))
            thread.Struct.Set(count, thread.Struct.Get(count) + 1);
        thread.Struct.TrySet("Tcb.AbFreeEntryCount", (ulong)System.Numerics.BitOperations.PopCount(thread.FreeLockEntries));
    }

    /// <summary>Fills the rest of a thread's entries with locks that nobody waits for; it has taken one more.</summary>
    public void Exhaust(ThreadBuilder thread)
    {
        while (HasEntries && thread.FreeLockEntries != 0)
            AddEntry(thread, Add().Address, isOwner: true);
        thread.Struct.TrySet("Tcb.AutoBoostEntriesExhausted", 1);
    }

    /// <summary>
    /// Where an entry lies: in an array in the ETHREAD (19041 on), which a pointer in the KTHREAD may name, or in the KTHREAD.
    /// </summary>
    public ulong EntryAddress(ThreadBuilder thread, int index)
    {
        if (!_system.Layout.Has("_ETHREAD", "LockEntries"))
            return thread.Struct.At($"Tcb.LockEntries[{index}]");
        thread.Struct.TrySet("Tcb.LockEntries", thread.Struct.At("LockEntries"));
        return thread.Struct.At($"LockEntries[{index}]");
    }
}
