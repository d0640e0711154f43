using HangAnalysis.Linux.Waits;
using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>Reads the waits of all tasks into the wait graph.</summary>
internal sealed class WaitSurvey
{
    private readonly LinuxSystem _system;
    private readonly LinuxStacks _stacks;
    private readonly WaiterSearch _search;
    private readonly MutexWaits _mutexes;
    private readonly RwSemaphoreWaits _rwSemaphores;
    private readonly SemaphoreWaits _semaphores;
    private readonly RtMutexWaits _rtMutexes;
    private readonly CompletionWaits _completions;
    private readonly WaitQueueWaits _queues;
    private readonly FuseWaits _fuse;
    private readonly FutexWaits _futexes;
    private readonly PerCpuRwSemaphoreWaits _perCpu;
    private readonly SpinLockWaits _spins;
    private readonly List<StackWaiter> _found = [];

    public WaitSurvey(WaitContext context, Workers workers, BlockDevices devices)
    {
        (_system, _stacks) = (context.System, context.Stacks);
        _search = new WaiterSearch(context.Session, context.Stacks);
        _mutexes = new MutexWaits(context);
        _rwSemaphores = new RwSemaphoreWaits(context);
        _semaphores = new SemaphoreWaits(context);
        _rtMutexes = new RtMutexWaits(context);
        DiskWaits disks = new(context, devices);
        GracePeriodWaits periods = new(context);
        _completions = new CompletionWaits(context,
            [new WorkFlushes(context, workers), new ChildCompletions(context), new BioCompletions(context, disks), periods]);
        _fuse = new FuseWaits(context, new OpenFiles(context.System, context.Session));
        _perCpu = new PerCpuRwSemaphoreWaits(context);
        _queues = new WaitQueueWaits(context,
            [new FolioWaits(context, disks), new BitWaits(context, disks), _perCpu, _fuse, new JournalWaits(context), periods]);
        _futexes = new FutexWaits(context);
        _spins = new SpinLockWaits(context);
    }

    /// <summary>Locks that were counted.</summary>
    public IReadOnlyList<LockCount> Locks =>
        [_mutexes.Count, _rwSemaphores.Count, _semaphores.Count, _rtMutexes.Count, _perCpu.Count];

    /// <summary>Adds the steps of one waiting task, and sets its role where a lock tells more than its state.</summary>
    public void Add(ThreadFacts thread, in TaskRecord task, KernelStack stack)
    {
        if (_rtMutexes.TryAdd(thread, task.PiBlockedOn))
        {
            thread.Role = WaitRole.Blocked;
            return;
        }
        _search.Find(thread.Address.Value, stack, _found);
        foreach (StackWaiter waiter in _found)
        {
            if (_mutexes.TryAdd(thread, waiter) || _rwSemaphores.TryAdd(thread, waiter) || _semaphores.TryAdd(thread, waiter))
            {
                thread.Role = WaitRole.Blocked;
                return;
            }
            if (_completions.TryAdd(thread, stack, waiter))
                return;
            if (_queues.Find(waiter) is { } queued)
            {
                AddQueued(thread, stack, queued);
                return;
            }
            if (_futexes.TryAdd(thread, task.Memory, _system.UserMemory(task), waiter))
                return;
        }
        if (thread.Role == WaitRole.Blocked)
            _perCpu.TryAddWriter(thread, stack);
    }

    /// <summary>Adds what depends on all tasks having been looked at.</summary>
    public void Finish()
    {
        _fuse.Finish();
        _spins.Add();
    }

    private void AddQueued(ThreadFacts thread, KernelStack stack, in QueuedWaiter queued)
    {
        if (thread.Role == WaitRole.Idle)
        {
            if (_stacks.FindFrame(stack, f => f == "fuse_dev_do_read") >= 0)
                _fuse.NoteReader(thread, queued);
            return;
        }
        if (_queues.TryAdd(thread, stack, queued) && _stacks.FindFrame(stack, f => f == "request_wait_answer") >= 0)
            // Who asks a file system for something is blocked, though a signal could end the wait.
            thread.Role = WaitRole.Blocked;
    }
}
