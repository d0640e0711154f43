namespace HangAnalysis.Linux;

/// <summary>Knowledge of functions of the kernel, by their names as kallsyms has them.</summary>
/// <remarks>Compilers append <c>.constprop.0</c>, <c>.isra.0</c>, <c>.part.0</c>: names are compared without such.</remarks>
internal static class LinuxFunctions
{
    /// <summary>The scheduler and what waits on behalf of others: they say nothing about who waits.</summary>
    private static readonly HashSet<string> s_waits =
    [
        "__schedule", "schedule", "schedule_timeout", "schedule_preempt_disabled", "schedule_hrtimeout_range",
        "schedule_hrtimeout_range_clock", "schedule_hrtimeout", "io_schedule", "io_schedule_timeout", "schedule_rtlock",
        "preempt_schedule", "preempt_schedule_common", "preempt_schedule_irq", "__cond_resched", "bit_wait", "bit_wait_io",
        "__wait_on_bit", "__wait_on_bit_lock", "out_of_line_wait_on_bit", "out_of_line_wait_on_bit_lock", "__wait_for_common",
        "do_wait_for_common", "wait_for_completion", "wait_for_completion_timeout", "wait_for_completion_interruptible",
        "wait_for_completion_interruptible_timeout", "wait_for_completion_killable", "wait_for_completion_killable_timeout",
        "wait_for_completion_io", "wait_for_completion_io_timeout", "wait_for_completion_state", "do_nanosleep", "wait_woken",
        "__mutex_lock", "__mutex_lock_slowpath", "__mutex_lock_interruptible_slowpath", "__mutex_lock_killable_slowpath",
        "__mutex_lock_common", "__ww_mutex_lock", "mutex_lock", "mutex_lock_interruptible", "mutex_lock_killable", "mutex_lock_io",
        "rwsem_down_read_slowpath", "rwsem_down_write_slowpath", "down_read", "down_write", "down_read_killable",
        "down_read_interruptible", "down_write_killable", "__down_read", "__down_write", "__down", "__down_common", "___down_common",
        "__down_interruptible", "__down_killable", "__down_timeout", "down", "down_interruptible", "down_killable", "down_timeout",
        "rt_mutex_slowlock", "__rt_mutex_slowlock", "rt_mutex_slowlock_block", "__rt_mutex_slowlock_locked", "rt_mutex_lock",
        "rtlock_slowlock_locked", "rt_spin_lock", "percpu_rwsem_wait", "__percpu_down_read", "percpu_down_write",
        "msleep", "msleep_interruptible", "usleep_range_state", "usleep_range", "schedule_timeout_uninterruptible",
        "schedule_timeout_interruptible", "schedule_timeout_killable", "schedule_timeout_idle",
    ];

    /// <summary>Functions in which a task of the kernel or of a program waits for its next work.</summary>
    private static readonly HashSet<string> s_idle =
    [
        "worker_thread", "kthreadd", "smpboot_thread_fn", "rescuer_thread", "kthread_worker_fn", "rcu_gp_fqs_loop", "rcu_gp_kthread",
        "kswapd", "kcompactd", "khugepaged", "ksm_scan_thread", "oom_reaper", "kauditd_thread", "watchdog", "kdevtmpfs",
        "devtmpfsd", "kjournald2", "scsi_error_handler", "do_poll", "do_sys_poll", "do_select", "ep_poll", "do_epoll_wait", "do_nanosleep",
        "hrtimer_nanosleep", "do_wait", "kernel_wait4", "pipe_read", "wait_for_partner", "n_tty_read", "unix_stream_read_generic",
        "inet_csk_accept", "unix_accept", "skb_wait_for_more_packets", "do_sigtimedwait", "do_sys_pause", "sigsuspend", "do_signal_stop",
        "futex_wait_queue", "futex_wait_queue_me", "fuse_dev_do_read", "inotify_read", "do_syslog", "devkmsg_read",
        "msgrcv", "do_msgrcv", "do_semtimedop", "io_cqring_wait", "signalfd_dequeue", "timerfd_read", "eventfd_read", "ptrace_stop",
    ];

    /// <summary>Functions that spin for a lock, with RDI the address of it.</summary>
    private static readonly HashSet<string> s_spins =
    [
        "native_queued_spin_lock_slowpath", "__pv_queued_spin_lock_slowpath", "queued_spin_lock_slowpath",
        "queued_read_lock_slowpath", "queued_write_lock_slowpath",
    ];

    /// <summary>Functions by which a processor is stopped or told to dump: what follows them is what it did.</summary>
    private static readonly HashSet<string> s_stops =
    [
        "stop_this_cpu", "crash_nmi_callback", "nmi_cpu_backtrace", "nmi_handle", "default_do_nmi", "exc_nmi", "asm_exc_nmi",
        "end_repeat_nmi", "nmi_shootdown_cpus", "kdump_nmi_callback", "__sysvec_reboot", "sysvec_reboot", "asm_sysvec_reboot",
        "smp_reboot_interrupt", "reboot_interrupt", "native_stop_other_cpus", "crash_ipi_callback", "do_nmi", "nmi",
        "__sysvec_call_function_single", "sysvec_call_function_single", "asm_sysvec_call_function_single",
    ];

    /// <summary>Functions that write the dump or end the system: whoever is in them does so on the way.</summary>
    private static readonly HashSet<string> s_dumps =
    [
        "__crash_kexec", "crash_kexec", "machine_kexec", "panic", "vpanic", "nmi_panic", "oops_end", "die", "__die", "crash_setup_regs",
    ];

    /// <summary>The name without what the compiler appended to it.</summary>
    public static ReadOnlySpan<char> Plain(string name)
    {
        int dot = name.IndexOf('.', 1);
        return dot < 0 ? name : name.AsSpan(0, dot);
    }

    /// <summary>Whether a function is a step of the waiting machinery.</summary>
    public static bool IsWaitPrimitive(string function) => Has(s_waits, function);

    /// <summary>Whether who is in a function waits for its next work, or for what its program chose to wait for.</summary>
    public static bool IsIdle(string function) => Has(s_idle, function);

    /// <summary>Whether a function spins for a lock.</summary>
    public static bool IsSpin(string function) => Has(s_spins, function);

    /// <summary>Whether a function is one by which a processor is stopped for the dump.</summary>
    public static bool IsStop(string function) => Has(s_stops, function);

    /// <summary>Whether a function is one that ends the system.</summary>
    public static bool IsDump(string function) => Has(s_dumps, function);

    private static bool Has(HashSet<string> names, string function) =>
        names.Contains(function) || (function.IndexOf('.', 1) > 0
            && names.GetAlternateLookup<ReadOnlySpan<char>>().Contains(Plain(function)));
}
