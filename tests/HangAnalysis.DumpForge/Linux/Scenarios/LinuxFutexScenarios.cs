using HangAnalysis.DumpForge.Linux.Systems;
using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Futexes and rt_mutexes.</summary>
internal static class LinuxFutexScenarios
{
    private const ulong WordA = 0x7f10_4000_1000, WordB = 0x7f10_4000_1080;
    private const string LockPi =
        "schedule rt_mutex_slowlock_block.constprop.0 rt_mutex_wait_proxy_lock futex_lock_pi do_futex __x64_sys_futex";

    /// <summary>
    /// A chain by priority inheritance: a program waits for an rt_mutex whose owner waits for another, whose owner sleeps in
    /// a module.
    /// </summary>
    public static LinuxMachine PriorityChain(LinuxOptions options)
    {
        const string Wait = "schedule rt_mutex_slowlock_block.constprop.0 rt_mutex_slowlock.constprop.0 rt_mutex_lock ";
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("pichain", LinuxMutexScenarios.Foreign);
        LinuxTask last = machine.Tasks.AddKernelThread(2200, "pi-last")
            .Sleep('D', "schedule schedule_timeout __wait_for_common wait_for_completion pichain:pi_last_fn", 95);
        LinuxTask middle = machine.Tasks.AddKernelThread(2201, "pi-middle").Sleep('D', Wait + "pichain:pi_middle_fn", 94);
        LinuxTask first = machine.Tasks.AddProcess(2202, "pi-first", null)
            .Sleep('D', Wait + "pichain:pi_read vfs_read ksys_read", 93);
        LinuxTask second = machine.Tasks.AddProcess(2203, "pi-second", null)
            .Sleep('D', Wait + "pichain:pi_read vfs_read ksys_read", 92);
        LinuxObject lockB = machine.Locks.RtMutex(module.Variable("pi_lock_b", "rt_mutex")
            .Inner("rtmutex", "rt_mutex_base"), last, middle);
        LinuxObject lockA = machine.Locks.RtMutex(
            module.Variable("pi_lock_a", "rt_mutex").Inner("rtmutex", "rt_mutex_base"), middle, first, second);
        LinuxObject done = machine.Locks.Completion(module.Variable("pi_done", "completion"));
        machine.Locks.WaitCompletion(done, last);
        machine.Truth = new LinuxTruth("stuck-in-driver", "pichain",
        [
            LinuxTruth.Link(first), LinuxTruth.Link("lock", lockA.Address, "pi_lock_a"), LinuxTruth.Link(middle),
            LinuxTruth.Link("lock", lockB.Address, "pi_lock_b"), LinuxTruth.Link(last),
        ])
        {
            Owners = [last.Pid], Victims = [middle.Pid, first.Pid, second.Pid],
            Waits =
            [
                new TruthWait("completion", last.Pid, done.Address, 0, "pi_done"),
                new TruthWait("rt-mutex", middle.Pid, lockB.Address, last.Pid, "pi_lock_b"),
                .. LinuxTruth.WaitsOf("rt-mutex", lockA.Address, middle, "pi_lock_a", first, second),
            ],
        };
        return machine;
    }

    /// <summary>Two threads of a program hold a futex with priority inheritance each and want the other's.</summary>
    public static LinuxMachine Deadlock(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxTask first = machine.Tasks.AddProcess(2300, "rtapp", null).Sleep('S', LockPi, 44, 202);
        LinuxTask second = machine.Tasks.AddThread(first, 2301, "rtapp-b").Sleep('S', LockPi, 44, 202);
        AddressSpace space = machine.Tasks.OwnMemory(first);
        LinuxObject lockA = machine.Futexes.WaitPi(first, space, WordA, second);
        LinuxObject lockB = machine.Futexes.WaitPi(second, space, WordB, first);
        machine.Truth = new LinuxTruth("deadlock", null,
        [
            LinuxTruth.Link(first), LinuxTruth.Link("lock", lockB.Address), LinuxTruth.Link(second),
            LinuxTruth.Link("lock", lockA.Address),
        ])
        {
            Cycle = [first.Pid, second.Pid], Owners = [first.Pid, second.Pid],
            Waits =
            [
                new TruthWait("futex", first.Pid, lockB.Address, second.Pid),
                new TruthWait("futex", second.Pid, lockA.Address, first.Pid),
            ],
        };
        return machine;
    }

    /// <summary>
    /// Threads sleep on plain futexes, as those of any idle program; the kernel knows no owner, and nothing
    /// hangs.
    /// </summary>
    public static LinuxMachine Plain(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxTask leader = machine.Tasks.AddProcess(2400, "java", null, 800_000).Sleep('S', Stack, 30, 202);
        List<LinuxTask> tasks = [leader];
        for (uint i = 1; i < 6; i++)
            tasks.Add(machine.Tasks.AddThread(leader, 2400 + i, $"pool-1-thread-{i}").Sleep('S', Stack, 30 - i, 202));
        AddressSpace space = machine.Tasks.OwnMemory(leader);
        space.WriteUInt32(WordA, 2);
        List<TruthWait> waits = [];
        foreach (LinuxTask task in tasks)
            waits.Add(new TruthWait("futex", task.Pid, machine.Futexes.Wait(task, WordA + 16 * (task.Pid % 2)).Address));
        machine.Truth = LinuxTruth.NoHang with { Waits = waits };
        return machine;
    }

    private const string Stack = "schedule futex_wait_queue __futex_wait futex_wait do_futex __x64_sys_futex";
}
