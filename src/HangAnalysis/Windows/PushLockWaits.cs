using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that wait for push locks to the threads that hold them.</summary>
/// <remarks>
/// A push lock does not tell its owner; lock entries do. An owner is proven where the entry, the lock's value and the waiters
/// agree. What no entry tells stays unknown, with the reason: a wrong owner would be worse.
/// </remarks>
internal sealed class PushLockWaits(WindowsSystem system, StackSweep sweep, LockEntries entries, WaitGraphBuilder graph)
{
    /// <summary>What the wait graph calls them.</summary>
    public const string TypeName = "push lock";

    /// <summary>Functions that use a push lock's address and queue as a signal: whoever gives it, nobody holds anything.</summary>
    private static readonly HashSet<string> s_signals =
    [
        "nt!ExBlockPushLock", "nt!ExBlockOnAddressPushLock", "nt!ExWaitForUnblockPushLock", "nt!ExTimedWaitForUnblockPushLock",
    ];

    private readonly PushLockReader _reader = new(system.Session);

    /// <summary>Adds the steps of all threads that wait for push locks; returns how many locks they wait for.</summary>
    public LockCount Add()
    {
        PushLockWaiters waiters = new(system, _reader, entries);
        Dictionary<ulong, List<PushLockWaiter>> locks = [];
        LockWaiterCount count = new(TypeName);
        foreach (PushLockWaiter waiter in waiters.All)
        {
            if (waiter.Lock == 0 && IsSignal(waiter.Thread))
            {
                graph.Describe(new ObjectFacts(new ObjectReference(ObjectKind.Event, waiter.Block), "signal of a push lock", null,
                    Phrase.Of("who gives it is not recorded")));
                continue;
            }
            count.Add(waiter.Thread, waiter.Lock != 0 ? waiter.Lock : waiter.Block);
            if (waiter.Lock == 0)
                AddUnrecorded(waiter);
            else if (locks.TryGetValue(waiter.Lock, out List<PushLockWaiter>? list))
                list.Add(waiter);
            else
                locks.Add(waiter.Lock, [waiter]);
        }
        foreach ((ulong address, List<PushLockWaiter> list) in locks)
            AddLock(address, list, waiters);
        return count.ToLockCount();
    }

    private bool IsSignal(ThreadFacts thread)
    {
        foreach (string function in sweep.Functions(thread))
            if (s_signals.Contains(function))
                return true;
            else if (!FrameKnowledge.IsWaitPrimitive(function))
                return false;
        return false;
    }

    /// <summary>A waiter whose lock is not known still waits for one: its wait block stands for the lock.</summary>
    private void AddUnrecorded(PushLockWaiter waiter)
    {
        string why = !entries.Exist ? "this kernel's symbols have no AutoBoost lock entries"
            : entries.IsExhausted(waiter.Thread) ? "the thread's lock entries are exhausted"
            : "no lock entry of the thread names it";
        if (waiter.Block == 0)
        {
            system.Session.AddUnknown($"which push lock thread {waiter.Thread.Address.Value:x16} waits for",
                $"its wait block is not readable, and {why}");
            return;
        }
        ObjectReference block = new(ObjectKind.Lock, waiter.Block);
        graph.Add(ObjectReference.To(waiter.Thread.Address), block, Phrase.Of($"a push lock that is not recorded, wait block {block}"),
            Certainty.Proven, $"dt nt!_KTHREAD {waiter.Thread.Address.Value:x16} WaitBlock");
        graph.Describe(new ObjectFacts(block, "wait block of a push lock", null, Phrase.Of($"lock not recorded: {why}")));
    }

    private void AddLock(ulong address, List<PushLockWaiter> list, PushLockWaiters waiters)
    {
        ObjectReference reference = new(ObjectKind.Lock, address);
        PushLockValue? value = _reader.Read(address);
        bool isConfirmed = value is { } v && waiters.Confirms(v, address);
        if (value is { HasWaiters: false } free)
            system.Session.AddUnknown($"whether push lock {address:x16} is waited for",
                $"{list.Count:N0} threads' lock entries say so, its value {free.Value:x} does not");
        string evidence = $"dt nt!_EX_PUSH_LOCK {address:x16}";
        foreach (PushLockWaiter waiter in list)
        {
            Certainty certainty = value is { HasWaiters: false } ? Certainty.Candidate
                : isConfirmed ? waiter.Certainty
                : waiter.Certainty < Certainty.Inferred ? waiter.Certainty : Certainty.Inferred;
            graph.Add(ObjectReference.To(waiter.Thread.Address), reference, Phrase.Of($"push lock {reference}"), certainty,
                waiter.Entry == 0 ? evidence : $"dt nt!_KLOCK_ENTRY {waiter.Entry:x16}");
        }
        Phrase? state = AddOwners(reference, value);
        graph.Describe(new ObjectFacts(reference, TypeName, system.NameVariable(address), state));
    }

    /// <summary>Adds the steps to the owners; returns what is to be said of the owner where that is not all.</summary>
    private Phrase? AddOwners(ObjectReference reference, PushLockValue? value)
    {
        IReadOnlyList<LockEntry> owners = entries.OwnersOf(reference.Address);
        if (value is { IsLocked: false })
            return owners.Count == 0
                ? Phrase.Of($"nobody holds it by its value {value.Value.Value:x}: it is being handed over")
                : AddSteps(reference, owners, "recorded as owned", Certainty.Candidate);
        if (owners.Count == 0)
            return Phrase.Of($"its owner is not recorded: {WhyNoOwner()}");
        bool isShared = value is { IsMultipleShared: true } or { ShareCount: > 1 };
        // One owner at a time, unless it is shared: several records contradict it, and nobody knows which is stale.
        Certainty certainty = value is not null && !isShared && owners.Count > 1 ? Certainty.Candidate
            : value is null ? Certainty.Inferred
            : entries.OwnershipCertainty;
        Phrase? state = AddSteps(reference, owners, isShared ? "owned shared" : "owned", certainty);
        int? readers = isShared ? CountReaders(value!.Value) : null;
        if (isShared && owners.Count < (readers ?? 2))
            return Phrase.Of($"owned shared by {(readers is null ? "several" : $"{readers:N0}")} threads, of which {owners.Count:N0} "
                + $"{(owners.Count == 1 ? "is" : "are")} recorded: {WhyNoOwner()}");
        return state;
    }

    private Phrase? AddSteps(ObjectReference reference, IReadOnlyList<LockEntry> owners, string how, Certainty certainty)
    {
        Phrase? state = null;
        foreach (LockEntry entry in owners)
        {
            ObjectReference owner = ObjectReference.To(entry.Thread.Address);
            // An ended thread's entry may have been left behind: that it still counts follows from the lock's being held.
            Certainty sure = entry.Thread.HasExited && certainty > Certainty.Inferred ? Certainty.Inferred : certainty;
            graph.Add(reference, owner, Phrase.Of($"{how} by thread {owner} of {entry.Thread.Process}"), sure,
                $"dt nt!_KLOCK_ENTRY {entry.Address:x16}");
            if (entry.Thread.HasExited)
                state = Phrase.Of($"owned by thread {owner}, which has ended");
        }
        return state;
    }

    private int? CountReaders(PushLockValue value) =>
        value.HasWaiters ? _reader.CollectBlocks(value.TopBlock, system.Threads.Count, []) : (int)Math.Min(value.ShareCount, int.MaxValue);

    private string WhyNoOwner()
    {
        if (!entries.Exist)
            return "this kernel's symbols have no AutoBoost lock entries";
        IReadOnlyList<ThreadFacts> exhausted = entries.ExhaustedThreads;
        if (exhausted.Count == 1)
            return $"no lock entry names it, and thread {exhausted[0].Address.Value:x16} of {exhausted[0].Process.Title} has none left "
                + "to show what more it holds";
        if (exhausted.Count > 1)
            return $"no lock entry names it, and {exhausted.Count:N0} threads have none left to show what more they hold";
        return entries.UnreadThreads > 0
            ? $"the lock entries of {entries.UnreadThreads:N0} threads are not in the dump"
            : "no thread's lock entry names it: it was taken without AutoBoost, or its owner is gone";
    }
}
