using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>Tells from a stack what a task was asked to do, and by which function people recognise it.</summary>
internal static class LinuxOperations
{
    /// <summary>What the functions below the entry of a system call do, as the end of a sentence.</summary>
    private static readonly Dictionary<string, string> s_operations = new(StringComparer.Ordinal)
    {
        ["vfs_read"] = "reads a file", ["vfs_write"] = "writes a file", ["vfs_fsync_range"] = "flushes a file to disk",
        ["do_sys_openat2"] = "opens a file", ["path_openat"] = "opens a file", ["filp_close"] = "closes a file",
        ["__x64_sys_ioctl"] = "asks a driver for something (ioctl)", ["do_unlinkat"] = "deletes a file",
        ["do_renameat2"] = "renames a file", ["iterate_dir"] = "lists a folder", ["vfs_statx"] = "asks for a file's attributes",
        ["path_mount"] = "mounts a file system", ["do_umount"] = "unmounts a file system", ["ksys_sync"] = "flushes all disks",
        ["do_exit"] = "ends", ["load_elf_binary"] = "starts a program", ["bprm_execve"] = "starts a program",
        ["do_init_module"] = "loads a module", ["delete_module"] = "removes a module", ["__x64_sys_delete_module"] = "removes a module",
        ["do_user_addr_fault"] = "reads in a page of its program", ["freeze_super"] = "freezes a file system",
        ["cgroup_attach_task"] = "moves a task to a cgroup", ["inet_sendmsg"] = "sends to the network",
        ["inet_recvmsg"] = "receives from the network",
    };

    /// <summary>Functions through which all stacks go: where threads and system calls begin.</summary>
    private static readonly HashSet<string> s_entries =
    [
        "ret_from_fork", "ret_from_fork_asm", "kthread", "entry_SYSCALL_64_after_hwframe", "do_syscall_64", "x64_sys_call",
        "worker_thread", "process_one_work", "process_scheduled_works", "secondary_startup_64_no_verify", "secondary_startup_64",
        "start_secondary", "cpu_startup_entry", "do_idle", "start_kernel", "rest_init", "arch_call_rest_init", "smpboot_thread_fn",
        "x86_64_start_kernel", "x86_64_start_reservations", "common_startup_64", "entry_SYSCALL_64", "asm_exc_page_fault", "exc_page_fault",
    ];

    /// <summary>What a task was asked to do; null where its stack does not show it.</summary>
    public static string? Operation(StackFacts stack)
    {
        foreach (FrameFacts frame in stack.Frames)
            if (frame.Symbol is { } symbol
                && s_operations.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(LinuxFunctions.Plain(symbol), out string? operation))
                return operation;
        return null;
    }

    /// <summary>
    /// The function by which people recognise a task: the outermost that is not where all begin; of threads of the kernel that
    /// is their main function, of a worker its work item's, of programs their system call.
    /// </summary>
    public static string? Landmark(StackFacts stack)
    {
        for (int i = stack.Frames.Count - 1; i >= 0; i--)
        {
            FrameFacts frame = stack.Frames[i];
            if (frame is { Symbol: { } symbol, Module.IsUserMode: false, IsWaitPrimitive: false } && !s_entries.Contains(symbol))
                return frame.Function;
        }
        return null;
    }
}
