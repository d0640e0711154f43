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
    private readonly ListedWaiter _waiters;
    private readonly FieldSlot _owner;

    public MutexWaits(WaitContext context)
    {
        _context = context;
        _waiters = new ListedWaiter(context, TypeName, "mutex_waiter");
        _owner = context.Session.Field("mutex", "owner");
    }

    /// <summary>How many wait so.</summary>
    public LockCount Count => _waiters.Count;

    /// <summary>Adds the steps of a task, if a word on its stack is part of a mutex_waiter.</summary>
    public bool TryAdd(ThreadFacts thread, in StackWaiter waiter)
    {
        if (!waiter.Function.Contains("mutex", StringComparison.Ordinal) || _waiters.TryAdd(thread, waiter) is not { } found)
            return false;
        if (found.IsNew)
            AddOwner(found.Lock, found.Name);
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
            (state, isOrphaned) = _context.WithoutOwner(owner);
        _context.Graph.Describe(new ObjectFacts(mutex, TypeName, name, state) { IsOrphaned = isOrphaned });
    }
}
