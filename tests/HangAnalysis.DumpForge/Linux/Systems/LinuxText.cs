using HangAnalysis.DumpForge.Linux.Layouts;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>The kernel's functions; each comes to exist when a stack or a pointer first needs it.</summary>
internal sealed class LinuxText(LinuxMemory memory, LinuxLayout layout)
{
    private const int Room = 0x200;

    // What these keep on their stacks needs room: waiters, queue entries, requests.
    private static readonly Dictionary<string, int> s_frames = new(StringComparer.Ordinal)
    {
        ["__schedule"] = 0x70, ["schedule"] = 0x18, ["__mutex_lock.constprop.0"] = 0x78, ["rwsem_down_read_slowpath"] = 0xb0,
        ["rwsem_down_write_slowpath"] = 0xb0, ["__down"] = 0x90, ["__down_common"] = 0x90, ["__wait_for_common"] = 0x78,
        ["__flush_work"] = 0xc8, ["__flush_workqueue"] = 0xd8, ["folio_wait_bit_common"] = 0xe0,
            ["out_of_line_wait_on_bit"] = 0xa8,
        ["__synchronize_rcu"] = 0xa0, ["__wait_rcu_gp"] = 0x60, ["synchronize_rcu_normal"] = 0xc0,
        ["synchronize_rcu"] = 0xc0,
        ["request_wait_answer"] = 0x98, ["fuse_dev_do_read"] = 0xc0, ["futex_wait"] = 0x138, ["__futex_wait"] = 0x138,
        ["futex_lock_pi"] = 0x180, ["rt_mutex_slowlock.constprop.0"] = 0xd0, ["rt_mutex_slowlock"] = 0xd0,
        ["percpu_rwsem_wait"] = 0x90, ["percpu_down_write"] = 0x70, ["do_wait"] = 0x60, ["schedule_timeout"] = 0x70,
        ["ep_poll"] = 0xa0, ["do_poll.constprop.0"] = 0x90, ["unix_stream_read_generic"] = 0xa0, ["pipe_read"] = 0x90,
        ["blk_execute_rq"] = 0x70, ["submit_bio_wait"] = 0xb0, ["blkdev_issue_flush"] = 0xb0, ["kswapd"] = 0x90,
        ["io_schedule"] = 0x18,
        ["jbd2_log_wait_commit"] = 0x80, ["rwsem_down_write_slowpath.constprop.0"] = 0xb0, ["watchdog"] = 0x60,
        ["worker_thread"] = 0x48, ["kthread"] = 0x38, ["do_syscall_64"] = 0x50,
    };

    // Assembler: the ORC data say that a stack ends here, or that a struct pt_regs lies here.
    private static readonly Dictionary<string, EntryKind> s_entries = new(StringComparer.Ordinal)
    {
        ["ret_from_fork_asm"] = EntryKind.End, ["secondary_startup_64_no_verify"] = EntryKind.End,
        ["entry_SYSCALL_64_after_hwframe"] = EntryKind.Registers, ["asm_exc_page_fault"] = EntryKind.Registers,
        ["asm_exc_invalid_op"] = EntryKind.Registers, ["asm_exc_general_protection"] = EntryKind.Registers,
        ["asm_sysvec_apic_timer_interrupt"] = EntryKind.Registers, ["asm_sysvec_reboot"] = EntryKind.Registers,
        ["asm_exc_nmi"] = EntryKind.Registers, ["end_repeat_nmi"] = EntryKind.Registers,
        ["__crash_kexec"] = EntryKind.Unknown, ["crash_setup_regs"] = EntryKind.Unknown,
    };

    private static readonly HashSet<string> s_indirect = new(StringComparer.Ordinal)
    {
        "kthread", "do_syscall_64", "vfs_read", "vfs_write", "process_one_work", "do_one_initcall", "__x64_sys_ioctl",
        "ret_from_fork_asm", "entry_SYSCALL_64_after_hwframe", "asm_sysvec_apic_timer_interrupt", "smpboot_thread_fn",
    };

    // Those that reach their frame by RBP whatever chance says, so that both kinds of ORC data are on every stack.
    private static readonly HashSet<string> s_byBasePointer = new(StringComparer.Ordinal)
    {
        "__schedule", "do_exit", "panic",
    };

    private readonly Dictionary<string, LinuxFunction> _functions = new(StringComparer.Ordinal);

    /// <summary>All functions so far, of the kernel alone.</summary>
    public IEnumerable<LinuxFunction> Functions => _functions.Values;

    public LinuxFunction Find(string name)
    {
        if (_functions.TryGetValue(name, out LinuxFunction? known))
            return known;
        // CONFIG_CALL_PADDING (6.2): 16 bytes before each function, with a symbol __pfx_NAME.
        int padding = layout.Is61 ? 0 : 16;
        ulong address = memory.TakeText(Room + padding) + (ulong)padding;
        LinuxFunction function = Make(name, null, address, layout);
        _functions.Add(name, function);
        return function;
    }

    /// <summary>A function at an address of one's own.</summary>
    public static LinuxFunction Make(string name, string? module, ulong address, LinuxLayout layout)
    {
        EntryKind kind = s_entries.GetValueOrDefault(name);
        // ret_from_fork became a function of C in 6.5; ret_from_fork_asm was added for the rest.
        if (name == "ret_from_fork" && layout.Is61)
            kind = EntryKind.End;
        ulong chance = Mix.Hash(name + layout.Name);
        // Nobody could find a saved RBP without unwind data.
        BasePointer pointer = kind == EntryKind.Unknown ? BasePointer.Kept
            : s_byBasePointer.Contains(name) || chance % 7 == 0 ? BasePointer.Frame
            : chance % 3 == 0 ? BasePointer.Saved : BasePointer.Kept;
        int frame = s_frames.GetValueOrDefault(name, 0x20) + (int)(chance >> 8 & 3) * 8;
        return new LinuxFunction(name, module, address, Room, frame, kind, pointer)
        {
            CallsIndirectly = s_indirect.Contains(name),
        };
    }
}
