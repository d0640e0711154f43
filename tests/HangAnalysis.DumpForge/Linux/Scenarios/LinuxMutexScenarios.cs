using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Mutexes taken in opposite order.</summary>
internal static class LinuxMutexScenarios
{
    internal const string Sleep = "schedule schedule_preempt_disabled __mutex_lock.constprop.0 ";

    /// <summary>Taints of a module that is not the distribution's: out of tree, unsigned.</summary>
    public const ulong Foreign = 1ul << 12 | 1ul << 13;

    /// <summary>
    /// Two kernel threads of a module hold a lock each and want the other's; three programs wait for one of
    /// them.
    /// </summary>
    public static LinuxMachine Deadlock(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        AddDeadlock(machine);
        return machine;
    }

    public static void AddDeadlock(LinuxMachine machine)
    {
        LinuxModule module = machine.Modules.Add("abba", Foreign);
        LinuxTask first = machine.Tasks.AddKernelThread(1096, "abba-ka")
            .Sleep('D', Sleep + "abba:abba_take_b abba:abba_ka_fn", 240);
        LinuxTask second = machine.Tasks.AddKernelThread(1097, "abba-kb")
            .Sleep('D', Sleep + "abba:abba_take_a abba:abba_kb_fn", 239.9)
            .OnCpu(1);
        LinuxTask reader = machine.Tasks.AddProcess(1099, "abba-reader", null)
            .Sleep('D', Sleep + "abba:abba_op vfs_read ksys_read", 238);
        LinuxTask writer = machine.Tasks.AddProcess(1101, "abba-writer", null)
            .Sleep('D', Sleep + "abba:abba_op abba:abba_write vfs_write ksys_write", 237, 1).OnCpu(1);
        LinuxTask ioctl = machine.Tasks.AddProcess(1103, "abba-ioctl", null)
            .Sleep('D', Sleep + "abba:abba_op __x64_sys_ioctl", 236, 16);
        LinuxObject lockA = machine.Locks.Mutex(module.Variable("abba_lock_a", "mutex"), first);
        LinuxObject lockB = machine.Locks.Mutex(
            machine.New("abba_dev").Set("id", 7).Text("name", "abba0").Inner("lock_b", "mutex"), second);
        machine.Locks.WaitMutex(lockB, first);
        foreach (LinuxTask task in (LinuxTask[])[second, reader, writer, ioctl])
            machine.Locks.WaitMutex(lockA, task);
        machine.Truth = new LinuxTruth("deadlock", "abba",
        [
            LinuxTruth.Link(reader), LinuxTruth.Link("lock", lockA.Address, "abba_lock_a"), LinuxTruth.Link(first),
            LinuxTruth.Link("lock", lockB.Address), LinuxTruth.Link(second),
        ])
        {
            Cycle = [first.Pid, second.Pid], Owners = [first.Pid, second.Pid], Victims = [reader.Pid, writer.Pid, ioctl.Pid],
            Waits =
            [
                new TruthWait("mutex", first.Pid, lockB.Address, second.Pid),
                .. LinuxTruth.WaitsOf("mutex", lockA.Address, first, "abba_lock_a", second, reader, writer, ioctl),
            ],
        };
    }
}
