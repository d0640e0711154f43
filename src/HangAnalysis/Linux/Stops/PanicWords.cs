namespace HangAnalysis.Linux.Stops;

/// <summary>What the words of panics mean.</summary>
/// <remarks>
/// The arguments of panic() and nmi_panic() in the kernel's source: what they say has been stable since 2.6.
/// </remarks>
internal static class PanicWords
{
    private static readonly (string Words, StopKind Kind)[] s_kinds =
    [
        ("hung_task", StopKind.HungTask),
        ("softlockup", StopKind.SoftLockup),
        ("hard LOCKUP", StopKind.HardLockup), ("Hard LOCKUP", StopKind.HardLockup),
            ("NMI Watchdog detected LOCKUP", StopKind.HardLockup),
        ("RCU Stall", StopKind.RcuStall), ("RCU panic", StopKind.RcuStall),
        ("sysrq", StopKind.SysRq), ("SysRq", StopKind.SysRq),
        ("NMI: Not continuing", StopKind.Nmi), ("An NMI occurred", StopKind.Nmi), ("NMI IOCK error", StopKind.Hardware),
        ("Fatal exception", StopKind.AfterOops), ("Attempted to kill init", StopKind.AfterOops),
        ("Attempted to kill the idle task", StopKind.AfterOops), ("Aiee, killing interrupt handler", StopKind.AfterOops),
        ("Out of memory", StopKind.OutOfMemory), ("System is deadlocked on memory", StopKind.OutOfMemory),
        ("out of memory", StopKind.OutOfMemory),
        ("achine check", StopKind.Hardware), ("Fatal hardware error", StopKind.Hardware), ("MCE", StopKind.Hardware),
        ("panic_on_warn", StopKind.Warning),
        ("watchdog pretimeout", StopKind.HardLockup),
    ];

    private static readonly (string Function, StopKind Kind)[] s_functions =
    [
        ("sysrq_handle_crash", StopKind.SysRq), ("watchdog_overflow_callback", StopKind.HardLockup),
        ("watchdog_hardlockup_check", StopKind.HardLockup), ("watchdog_timer_fn", StopKind.SoftLockup),
        ("panic_on_rcu_stall", StopKind.RcuStall), ("check_hung_uninterruptible_tasks", StopKind.HungTask),
        ("mce_panic", StopKind.Hardware), ("ghes_panic", StopKind.Hardware), ("pci_serr_error", StopKind.Hardware),
        ("mem_parity_error", StopKind.Hardware), ("unknown_nmi_error", StopKind.Nmi),
            ("out_of_memory", StopKind.OutOfMemory),
    ];

    /// <summary>The kind of a panic by its message.</summary>
    public static StopKind Classify(string message)
    {
        foreach ((string words, StopKind kind) in s_kinds)
            if (message.Contains(words, StringComparison.Ordinal))
                return kind;
        return StopKind.Panic;
    }

    /// <summary>The kind of a stop by a function on its stack; null for one that is no sign.</summary>
    public static StopKind? OfFunction(ReadOnlySpan<char> function)
    {
        foreach ((string name, StopKind kind) in s_functions)
            if (function.SequenceEqual(name))
                return kind;
        return null;
    }

    /// <summary>Whether somebody, or a watchdog, ended the system because it hung.</summary>
    public static bool IsForced(StopKind kind) => kind is StopKind.HungTask or StopKind.SoftLockup or StopKind.HardLockup
        or StopKind.RcuStall or StopKind.SysRq or StopKind.Nmi;

    /// <summary>Who ended it and why, as a sentence without its stop; null where the message says all.</summary>
    public static string? Meaning(StopKind kind, string message) => kind switch
    {
        StopKind.HungTask => "khungtaskd ended the system, because tasks were blocked for too long",
        StopKind.SoftLockup => "the watchdog ended the system, because a processor did not schedule for too long",
        StopKind.HardLockup => "the watchdog ended the system, because a processor did not take interrupts for too long",
        StopKind.RcuStall => "RCU ended the system, because a grace period did not end",
        StopKind.SysRq => "somebody forced the dump with SysRq",
        StopKind.Nmi => "somebody, or the hardware, forced the dump with a non-maskable interrupt",
        StopKind.OutOfMemory => "there was no memory left",
        StopKind.Hardware => "the hardware reported an error",
        StopKind.Warning => "a warning ended it, because panic_on_warn is set",
        _ when message.StartsWith("VFS: Unable to mount root", StringComparison.Ordinal) =>
            "the root file system could not be mounted",
        _ when message.StartsWith("stack-protector", StringComparison.Ordinal) => "a function's stack frame was overwritten",
        _ when message.StartsWith("Attempted to kill init", StringComparison.Ordinal) => "the first program (init) ended",
        _ => null,
    };
}
