using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that wait for fast and guarded mutexes to the threads that own them.</summary>
/// <remarks>
/// The wait names the event inside a FAST_MUTEX, or the gate inside a KGUARDED_MUTEX (a type of its own up to 7601; since
/// then a guarded mutex is a fast one). Around it lies the mutex with its owner. Drivers may wait with another reason:
/// the functions on the stack tell then.
/// </remarks>
internal sealed class FastMutexWaits
{
    /// <summary>What the wait graph calls a FAST_MUTEX.</summary>
    public const string FastTypeName = "fast mutex";

    /// <summary>What the wait graph calls a KGUARDED_MUTEX.</summary>
    public const string GuardedTypeName = "guarded mutex";

    /// <summary>The lowest bits of an owner are not part of the address: threads are aligned to 16 bytes.</summary>
    private const ulong OwnerFlags = 7;

    /// <summary>Functions that wait for such a mutex, whatever the reason that the thread gives.</summary>
    private static readonly HashSet<string> s_acquire =
    [
        "nt!ExAcquireFastMutex", "nt!ExAcquireFastMutexUnsafe", "nt!ExpAcquireFastMutexContended", "nt!KiAcquireFastMutex",
        "nt!KeAcquireGuardedMutex", "nt!KeAcquireGuardedMutexUnsafe", "nt!KiAcquireGuardedMutex",
    ];

    private readonly WindowsSystem _system;
    private readonly StackSweep _sweep;
    private readonly LockEntries _entries;
    private readonly WaitGraphBuilder _graph;
    private readonly FieldSlot _event, _owner, _gate, _gateOwner;
    private readonly HashSet<ulong> _known = [];

    public FastMutexWaits(WindowsSystem system, StackSweep sweep, LockEntries entries, WaitGraphBuilder graph)
    {
        (_system, _sweep, _entries, _graph) = (system, sweep, entries, graph);
        StructLayout fast = system.Session.Types.Get("_FAST_MUTEX");
        // Called Gate in 2003 and Vista (ntddk.h of their kits), where it is an event all the same.
        _event = fast.Optional("Gate") is { IsPresent: true } gate ? gate : fast.Required("Event");
        _owner = fast.Required("Owner");
        StructLayout guarded = system.Session.Types.Get("_KGUARDED_MUTEX");
        _gate = guarded.Optional("Gate");
        _gateOwner = guarded.Optional("Owner");
    }

    /// <summary>Adds the steps of all threads that wait so; returns how many wait for mutexes of both kinds.</summary>
    public IReadOnlyList<LockCount> Add()
    {
        LockWaiterCount fast = new(FastTypeName);
        LockWaiterCount guarded = new(GuardedTypeName);
        foreach (ThreadFacts thread in _system.Threads)
        {
            bool byReason = thread.WaitReason is "WrFastMutex" or "WrGuardedMutex";
            if (byReason || (thread.Role == WaitRole.Blocked && thread.WaitReason == "Executive" && IsAcquiring(thread)))
                Add(thread, byReason, fast, guarded);
        }
        return _gate.IsPresent ? [fast.ToLockCount(), guarded.ToLockCount()] : [fast.ToLockCount()];
    }

    /// <summary>Whether the waiting machinery was called to acquire such a mutex.</summary>
    private bool IsAcquiring(ThreadFacts thread)
    {
        foreach (string function in _sweep.Functions(thread))
            if (s_acquire.Contains(function))
                return true;
            else if (!FrameKnowledge.IsWaitPrimitive(function))
                return false;
        return false;
    }

    private void Add(ThreadFacts thread, bool byReason, LockWaiterCount fast, LockWaiterCount guarded)
    {
        WaitedObject? waited = null;
        foreach (WaitedObject candidate in thread.WaitsFor)
            if (!candidate.IsTimeout && candidate.TypeName is "Gate" or "SynchronizationEvent")
                waited ??= candidate;
        bool isGate = waited?.TypeName == "Gate";
        FieldSlot place = isGate ? _gate : _event;
        if (waited is null || !place.IsPresent)
        {
            _system.Session.AddUnknown($"which mutex thread {thread.Address.Value:x16} waits for",
                waited is null ? "its wait block names no event or gate" : "the kernel's symbols do not tell where in a mutex its event lies");
            return;
        }
        ulong address = waited.Address - (ulong)place.Offset;
        (isGate ? guarded : fast).Add(thread, address);
        ObjectReference mutex = new(ObjectKind.Lock, address);
        string name = isGate ? GuardedTypeName : FastTypeName;
        string evidence = $"dt nt!{(isGate ? "_KGUARDED_MUTEX" : "_FAST_MUTEX")} {address:x16}";
        _graph.Add(ObjectReference.To(thread.Address), mutex, Phrase.Of($"{name} {mutex}"),
            byReason ? Certainty.Proven : Certainty.Inferred, evidence);
        if (_known.Add(address))
            AddOwner(mutex, name, isGate ? _gateOwner : _owner, evidence);
    }

    private void AddOwner(ObjectReference mutex, string name, FieldSlot slot, string evidence)
    {
        bool isRead = _system.Session.Memory.TryReadPointer(mutex.Address + (ulong)slot.Offset, out ulong value) && slot.IsPresent;
        ulong address = value & ~OwnerFlags;
        ThreadFacts? owner = isRead ? _system.FindThread(address) : null;
        IReadOnlyList<LockEntry> entries = _entries.OwnersOf(mutex.Address);
        Phrase? state = null;
        if (owner is not null)
        {
            // Lock entries, where they name this mutex, are the second field to check against.
            bool agrees = entries.Count == 0;
            foreach (LockEntry entry in entries)
                agrees |= entry.Thread == owner;
            AddStep(mutex, owner, agrees ? Certainty.Proven : Certainty.Candidate, evidence, ref state);
        }
        else if (entries.Count > 0)
            foreach (LockEntry entry in entries)
                AddStep(mutex, entry.Thread, entries.Count == 1 ? Certainty.Inferred : Certainty.Candidate,
                    $"dt nt!_KLOCK_ENTRY {entry.Address:x16}", ref state);
        else
            state = !isRead ? Phrase.Of("its owner is not in the dump")
                : address == 0 ? Phrase.Of("nobody is recorded as its owner")
                : Phrase.Of($"its owner is recorded as {address:x16}, which is no thread");
        _graph.Describe(new ObjectFacts(mutex, name, _system.NameVariable(mutex.Address), state));
    }

    private void AddStep(ObjectReference mutex, ThreadFacts owner, Certainty certainty, string evidence, ref Phrase? state)
    {
        ObjectReference thread = ObjectReference.To(owner.Address);
        _graph.Add(mutex, thread, Phrase.Of($"owned by thread {thread} of {owner.Process}"), certainty, evidence);
        if (owner.HasExited)
            state = Phrase.Of($"owned by thread {thread}, which has ended");
    }
}
