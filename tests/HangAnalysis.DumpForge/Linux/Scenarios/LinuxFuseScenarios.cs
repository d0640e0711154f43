using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>File systems in user space whose server does not answer.</summary>
internal static class LinuxFuseScenarios
{
    /// <summary>The server was stopped (SIGSTOP) after it had read a request; more have come since.</summary>
    public static LinuxMachine Stopped(LinuxOptions options)
    {
        LinuxMachine machine = Create(options);
        LinuxTask server = machine.Tasks.AddProcess(1900, "sshfs", null)
            .Sleep('T', "schedule do_signal_stop get_signal arch_do_signal_or_restart exit_to_user_mode_prepare "
                + "syscall_exit_to_user_mode", 500);
        LinuxFuse fuse = new(machine, server, "fuse.sshfs");
        return Complete(machine, server, fuse, wasRead: true);
    }

    /// <summary>
    /// The server has not ended: another of its threads is in a lock of its own and none reads the device, so that requests
    /// stay pending.
    /// </summary>
    public static LinuxMachine Dead(LinuxOptions options)
    {
        LinuxMachine machine = Create(options);
        LinuxTask server = machine.Tasks.AddProcess(1900, "gvfsd-fuse", null)
            .Sleep('S', "schedule futex_wait_queue __futex_wait futex_wait do_futex __x64_sys_futex", 500, 202);
        machine.Futexes.Wait(server, 0x7f10_4000_1040);
        LinuxFuse fuse = new(machine, server, "fuse.gvfsd-fuse");
        return Complete(machine, server, fuse, wasRead: false);
    }

    private static LinuxMachine Create(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        if (machine.Layout.Is61)
            machine.Modules.Add("fuse");
        return machine;
    }

    private static LinuxMachine Complete(LinuxMachine machine, LinuxTask server, LinuxFuse fuse, bool wasRead)
    {
        string prefix = machine.Layout.Is61 ? "fuse:" : "";
        string[] functions = ["request_wait_answer", "__fuse_simple_request", "fuse_do_getattr", "fuse_update_get_attr",
            "fuse_getattr"];
        string stack = string.Join(' ', functions.Select(function => prefix + function));
        List<LinuxTask> victims = [];
        List<TruthWait> waits = [];
        for (uint i = 0; i < 3; i++)
        {
            // Requests are waited for in an interruptible sleep at first, then in a killable one.
            LinuxTask task = machine.Tasks.AddProcess(1910 + i, i == 0 ? "df" : "ls", null)
                .Sleep(i == 1 ? 'S' : 'D', $"schedule {stack} vfs_statx __do_sys_newfstatat", 480 - i, 262);
            LinuxObject request = fuse.Request(task, wasRead && i < 2);
            victims.Add(task);
            waits.Add(new TruthWait("fuse", task.Pid, request.Address, server.Pid, server.Comm));
        }
        machine.Truth = new LinuxTruth("server-not-answering", server.Comm,
            [LinuxTruth.Link(victims[0]), LinuxTruth.Link("request", waits[0].Object),
            LinuxTruth.Link("process", server.Address, server.Comm)])
        {
            Owners = [server.Pid], Victims = [.. victims.Select(task => task.Pid)], Waits = waits,
        };
        return machine;
    }
}
