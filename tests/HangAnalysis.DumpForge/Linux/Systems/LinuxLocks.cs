namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Sleeping locks with their owners, and waiters on the stacks of those who wait.</summary>
public sealed class LinuxLocks
{
    private const ulong WaitersFlag = 1, WriterLocked = 1, RwsemWaiters = 2, ReaderBias = 0x100, ReaderOwned = 1;
    private readonly LinuxMachine _machine;

    internal LinuxLocks(LinuxMachine machine) => _machine = machine;

    /// <summary>Makes an empty mutex of the bytes of an object.</summary>
    public LinuxObject Mutex(LinuxObject mutex, LinuxTask? owner = null)
    {
        mutex.Lists("wait_list");
        return owner is null ? mutex : mutex.Set("owner", owner.Address);
    }

    /// <summary>
    /// A task waits for a mutex: its waiter lies on the frame of __mutex_lock; flag 1 of the owner says
    /// so.
    /// </summary>
    public void WaitMutex(LinuxObject mutex, LinuxTask task)
    {
        LinuxObject waiter = Waiter(task, "mutex_waiter", "__mutex_lock.constprop.0");
        waiter.Set("task", task.Object).AppendTo(mutex.At("wait_list"), "list");
        mutex.Set("owner", mutex.Get("owner") | WaitersFlag);
    }

    /// <summary>A semaphore that a task holds for writing.</summary>
    public LinuxObject WriteLocked(LinuxObject semaphore, LinuxTask writer) =>
        semaphore.Lists("wait_list").Set("count", WriterLocked).Set("owner", writer.Object);

    /// <summary>
    /// A semaphore that readers hold: their number is in the count, and the owner names one of them, the last to come.
    /// </summary>
    public LinuxObject ReadLocked(LinuxObject semaphore, int readers, LinuxTask last) =>
        semaphore.Lists("wait_list").Set("count", ReaderBias * (ulong)readers).Set("owner", last.Address | ReaderOwned);

    /// <summary>A task waits for a semaphore in the slow path of readers or writers, whichever is on its stack.</summary>
    public void WaitSemaphore(LinuxObject semaphore, LinuxTask task)
    {
        bool isReader = task.Frames.Has("rwsem_down_read_slowpath");
        LinuxObject waiter = Waiter(task, "rwsem_waiter", "rwsem_down_read_slowpath", "rwsem_down_write_slowpath");
        waiter.Set("task", task.Object).Set("type", isReader ? 1 : 0).Set("timeout", 0x100002345)
            .AppendTo(semaphore.At("wait_list"), "list");
        semaphore.Set("count", semaphore.Get("count") | RwsemWaiters);
    }

    /// <summary>A counting semaphore that is used up; it knows no owner.</summary>
    public LinuxObject Counting(LinuxObject semaphore) => semaphore.Lists("wait_list").Set("count", 0ul);

    public void WaitCounting(LinuxObject semaphore, LinuxTask task) =>
        Waiter(task, "semaphore_waiter", "__down").Set("task", task.Object).AppendTo(semaphore.At("wait_list"), "list");

    /// <summary>A completion that has not come.</summary>
    public LinuxObject Completion(LinuxObject completion) => completion.Lists("wait.task_list");

    public void WaitCompletion(LinuxObject completion, LinuxTask task) =>
        Waiter(task, "swait_queue", "__wait_for_common").Set("task", task.Object)
            .AppendTo(completion.At("wait.task_list"), "task_list");

    /// <summary>
    /// An rt_mutex: owner and the flag that it has waiters; the waiters in a tree, of which the first is the leftmost, and
    /// each task knows what it is blocked on.
    /// </summary>
    public LinuxObject RtMutex(LinuxObject mutex, LinuxTask owner, params LinuxTask[] waiters)
    {
        mutex.Set("owner", owner.Address | (waiters.Length > 0 ? WaitersFlag : 0));
        (string tree, string piTree) = _machine.Layout.Is61 ? ("tree_entry", "pi_tree_entry")
            : ("tree.entry", "pi_tree.entry");
        ulong parent = 0;
        for (int i = 0; i < waiters.Length; i++)
        {
            LinuxTask task = waiters[i];
            LinuxObject waiter = Waiter(task, "rt_mutex_waiter", "futex_lock_pi", "rt_mutex_slowlock.constprop.0");
            waiter.Set("task", task.Object).Set("lock", mutex).Set("wake_state", 2)
                .Set(tree + ".__rb_parent_color", parent | 1);
            task.Object.Set("pi_blocked_on", waiter);
            ulong node = waiter.At(tree);
            if (i == 0)
            {
                mutex.Set("waiters.rb_root", node).Set("waiters.rb_leftmost", node);
                waiter.Set(piTree + ".__rb_parent_color", 1);
                owner.Object.Set("pi_waiters.rb_root", waiter.At(piTree)).Set("pi_waiters.rb_leftmost", waiter.At(piTree))
                    .Set("pi_top_task", task.Object);
            }
            else
                _machine.Object("rb_node", parent).Set("rb_right", node);
            parent = node;
        }
        return mutex;
    }

    internal LinuxObject Waiter(LinuxTask task, string type, params string[] functions) =>
        _machine.Object(type, task.Frames.Local(functions.First(task.Frames.Has), _machine.Layout.SizeOf(type)));
}
