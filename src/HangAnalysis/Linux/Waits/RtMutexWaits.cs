using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a lock with priority inheritance: an rt_mutex, or a futex made of one.</summary>
/// <remarks>
/// A waiting task names its rt_mutex_waiter itself (task_struct.pi_blocked_on), that names the lock, and that its owner: nothing
/// has to be searched for. Bit 0 of the owner says that there are waiters (kernel/locking/rtmutex_common.h). On PREEMPT_RT
/// kernels mutexes, spin locks and rw_semaphores are such locks too.
/// </remarks>
internal sealed class RtMutexWaits
{
    /// <summary>What the wait graph calls it.</summary>
    public const string TypeName = "rt_mutex";

    private const ulong HasWaiters = 1;

    private readonly WaitContext _context;
    private readonly FieldSlot _lock, _task, _owner;
    private readonly LockWaiterCount _waiters = new(TypeName);
    private readonly HashSet<ulong> _known = [];

    public RtMutexWaits(WaitContext context)
    {
        _context = context;
        LinuxSession session = context.Session;
        _lock = session.Field("rt_mutex_waiter", "lock");
        _task = session.Field("rt_mutex_waiter", "task");
        // rt_mutex_base is a structure of its own since 5.15; before, rt_mutex had the owner.
        _owner = session.Field("rt_mutex_base", "owner");
        if (!_owner.IsPresent)
            _owner = session.Field("rt_mutex", "owner");
    }

    /// <summary>How many wait so.</summary>
    public LockCount Count => _waiters.ToLockCount();

    /// <summary>Adds the steps of a task that waits so.</summary>
    /// <param name="thread">The task.</param>
    /// <param name="waiter">Its rt_mutex_waiter; 0 where it waits for no such lock.</param>
    public bool TryAdd(ThreadFacts thread, ulong waiter)
    {
        if (!LinuxSession.IsObject(waiter) || !_lock.IsPresent || !_owner.IsPresent
            || (_task.IsPresent && _context.Session.Read(waiter, _task) != thread.Address.Value))
            return false;
        ulong address = _context.Session.Read(waiter, _lock);
        if (!LinuxSession.IsObject(address))
            return false;
        _waiters.Add(thread, address);
        ObjectReference mutex = new(ObjectKind.Lock, address);
        string? name = _context.VariableAt(address);
        _context.AddWait(thread, mutex, WaitContext.Name(TypeName, name, mutex), Certainty.Proven,
            CrashCommands.Structure("rt_mutex_waiter", waiter));
        if (_known.Add(address))
            AddOwner(mutex, name);
        return true;
    }

    private void AddOwner(ObjectReference mutex, string? name)
    {
        ulong owner = _context.Session.Read(mutex.Address, _owner) & ~HasWaiters;
        Phrase? state;
        bool isOrphaned = false;
        if (_context.System.FindThread(owner) is { } thread)
            state = _context.AddOwner(mutex, thread, Certainty.Proven, CrashCommands.Field("rt_mutex_base", "owner", mutex.Address));
        else
            (state, isOrphaned) = _context.WithoutOwner(owner);
        _context.Graph.Describe(new ObjectFacts(mutex, TypeName, name, state) { IsOrphaned = isOrphaned });
    }
}
