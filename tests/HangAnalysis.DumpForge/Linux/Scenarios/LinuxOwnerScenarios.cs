using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Owners of locks that are not what one expects.</summary>
internal static class LinuxOwnerScenarios
{
    private const string Taker = LinuxMutexScenarios.Sleep + "lockdrv:lock_ioctl __x64_sys_ioctl";

    /// <summary>The task that holds a mutex has ended; where it was, no task is any more.</summary>
    public static LinuxMachine Orphan(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("lockdrv", LinuxMutexScenarios.Foreign);
        LinuxTask[] tasks = Waiters(machine, 3);
        // The slab of the task that was freed: its list pointers are gone, its name is still there.
        LinuxObject gone = machine.New("task_struct", 64).Text("comm", "gone").Set("pid", 2890).Set("tgid", 2890)
            .Set("__state", 0x80ul).Set("exit_state", 0x10ul);
        LinuxObject mutex = machine.Locks.Mutex(module.Variable("drv_lock", "mutex")).Set("owner", gone);
        foreach (LinuxTask task in tasks)
            machine.Locks.WaitMutex(mutex, task);
        machine.Truth = new LinuxTruth("orphaned-lock", "lockdrv",
            [LinuxTruth.Link(tasks[0]), LinuxTruth.Link("lock", mutex.Address, "drv_lock")])
        {
            Victims = [.. tasks.Select(task => task.Pid)],
            Waits = [.. LinuxTruth.WaitsOf("mutex", mutex.Address, null, "drv_lock", tasks)],
        };
        return machine;
    }

    /// <summary>A task takes a mutex that it has already.</summary>
    public static LinuxMachine Self(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("lockdrv", LinuxMutexScenarios.Foreign);
        LinuxTask[] tasks = Waiters(machine, 2);
        LinuxObject mutex = machine.Locks.Mutex(module.Variable("drv_lock", "mutex"), tasks[0]);
        foreach (LinuxTask task in tasks)
            machine.Locks.WaitMutex(mutex, task);
        machine.Truth = new LinuxTruth("deadlock", "lockdrv",
            [LinuxTruth.Link(tasks[0]), LinuxTruth.Link("lock", mutex.Address, "drv_lock")])
        {
            Cycle = [tasks[0].Pid], Owners = [tasks[0].Pid], Victims = [tasks[1].Pid],
            Waits = [.. LinuxTruth.WaitsOf("mutex", mutex.Address, tasks[0], "drv_lock", tasks)],
        };
        return machine;
    }

    /// <summary>A mutex was handed to the first of its waiters, who has not run since: nobody has it, and no circle is there.</summary>
    public static LinuxMachine HandedOver(LinuxOptions options)
    {
        // MUTEX_FLAG_WAITERS and MUTEX_FLAG_PICKUP.
        const ulong Flags = 1 | 4;
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("lockdrv", LinuxMutexScenarios.Foreign);
        LinuxTask[] tasks = Waiters(machine, 2);
        LinuxObject mutex = machine.Locks.Mutex(module.Variable("drv_lock", "mutex"));
        foreach (LinuxTask task in tasks)
            machine.Locks.WaitMutex(mutex, task);
        mutex.Set("owner", tasks[0].Address | Flags);
        machine.Truth = new LinuxTruth("owner-unknown", null,
            [LinuxTruth.Link(tasks[0]), LinuxTruth.Link("lock", mutex.Address, "drv_lock")])
        {
            Victims = [.. tasks.Select(task => task.Pid)],
            Waits = [.. LinuxTruth.WaitsOf("mutex", mutex.Address, null, "drv_lock", tasks)],
        };
        return machine;
    }

    /// <summary>The owner of a mutex could run, but a task of real-time priority has its processor.</summary>
    public static LinuxMachine Starved(LinuxOptions options)
    {
        const ulong Fifo = 1;
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("lockdrv", LinuxMutexScenarios.Foreign);
        LinuxTask hog = machine.Tasks.AddProcess(2880, "rt-hog", null);
        hog.RunningSeconds = 300;
        hog.Begin();
        hog.RunUser(machine.Processors[1]);
        hog.Object.Set("policy", Fifo).Set("rt_priority", 50).Set("prio", 49).Set("normal_prio", 49);
        LinuxTask owner = machine.Tasks.AddProcess(2881, "low-owner", null)
            .Sleep('R', "preempt_schedule_irq lockdrv:lock_work lockdrv:lock_ioctl __x64_sys_ioctl", 280, 16).OnCpu(1);
        LinuxTask[] tasks = Waiters(machine, 2);
        LinuxObject mutex = machine.Locks.Mutex(module.Variable("drv_lock", "mutex"), owner);
        foreach (LinuxTask task in tasks)
            machine.Locks.WaitMutex(mutex, task);
        machine.Truth = new LinuxTruth("starvation", "rt-hog",
        [
            LinuxTruth.Link(tasks[0]), LinuxTruth.Link("lock", mutex.Address, "drv_lock"), LinuxTruth.Link(owner),
            LinuxTruth.Link(hog),
        ])
        {
            Owners = [owner.Pid], Victims = [.. tasks.Select(task => task.Pid)],
            Waits = [.. LinuxTruth.WaitsOf("mutex", mutex.Address, owner, "drv_lock", tasks)],
        };
        return machine;
    }

    private static LinuxTask[] Waiters(LinuxMachine machine, int count) =>
        [.. Enumerable.Range(0, count).Select(i => machine.Tasks.AddProcess(2900 + (uint)i, $"taker{i}", null)
            .Sleep('D', Taker, 250 - i, 16))];
}
