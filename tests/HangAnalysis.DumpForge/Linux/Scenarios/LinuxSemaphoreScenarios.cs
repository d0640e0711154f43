using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Read-write semaphores, counting ones, and those of each CPU.</summary>
internal static class LinuxSemaphoreScenarios
{
    private const string Read = "schedule schedule_preempt_disabled rwsem_down_read_slowpath down_read ",
        Write = "schedule schedule_preempt_disabled rwsem_down_write_slowpath down_write ";

    /// <summary>A module's thread holds a semaphore for writing and sleeps on a completion; readers are behind it.</summary>
    public static LinuxMachine WriterStuck(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        AddWriterStuck(machine);
        return machine;
    }

    public static void AddWriterStuck(LinuxMachine machine)
    {
        LinuxModule module = machine.Modules.Add("rwhold", LinuxMutexScenarios.Foreign);
        LinuxTask writer = machine.Tasks.AddKernelThread(1201, "rwhold-writer")
            .Sleep('D', "schedule schedule_timeout __wait_for_common wait_for_completion rwhold:rwhold_writer_fn", 310)
            .OnCpu(1);
        LinuxTask[] readers = [.. Enumerable.Range(1, 5).Select(i =>
            machine.Tasks.AddProcess(1201 + 2 * (uint)i, $"rw-reader{i}", null)
            .Sleep('D', Read + "rwhold:rwhold_read vfs_read ksys_read", 310 - i))];
        LinuxObject device = module.Variable("rw", "rwhold_dev");
        LinuxObject semaphore = machine.Locks.WriteLocked(device.Inner("rw", "rw_semaphore"), writer);
        LinuxObject done = machine.Locks.Completion(device.Inner("done", "completion"));
        foreach (LinuxTask reader in readers)
            machine.Locks.WaitSemaphore(semaphore, reader);
        machine.Locks.WaitCompletion(done, writer);
        machine.Truth = new LinuxTruth("stuck-in-driver", "rwhold",
            [LinuxTruth.Link(readers[0]), LinuxTruth.Link("lock", semaphore.Address, "rw"), LinuxTruth.Link(writer)])
        {
            Owners = [writer.Pid], Victims = [.. readers.Select(task => task.Pid)],
            Waits =
            [
                new TruthWait("completion", writer.Pid, done.Address),
                .. LinuxTruth.WaitsOf("rwsem-read", semaphore.Address, writer, "rw", readers),
            ],
        };
    }

    /// <summary>
    /// Readers hold the memory map of a process, of whom the semaphore names only the last to come; a writer waits, and new
    /// readers wait behind it (ps(1), which reads the command line).
    /// </summary>
    public static LinuxMachine Readers(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        machine.Modules.Add("slowdrv", LinuxMutexScenarios.Foreign);
        LinuxTask leader = machine.Tasks.AddProcess(1300, "database", null, 500_000)
            .Sleep('D', "schedule schedule_timeout __wait_for_common wait_for_completion slowdrv:slow_fault "
                + "__do_fault do_fault __handle_mm_fault handle_mm_fault __get_user_pages", 140);
        LinuxTask writer = machine.Tasks.AddThread(leader, 1301, "db-alloc")
            .Sleep('D', Write + "__vm_munmap __x64_sys_munmap", 139, 11);
        LinuxTask reader = machine.Tasks.AddProcess(1310, "ps", null)
            .Sleep('D', Read + "__access_remote_vm access_remote_vm proc_pid_cmdline_read vfs_read ksys_read", 60);
        LinuxObject completion = machine.Locks.Completion(machine.New("completion"));
        machine.Locks.WaitCompletion(completion, leader);
        LinuxObject semaphore = machine.Object("mm_struct", leader.Object.Get("mm")).Inner("mmap_lock", "rw_semaphore");
        machine.Locks.ReadLocked(semaphore, 1, leader);
        machine.Locks.WaitSemaphore(semaphore, writer);
        machine.Locks.WaitSemaphore(semaphore, reader);
        machine.Truth = new LinuxTruth("stuck-in-driver", "slowdrv",
            [LinuxTruth.Link(reader), LinuxTruth.Link("lock", semaphore.Address), LinuxTruth.Link(leader)])
        {
            Owners = [leader.Pid], Victims = [writer.Pid, reader.Pid],
            Waits =
            [
                new TruthWait("completion", leader.Pid, completion.Address),
                new TruthWait("rwsem-write", writer.Pid, semaphore.Address, leader.Pid),
                new TruthWait("rwsem-read", reader.Pid, semaphore.Address, leader.Pid),
            ],
        };
        return machine;
    }

    /// <summary>Tasks wait for a counting semaphore of a module, which knows nobody who has it.</summary>
    public static LinuxMachine Counting(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("semdrv", LinuxMutexScenarios.Foreign);
        LinuxObject semaphore = machine.Locks.Counting(module.Variable("slots", "semaphore"));
        LinuxTask[] tasks = [.. Enumerable.Range(0, 3).Select(i =>
            machine.Tasks.AddProcess(1400 + (uint)i, $"sem-user{i}", null)
            .Sleep('D', "schedule schedule_timeout __down down semdrv:sem_write vfs_write ksys_write", 200 - i, 1))];
        foreach (LinuxTask task in tasks)
            machine.Locks.WaitCounting(semaphore, task);
        machine.Truth = new LinuxTruth("owner-unknown", null,
            [LinuxTruth.Link(tasks[0]), LinuxTruth.Link("lock", semaphore.Address, "slots")])
        {
            Victims = [.. tasks.Select(task => task.Pid)],
            Waits = [.. LinuxTruth.WaitsOf("semaphore", semaphore.Address, null, "slots", tasks)],
        };
        return machine;
    }

    /// <summary>
    /// A writer waits until the readers of a per-CPU semaphore have left; a reader and a second writer wait behind it. The
    /// semaphore names the writer, who is in no queue of it: he does not wait for himself.
    /// </summary>
    public static LinuxMachine PerCpuWriter(LinuxOptions options)
    {
        const ulong Exclusive = 1, Custom = 0x20;
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("pcdrv", LinuxMutexScenarios.Foreign);
        LinuxObject semaphore = module.Variable("gate", "percpu_rw_semaphore").Set("block", 1).Lists("waiters.head");
        LinuxTask writer = machine.Tasks.AddProcess(1550, "pc-writer", null)
            .Sleep('D', "schedule percpu_down_write pcdrv:pc_close vfs_write ksys_write", 400);
        LinuxTask[] behind = [.. Enumerable.Range(1, 2).Select(i =>
            machine.Tasks.AddProcess(1550 + (uint)i, $"pc-behind{i}", null)
            .Sleep('D', i == 1
                ? "schedule percpu_rwsem_wait __percpu_down_read pcdrv:pc_enter vfs_read ksys_read"
                : "schedule percpu_rwsem_wait percpu_down_write pcdrv:pc_close vfs_write ksys_write", 400 - i, 1))];
        semaphore.Set("writer.task", writer.Object);
        machine.Memory.Space.WriteUInt64(writer.Frames.Local("percpu_down_write", 8), semaphore.Address);
        foreach (LinuxTask task in behind)
            machine.WaitQueues.Wait(semaphore.At("waiters"), task, "percpu_rwsem_wait", "percpu_rwsem_wake_function",
                Exclusive | Custom);
        machine.Truth = new LinuxTruth("owner-unknown", null,
            [LinuxTruth.Link(behind[0]), LinuxTruth.Link("lock", semaphore.Address, "gate"), LinuxTruth.Link(writer)])
        {
            Owners = [writer.Pid], Victims = [.. behind.Select(task => task.Pid)],
            Waits = [.. LinuxTruth.WaitsOf("percpu-rwsem", semaphore.Address, writer, "gate", behind)],
        };
        return machine;
    }

    /// <summary>
    /// A file system was frozen and is not thawed (fsfreeze -f): those who write wait for its per-CPU semaphore. No
    /// task holds it; the super block says that it is frozen.
    /// </summary>
    public static LinuxMachine Frozen(LinuxOptions options)
    {
        const ulong Complete = 4, Exclusive = 1, Custom = 0x20;
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxDisk disk = machine.Storage.AddDisk("sdb");
        LinuxObject block = machine.Storage.AddFileSystem("sdb1", "xfs", disk).Set("s_writers.frozen", Complete);
        LinuxObject semaphore = block.Inner("s_writers.rw_sem[0]", "percpu_rw_semaphore").Set("block", 1);
        LinuxTask[] tasks = [.. Enumerable.Range(0, 4).Select(i =>
            machine.Tasks.AddProcess(1500 + (uint)i, $"writer{i}", null)
            .Sleep('D', "schedule percpu_rwsem_wait __percpu_down_read xfs_file_buffered_write vfs_write ksys_write",
            600 - i, 1))];
        foreach (LinuxTask task in tasks)
            machine.WaitQueues.Wait(semaphore.At("waiters"), task, "percpu_rwsem_wait", "percpu_rwsem_wake_function",
            Exclusive | Custom);
        machine.Truth = new LinuxTruth("owner-unknown", "sdb1",
            [LinuxTruth.Link(tasks[0]), LinuxTruth.Link("lock", semaphore.Address, "sdb1")])
        {
            Victims = [.. tasks.Select(task => task.Pid)],
            Waits = [.. LinuxTruth.WaitsOf("percpu-rwsem", semaphore.Address, null, "sdb1", tasks)],
        };
        return machine;
    }
}
