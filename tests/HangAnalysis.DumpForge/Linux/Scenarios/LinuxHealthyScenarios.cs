using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Machines of many tasks, and those where nothing hangs.</summary>
internal static class LinuxHealthyScenarios
{
    // Where programs rest: stack, system call.
    private static readonly (string Stack, uint Call)[] s_resting =
    [
        (LinuxPopulation.Epoll + " __x64_sys_epoll_wait", 232), (LinuxPopulation.Poll, 7),
        ("schedule futex_wait_queue __futex_wait futex_wait do_futex __x64_sys_futex", 202),
        ("schedule do_nanosleep hrtimer_nanosleep __x64_sys_clock_nanosleep", 230),
        ("schedule pipe_read vfs_read ksys_read", 0), ("schedule do_wait kernel_wait4 __do_sys_wait4", 61),
        ("schedule schedule_timeout inet_csk_accept inet_accept do_accept __x64_sys_accept4", 288),
        ("schedule schedule_timeout __skb_wait_for_more_packets unix_stream_read_generic sock_recvmsg "
            + "__x64_sys_recvfrom", 45),
        ("schedule do_sigtimedwait __x64_sys_rt_sigtimedwait", 128),
        ("schedule schedule_timeout n_tty_read tty_read vfs_read ksys_read", 0),
    ];

    /// <summary>Daemons sleep and kworkers are idle; a program computes, another is in a short disk read.</summary>
    public static LinuxMachine Idle(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        for (uint i = 0; i < 60; i++)
        {
            (string stack, uint call) = s_resting[i % s_resting.Length];
            machine.Tasks.AddProcess(3000 + i, $"daemon{i}", null, 1000 + 37 * i)
                .Sleep('S', stack, 5 + i * 50, call).OnCpu((int)i % 2);
        }
        for (uint i = 0; i < 20; i++)
            machine.Tasks.AddWorker(3100 + i, $"kworker/u4:{i}").Sleep('I', LinuxPopulation.Worker, 1 + i);
        LinuxTask busy = machine.Tasks.AddProcess(3200, "gzip", null);
        busy.Begin();
        busy.RunUser(machine.Processors[1]);
        LinuxDisk disk = machine.Storage.AddDisk("sda", 8, 0);
        LinuxObject inode = machine.Storage.AddInode(machine.Storage.AddFileSystem("sda1", "ext4", disk), 12);
        LinuxTask reader = machine.Tasks.AddProcess(3201, "cat", null)
            .Sleep('D', "schedule io_schedule folio_wait_bit_common filemap_update_page filemap_get_pages filemap_read "
                + "vfs_read ksys_read", 0.004);
        machine.WaitQueues.WaitFolio(machine.Storage.AddFolio(inode, 1), reader);
        return machine;
    }

    /// <summary>
    /// Memory and swap are used up: programs are in direct reclaim, where they sleep for a second at most and try again,
    /// and the log says who was killed.
    /// </summary>
    public static LinuxMachine OutOfMemory(LinuxOptions options)
    {
        const string Reclaim = "schedule schedule_timeout throttle_direct_reclaim try_to_free_pages "
            + "__alloc_pages_slowpath.constprop.0 __alloc_pages __handle_mm_fault handle_mm_fault";
        LinuxMachine machine = LinuxPopulation.Create(options);
        ulong total = machine.Identity.Memory.Total;
        machine.Identity.Memory = new MemoryFigures(total, 310, 240, 60, 1900)
        {
            Anonymous = total - 6000, SwapFree = 0, Committed = 2 * total + 262144,
        };
        LinuxTask eater = machine.Tasks.AddProcess(3400, "eater", null, 900_000).Sleep('D', Reclaim, 0.9);
        LinuxTask[] tasks = [.. Enumerable.Range(1, 6).Select(i =>
            machine.Tasks.AddProcess(3400 + (uint)i, $"app{i}", null, 20_000).Sleep('D', Reclaim, 0.9 - 0.1 * i))];
        double now = options.Uptime.TotalSeconds;
        machine.Log.Add(now - 3, "app3 invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0", 4)
            .Add(now - 3, "Out of memory: Killed process 2999 (victim) total-vm:812000kB, anon-rss:198000kB", 3);
        machine.Truth = new LinuxTruth("memory-exhausted", null, [])
        {
            Owners = [eater.Pid], Victims = [.. tasks.Select(task => task.Pid)],
        };
        return machine;
    }

    /// <summary>Tasks in D for long with nothing on their stacks that is known, and one short one.</summary>
    public static LinuxMachine UnknownWait(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        machine.Modules.Add("vendorfs", 1 | LinuxMutexScenarios.Foreign);
        LinuxTask[] tasks = [.. Enumerable.Range(0, 3).Select(i =>
            machine.Tasks.AddProcess(3300 + (uint)i, $"client{i}", null)
            .Sleep('D', "schedule schedule_timeout vendorfs:vfs_rpc_call vendorfs:vfs_getattr vfs_statx "
                + "__do_sys_newstat", 900 - i, 4))];
        machine.Truth = new LinuxTruth("stuck-in-driver", "vendorfs", [LinuxTruth.Link(tasks[0])])
        {
            Victims = [.. tasks.Select(task => task.Pid)],
        };
        return machine;
    }

    /// <summary>
    /// Very many tasks: processes of a hundred threads each with one of few stacks, and a small hang among them.
    /// </summary>
    public static LinuxMachine Many(LinuxOptions options)
    {
        const int Threads = 100;
        // 3 KB for a task and 8 KB of its stack and page tables.
        int needed = 320 + 12 * options.Tasks / 1000 / 64 * 64;
        options = options with { RamMegabytes = Math.Max(options.RamMegabytes, needed) };
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxMutexScenarios.AddDeadlock(machine);
        LinuxTask? leader = null;
        for (int i = 0; i < options.Tasks; i++)
        {
            uint pid = 10_000 + (uint)i;
            (string stack, uint call) = s_resting[i / Threads % s_resting.Length];
            leader = i % Threads == 0 ? machine.Tasks.AddProcess(pid, $"server{i / Threads}", null, 40_000) : leader;
            LinuxTask task = i % Threads == 0 ? leader! : machine.Tasks.AddThread(leader!, pid);
            task.Sleep('S', stack, 1 + i % 1000, call).OnCpu(i % options.Processors);
        }
        return machine;
    }
}
