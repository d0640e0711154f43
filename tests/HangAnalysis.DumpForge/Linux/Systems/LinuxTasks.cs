using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>The tasks: the list of processes from init_task, their threads, memory and kinship.</summary>
public sealed class LinuxTasks
{
    private const ulong PfIdle = 2, PfWorker = 0x20, PfKernelThread = 0x200000, PfForkNoExec = 0x40, PfRandomize = 0x400000;
    private readonly LinuxMachine _machine;
    private readonly List<LinuxTask> _all = [];
    private readonly Dictionary<uint, LinuxTask> _byPid = [];
    private LinuxTask? _init, _kthreadd;

    internal LinuxTasks(LinuxMachine machine) => _machine = machine;

    /// <summary>All tasks; idle ones of all processors too.</summary>
    public IReadOnlyList<LinuxTask> All => _all;

    /// <summary>The first program, and parent of all others.</summary>
    public LinuxTask Init => _init ??= AddProcess(1, "systemd", null)
        .Sleep('S', "schedule schedule_hrtimeout_range ep_poll do_epoll_wait __x64_sys_epoll_wait", 0.7, 232);

    public LinuxTask Kthreadd => _kthreadd ??= Thread(2, "kthreadd", null).Sleep('S', "schedule kthreadd", 3);

    public LinuxTask Find(uint pid) => _byPid[pid];

    /// <summary>Makes a kernel thread.</summary>
    public LinuxTask AddKernelThread(uint pid, string comm, ulong flags = 0) => Thread(pid, comm, Kthreadd, flags);

    /// <summary>Makes a kworker, or a rescuer, with the flag of workers and its struct worker.</summary>
    public LinuxTask AddWorker(uint pid, string comm)
    {
        LinuxTask task = Thread(pid, comm, Kthreadd, PfWorker);
        _machine.WorkQueues.AddWorker(task);
        return task;
    }

    /// <summary>Makes a process with its first thread.</summary>
    public LinuxTask AddProcess(uint pid, string comm, LinuxTask? parent, ulong pages = 2048)
    {
        LinuxTask task = New(pid, pid, comm, isKernel: false);
        LinuxTask ancestor = parent ?? (pid == 1 ? Idle0 : Init);
        Link(task, ancestor, PfRandomize);
        NewSignal(task);
        LinuxObject mm = NewMemory(task, pages);
        task.Object.Set("mm", mm).Set("active_mm", mm);
        task.Object.AppendTo(Idle0.Object.At("tasks"), "tasks");
        return task;
    }

    /// <summary>Makes another thread of a process.</summary>
    public LinuxTask AddThread(LinuxTask leader, uint pid, string? comm = null)
    {
        LinuxTask task = New(pid, leader.Tgid, comm ?? leader.Comm, isKernel: false);
        task.Object.Set("flags", PfRandomize).Set("group_leader", leader.Object).Set("mm", leader.Object.Get("mm"))
            .Set("active_mm", leader.Object.Get("mm")).Set("real_parent", leader.Object.Get("real_parent"))
            .Set("parent", leader.Object.Get("parent")).Set("files", leader.Object.Get("files"));
        LinuxObject signal = _machine.Object("signal_struct", leader.Object.Get("signal"));
        task.Object.Set("signal", signal).AppendTo(signal.At("thread_head"), "thread_node");
        signal.Set("nr_threads", _machine.Memory.Space.ReadUInt32(signal.At("nr_threads")) + 1);
        return task;
    }

    /// <summary>Gives a process an address space of its own, in whose lower half its memory can be written.</summary>
    public AddressSpace OwnMemory(LinuxTask task)
    {
        AddressSpace space = new(_machine.Memory.Physical, _machine.Memory.Space);
        _machine.Object("mm_struct", task.Object.Get("mm")).Set("pgd", _machine.Memory.DirectOf(space.DirectoryTableBase));
        return space;
    }

    /// <summary>Gives a process open files, from descriptor 0 on.</summary>
    public void OpenFiles(LinuxTask task, params LinuxObject?[] files)
    {
        LinuxObject table = _machine.New("files_struct").Set("count", 1);
        ulong array = table.At("fd_array");
        for (int i = 0; i < files.Length; i++)
            _machine.Memory.Space.WriteUInt64(array + 8 * (ulong)i, files[i]?.Address ?? 0);
        table.Set("fdt", table.At("fdtab")).Set("fdtab.max_fds", 64).Set("fdtab.fd", array).Set("next_fd", files.Length);
        task.Object.Set("files", table);
    }

    internal LinuxTask NewIdle(int cpu)
    {
        LinuxTask task = New(0, 0, $"swapper/{cpu}", isKernel: true, cpu == 0);
        task.Object.Set("flags", PfIdle | PfKernelThread).Set("group_leader", task.Object).Set("prio", 120).Lists("tasks");
        if (cpu == 0)
        {
            task.Object.Lists("children").Set("real_parent", task.Object).Set("parent", task.Object);
            NewSignal(task);
        }
        else
            task.Object.Set("real_parent", Idle0.Object).Set("parent", Idle0.Object)
            .Set("signal", Idle0.Object.Get("signal"));
        return task.OnCpu(cpu);
    }

    internal void Complete()
    {
        _ = Init;
        _ = Kthreadd;
    }

    private LinuxTask Idle0 => _all[0];

    private LinuxTask Thread(uint pid, string comm, LinuxTask? parent, ulong flags = 0)
    {
        LinuxTask task = New(pid, pid, comm, isKernel: true);
        Link(task, parent ?? Idle0, PfKernelThread | PfForkNoExec | flags);
        NewSignal(task);
        LinuxObject kthread = _machine.New("kthread").Set("flags", 4ul);
        task.Object.Set("worker_private", kthread).AppendTo(Idle0.Object.At("tasks"), "tasks");
        return task;
    }

    private LinuxTask New(uint pid, uint tgid, string comm, bool isKernel, bool isFirst = false)
    {
        LinuxObject task = isFirst ? _machine.Variable("init_task", "task_struct") : _machine.New("task_struct", 64);
        ulong stack = isFirst ? _machine.Data("init_stack", LinuxMemory.StackSize, LinuxMemory.StackSize)
            : _machine.Memory.TakeStack();
        task.Set("stack", stack).Set("pid", pid).Set("tgid", tgid).Text("comm", comm).Set("usage", 1).Set("prio", 120)
            .Set("static_prio", 120).Set("normal_prio", 120).Set("start_time", 1_000_000_000ul + pid * 10_000_000ul)
            .Set("nvcsw", 7ul).Lists("children", "sibling", "thread_node");
        LinuxTask result = new(_machine, task, stack, pid, tgid, comm) { IsKernelThread = isKernel };
        _all.Add(result);
        if (pid != 0 && !_byPid.TryAdd(pid, result))
            throw new InvalidOperationException($"pid {pid} is taken");
        return result;
    }

    private static void Link(LinuxTask task, LinuxTask parent, ulong flags)
    {
        task.Object.Set("flags", flags).Set("group_leader", task.Object).Set("real_parent", parent.Object)
            .Set("parent", parent.Object).AppendTo(parent.Object.At("children"), "sibling");
    }

    private void NewSignal(LinuxTask task)
    {
        LinuxObject signal = _machine.New("signal_struct").Set("sigcnt", 1).Set("live", 1).Set("nr_threads", 1)
            .Lists("thread_head", "wait_chldexit.head");
        task.Object.Set("signal", signal).AppendTo(signal.At("thread_head"), "thread_node");
    }

    private LinuxObject NewMemory(LinuxTask task, ulong pages)
    {
        LinuxObject mm = _machine.New("mm_struct")
            .Set("pgd", _machine.Memory.DirectOf(_machine.Memory.Space.DirectoryTableBase))
            .Set("mm_users", 1).Set("mm_count", 1).Set("total_vm", pages).Set("owner", task.Object).Set("mmap_lock.owner", 0)
            .Lists("mmap_lock.wait_list");
        string count = _machine.Layout.Is61 ? "rss_stat.count[{0}]" : "rss_stat[{0}].count";
        mm.Set(string.Format(count, 0), pages / 4).Set(string.Format(count, 1), pages / 8)
            .Set(string.Format(count, 3), pages / 64);
        return mm;
    }
}
