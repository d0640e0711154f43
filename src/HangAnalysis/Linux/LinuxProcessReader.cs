using System.Numerics;
using System.Text;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Reads everything about one process, for the page of one.</summary>
internal sealed class LinuxProcessReader(LinuxSystem system)
{
    /// <summary>Bytes of a command line and of an environment that are read; the kernel allows 2 MB together.</summary>
    private const int MostArgumentBytes = 4096, MostEnvironmentBytes = 16_384;

    private static readonly string[] s_namespaces = ["uts_ns", "ipc_ns", "mnt_ns", "pid_ns_for_children", "net_ns", "time_ns", "cgroup_ns"];

    private readonly LinuxSession _session = system.Session;
    private readonly PathNames _paths = new(system.Session);

    /// <summary>Everything about a process.</summary>
    public LinuxProcessDetails Read(ProcessFacts process)
    {
        ThreadFacts leader = process.Threads[0];
        TaskDetails details = system.GetDetails(leader);
        ulong task = leader.Address.Value, mm = details.MemoryAddress;
        (string? commandLine, string? why) = Text(mm, "arg_start", "arg_end", MostArgumentBytes);
        (string? environment, _) = Text(mm, "env_start", "env_end", MostEnvironmentBytes);
        return new LinuxProcessDetails(process, details)
        {
            Program = mm == 0 ? null : Program(mm),
            Function = leader.IsSystemThread ? ThreadFunction(task) : null,
            CommandLine = commandLine?.Replace('\0', ' ').TrimEnd(' '),
            Environment = environment?.Split('\0', StringSplitOptions.RemoveEmptyEntries),
            WhyNoProgram = leader.IsSystemThread ? null : why,
            Directory = _session.Field("fs_struct", "pwd") is { IsPresent: true } pwd
                && Pointer(task, "task_struct", "fs") is not 0 and var files ? _paths.Of(files + (ulong)pwd.Offset) : null,
            Memory = mm == 0 || details.Memory is null ? null : Memory(mm, details.Memory),
            OpenFiles = OpenFiles(task),
            User = User(Pointer(task, "task_struct", "cred")),
            ControlGroup = ControlGroup(task),
            OwnNamespaces = Namespaces(task),
            PendingSignals = Value(Pointer(task, "task_struct", "signal"), "signal_struct", "shared_pending.signal"),
            Seccomp = (int?)Value(task, "task_struct", "seccomp.mode"),
        };
    }

    private ulong Pointer(ulong structure, string type, string path) =>
        _session.Read(structure, _session.Field(type, path)) is var value && LinuxSession.IsObject(value) ? value : 0;

    private ulong? Value(ulong structure, string type, string path) =>
        structure != 0 && _session.Field(type, path) is { IsPresent: true } slot ? _session.Read(structure, slot) : null;

    private string? Program(ulong mm) =>
        _session.Field("file", "f_path") is { IsPresent: true } path && Pointer(mm, "mm_struct", "exe_file") is not 0 and var file
            ? _paths.Of(file + (ulong)path.Offset) : null;

    private FrameFacts? ThreadFunction(ulong task)
    {
        // Since 5.17 kthreads have a pointer of their own; before, it was kept in set_child_tid.
        ulong kthread = _session.Read(task, _session.Field("task_struct", "worker_private", "set_child_tid"));
        return LinuxSession.IsObject(kthread) && Value(kthread, "kthread", "threadfn") is { } function
            && LinuxSession.IsKernelAddress(function) ? system.DescribeAddress(function) : null;
    }

    /// <summary>Text of a program's own memory, or why it is not known.</summary>
    private (string? Text, string? Why) Text(ulong mm, string first, string last, int most)
    {
        if (mm == 0 || Value(mm, "mm_struct", first) is not { } start || Value(mm, "mm_struct", last) is not { } end || end <= start)
            return (null, mm == 0 ? "it has no memory any more" : "the kernel has no record of it");
        if (system.UserMemory(mm) is not { } memory)
            return (null, "its page tables are not in the dump");
        byte[] bytes = new byte[(int)Math.Min(end - start, (ulong)most)];
        int read = Math.Clamp(memory.Read(start, bytes), 0, bytes.Length);
        return read == 0 ? (null, "memory of programs is not in the dump") : (Encoding.UTF8.GetString(bytes, 0, read), null);
    }

    private ProcessMemory Memory(ulong mm, TaskMemory size) => new(
        size, Peak(mm, "hiwater_vm", size.Virtual), Peak(mm, "hiwater_rss", size.Resident),
        Pages(mm, "data_vm"), Pages(mm, "exec_vm"), Pages(mm, "stack_vm"), Pages(mm, "locked_vm"), system.GetSwapped(mm),
        Value(mm, "mm_struct", "pgtables_bytes"), (int?)Value(mm, "mm_struct", "map_count"));

    private ulong? Pages(ulong mm, string path) => Value(mm, "mm_struct", path) * LinuxMemory.PageBytes;

    // Peaks are recorded when memory is given back: until then it is at its peak.
    private ulong? Peak(ulong mm, string path, ulong now) => Pages(mm, path) is { } recorded ? Math.Max(recorded, now) : null;

    private int? OpenFiles(ulong task)
    {
        const int MostWords = 16_384;
        ulong table = Pointer(Pointer(task, "task_struct", "files"), "files_struct", "fdt");
        ulong bits = Pointer(table, "fdtable", "open_fds");
        if (bits == 0 || Value(table, "fdtable", "max_fds") is not { } most)
            return null;
        byte[] words = new byte[(int)Math.Min((most + 63) / 64, MostWords) * 8];
        if (!_session.Memory.TryRead(bits, words))
            return null;
        int count = 0;
        foreach (byte word in words)
            count += BitOperations.PopCount(word);
        return count;
    }

    private ProcessUser? User(ulong cred) => Value(cred, "cred", "uid") is { } user && Value(cred, "cred", "gid") is { } group
        ? new ProcessUser((uint)user, (uint)(Value(cred, "cred", "euid") ?? user), (uint)group,
            (uint)(Value(cred, "cred", "egid") ?? group))
        : null;

    // The group of the unified hierarchy; its place is that of its node in kernfs.
    private string? ControlGroup(ulong task)
    {
        const int MostDepth = 32;
        ulong node = Pointer(Pointer(Pointer(task, "task_struct", "cgroups"), "css_set", "dfl_cgrp"), "cgroup", "kn");
        FieldSlot parent = _session.Field("kernfs_node", "parent", "__parent"), name = _session.Field("kernfs_node", "name");
        if (node == 0 || !parent.IsPresent || !name.IsPresent)
            return null;
        string path = "";
        for (int i = 0; i < MostDepth; i++)
        {
            ulong above = _session.Read(node, parent);
            if (!LinuxSession.IsObject(above))
                return path.Length == 0 ? "/" : path;
            if (_session.ReadText(_session.Read(node, name)) is not { Length: > 0 } own)
                return null;
            (path, node) = ($"/{own}{path}", above);
        }
        return null;
    }

    private List<string>? Namespaces(ulong task)
    {
        ulong own = Pointer(task, "task_struct", "nsproxy"), first = _session.AddressOf("init_nsproxy");
        if (own == 0 || first == 0)
            return null;
        List<string> names = [];
        foreach (string name in s_namespaces)
            if (_session.Field("nsproxy", name) is { IsPresent: true } slot && _session.Read(own, slot) != _session.Read(first, slot))
                names.Add(name[..name.IndexOf('_', StringComparison.Ordinal)]);
        return names;
    }
}
