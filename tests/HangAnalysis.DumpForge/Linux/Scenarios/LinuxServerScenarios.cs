using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Waits behind a thread that serves others, here or on another machine.</summary>
internal static class LinuxServerScenarios
{
    /// <summary>Programs wait until a journal has been committed; its thread waits for a page of the disk.</summary>
    public static LinuxMachine Journal(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        machine.Modules.Add("jbd2");
        LinuxDisk disk = machine.Storage.AddDisk("sdc", 8, 32);
        LinuxTask commits = machine.Tasks.AddKernelThread(2700, "jbd2/sdc1-8")
            .Sleep('D', "schedule io_schedule bit_wait_io __wait_on_bit out_of_line_wait_on_bit __wait_on_buffer "
                + "jbd2:jbd2_journal_commit_transaction jbd2:kjournald2", 210);
        LinuxObject buffer = machine.Storage.AddBuffer(disk, 77);
        machine.WaitQueues.WaitBuffer(buffer, commits);
        machine.Storage.AddRequest(disk, 0, 616, 210, isWrite: true);
        LinuxObject journal = machine.New("journal_s").Set("j_task", commits.Object).Set("j_dev", disk.Device)
            .Text("j_devname", "sdc1-8").Lists("j_wait_transaction_locked.head", "j_wait_done_commit.head")
            .Lists("j_wait_commit.head", "j_wait_updates.head");
        const string Wait = "schedule jbd2:jbd2_log_wait_commit ext4_fsync_journal ext4_sync_file do_fsync __x64_sys_fsync";
        LinuxTask[] tasks = [.. Enumerable.Range(0, 4).Select(i =>
            machine.Tasks.AddProcess(2710 + (uint)i, $"syncer{i}", null).Sleep('D', Wait, 209 - i, 74))];
        foreach (LinuxTask task in tasks)
            machine.WaitQueues.Wait(journal.At("j_wait_done_commit"), task, "jbd2_log_wait_commit");
        machine.Truth = new LinuxTruth("stuck-io", "sdc",
        [
            LinuxTruth.Link(tasks[0]), LinuxTruth.Link("event", journal.Address, "sdc1-8"), LinuxTruth.Link(commits),
            LinuxTruth.Link("device", disk.Disk.Address, "sdc"),
        ])
        {
            Owners = [commits.Pid], Victims = [.. tasks.Select(task => task.Pid)],
            Waits =
            [
                new TruthWait("buffer", commits.Pid, buffer.Address, 0, "sdc"),
                .. LinuxTruth.WaitsOf("wait-queue", journal.Address, commits, "sdc1-8", tasks),
            ],
        };
        return machine;
    }

    /// <summary>Programs wait for a file server on another machine.</summary>
    public static LinuxMachine RemoteFile(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        machine.Modules.Add("sunrpc");
        machine.Modules.Add("nfsv4");
        LinuxObject transport = machine.New("rpc_xprt").Set("servername", machine.String("nas01.example"));
        LinuxObject client = machine.New("rpc_clnt").Set("cl_xprt", transport).Set("cl_count", 3);
        LinuxTask[] tasks = [.. Enumerable.Range(0, 3).Select(i => machine.Tasks.AddProcess(2800 + (uint)i, $"user{i}", null)
            .Sleep('D', "schedule sunrpc:rpc_wait_bit_killable __wait_on_bit out_of_line_wait_on_bit sunrpc:__rpc_execute "
                + "sunrpc:rpc_execute sunrpc:rpc_run_task nfsv4:nfs4_call_sync nfsv4:nfs4_proc_getattr vfs_statx "
                + "__do_sys_newstat", 1200 - i, 4))];
        List<TruthWait> waits = [];
        foreach (LinuxTask task in tasks)
        {
            LinuxObject call = machine.New("rpc_task").Set("tk_client", client).Set("tk_runstate", 5ul)
                .Set("tk_owner", task.Pid);
            machine.WaitQueues.WaitBit(call.At("tk_runstate"), 2, task);
            waits.Add(new TruthWait("rpc", task.Pid, call.Address, 0, "nas01.example"));
        }
        machine.Truth = new LinuxTruth("stuck-io", "nas01.example",
            [LinuxTruth.Link(tasks[0]), LinuxTruth.Link("request", waits[0].Object, "nas01.example")])
        {
            Victims = [.. tasks.Select(task => task.Pid)], Waits = waits,
        };
        return machine;
    }
}
