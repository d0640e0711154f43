namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Locks with their owners, and waiters on the stacks of those who wait.</summary>
public sealed class LinuxLocks
{
    private readonly LinuxMachine _machine;

    internal LinuxLocks(LinuxMachine machine) => _machine = machine;

    /// <summary>Makes an empty mutex of the bytes of an object.</summary>
    public LinuxObject Mutex(LinuxObject mutex, LinuxTask? owner = null)
    {
        mutex.Lists("wait_list");
        return owner is null ? mutex : mutex.Set("owner", owner.Address);
    }

    /// <summary>A task waits for a mutex: its waiter lies on the frame of __mutex_lock; flag 1 of the owner says so.</summary>
    public void WaitMutex(LinuxObject mutex, LinuxTask task)
    {
        LinuxObject waiter = Waiter(task, "mutex_waiter", "__mutex_lock.constprop.0");
        waiter.Set("task", task.Object).AppendTo(mutex.At("wait_list"), "list");
        mutex.Set("owner", mutex.Get("owner") | 1);
    }

    internal LinuxObject Waiter(LinuxTask task, string type, params string[] functions) =>
        _machine.Object(type, task.Frames.Local(functions.First(task.Frames.Has), _machine.Layout.SizeOf(type)));
}
