using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>A thread that waits for a push lock.</summary>
/// <param name="thread">The thread.</param>
/// <param name="block">Its wait block, which is the event that it waits for; 0 where its wait names none.</param>
internal sealed class PushLockWaiter(ThreadFacts thread, ulong block)
{
    /// <summary>The thread.</summary>
    public ThreadFacts Thread { get; } = thread;

    /// <summary>Its wait block; 0 where not known.</summary>
    public ulong Block { get; } = block;

    /// <summary>Address of the push lock; 0 where not known.</summary>
    public ulong Lock { get; set; }

    /// <summary>How sure the address is.</summary>
    public Certainty Certainty { get; set; }

    /// <summary>Its lock entry; 0 where the lock was found another way.</summary>
    public ulong Entry { get; set; }
}

/// <summary>Finds for each thread that waits for a push lock which one that is.</summary>
/// <remarks>
/// The wait itself names only an event on the thread's own stack. Its lock entry names the lock. Without one, the push lock
/// is looked for: a waiting push lock points to a wait block of one of its waiters, and the waiter's stack holds the lock's
/// address. So an address on the stack whose value points to the thread's own wait block is its lock, beyond doubt.
/// </remarks>
internal sealed class PushLockWaiters
{
    private readonly WindowsSystem _system;
    private readonly PushLockReader _reader;
    private readonly LockEntries _entries;
    private readonly Dictionary<ulong, PushLockWaiter> _byBlock = [];
    private readonly HashSet<ulong> _walked = [];
    private readonly byte[] _stack = new byte[Limits.LockSearchBytes];

    public PushLockWaiters(WindowsSystem system, PushLockReader reader, LockEntries entries)
    {
        (_system, _reader, _entries) = (system, reader, entries);
        foreach (ThreadFacts thread in system.Threads)
        {
            if (thread.WaitReason != "WrPushLock")
                continue;
            PushLockWaiter waiter = new(thread, BlockOf(thread));
            All.Add(waiter);
            if (waiter.Block != 0)
                _byBlock.TryAdd(waiter.Block, waiter);
        }
        foreach (PushLockWaiter waiter in All)
            FindByEntry(waiter);
        int searches = 0;
        foreach (PushLockWaiter waiter in All)
            if (waiter.Lock == 0 && waiter.Block != 0 && searches++ < Limits.LockSearches)
                FindOnStack(waiter);
    }

    /// <summary>All threads that wait for push locks.</summary>
    public List<PushLockWaiter> All { get; } = [];

    /// <summary>Wait blocks that one lock can have; a thread that is being woken still has its own.</summary>
    public int LongestChain => _system.Threads.Count;

    /// <summary>Whether the value of a lock points to the wait block of one that waits for it.</summary>
    public bool Confirms(PushLockValue value, ulong lockAddress) =>
        _byBlock.TryGetValue(value.TopBlock, out PushLockWaiter? top) && top.Lock == lockAddress;

    private static ulong BlockOf(ThreadFacts thread)
    {
        foreach (WaitedObject waited in thread.WaitsFor)
            if (!waited.IsTimeout && waited.Kind == ObjectKind.Event)
                return waited.Address;
        return 0;
    }

    private void FindByEntry(PushLockWaiter waiter)
    {
        IReadOnlyList<LockEntry> waits = _entries.WaitsOf(waiter.Thread);
        foreach (LockEntry entry in waits)
        {
            // A thread waits for one lock. With several marks, that of the lock whose value names the thread counts.
            if (waits.Count > 1 && (waiter.Block == 0 || _reader.Read(entry.Lock)?.TopBlock != waiter.Block))
                continue;
            (waiter.Lock, waiter.Entry, waiter.Certainty) = (entry.Lock, entry.Address, Certainty.Proven);
            return;
        }
        // KTHREAD.AbWaitObject by its name alone is no proof; the lock's value makes it one.
        ulong named = _entries.WaitObject(waiter.Thread);
        if (waiter.Block != 0 && named != 0 && _reader.Read(named) is { } at && at.TopBlock == waiter.Block)
            (waiter.Lock, waiter.Certainty) = (named, Certainty.Proven);
    }

    private void FindOnStack(PushLockWaiter waiter)
    {
        ThreadFacts thread = waiter.Thread;
        if (thread.KernelStack < thread.StackLimit || thread.KernelStack >= thread.StackBase)
            return;
        int size = (int)Math.Min((ulong)_stack.Length, thread.StackBase - thread.KernelStack);
        Span<byte> bytes = _stack.AsSpan(0, size);
        bytes = bytes[.._system.Session.Memory.Read(thread.KernelStack, bytes)];
        ulong other = 0;
        bool isAmbiguous = false;
        int pointer = _system.Session.PointerSize;
        for (int at = 0; at + pointer <= bytes.Length; at += pointer)
        {
            ulong address = _system.Session.ReadPointer(bytes[at..]);
            if (address == other || address - thread.StackLimit < thread.StackBase - thread.StackLimit
                || _reader.Read(address) is not { HasWaiters: true } value
                || !_byBlock.TryGetValue(value.TopBlock, out PushLockWaiter? top))
                continue;
            if (top == waiter || IsInChain(value.TopBlock, address, waiter))
            {
                (waiter.Lock, waiter.Certainty) = (address, Certainty.Proven);
                return;
            }
            isAmbiguous |= other != 0;
            other = address;
        }
        // Others wait for that lock; this thread may as well hold it and wait for another.
        if (other != 0 && !isAmbiguous)
            (waiter.Lock, waiter.Certainty) = (other, Certainty.Candidate);
    }

    /// <summary>Whether a lock's chain holds a waiter; the others in it are found with it.</summary>
    private bool IsInChain(ulong top, ulong address, PushLockWaiter waiter)
    {
        if (!_reader.KnowsChain || !_walked.Add(address))
            return false;
        List<ulong> blocks = [];
        _reader.CollectBlocks(top, LongestChain, blocks);
        if (!blocks.Contains(waiter.Block))
            return false;
        foreach (ulong block in blocks)
            if (_byBlock.TryGetValue(block, out PushLockWaiter? found) && found.Lock == 0)
                (found.Lock, found.Certainty) = (address, Certainty.Proven);
        return true;
    }
}
