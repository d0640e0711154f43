namespace HangAnalysis.Linux.Stops;

/// <summary>How a kernel came to its end.</summary>
public enum StopKind
{
    /// <summary>It died at an instruction.</summary>
    Oops,

    /// <summary>It gave up for another reason, which the message says.</summary>
    Panic,

    /// <summary>A warning ended it (panic_on_warn).</summary>
    Warning,

    /// <summary>khungtaskd ended it, because tasks were blocked.</summary>
    HungTask,

    /// <summary>The watchdog ended it, because a processor did not schedule.</summary>
    SoftLockup,

    /// <summary>The watchdog ended it, because a processor did not take interrupts.</summary>
    HardLockup,

    /// <summary>RCU ended it, because a grace period did not end.</summary>
    RcuStall,

    /// <summary>Somebody asked for it with SysRq.</summary>
    SysRq,

    /// <summary>Somebody, or hardware, sent a non-maskable interrupt.</summary>
    Nmi,

    /// <summary>No memory was left.</summary>
    OutOfMemory,

    /// <summary>The hardware reported an error.</summary>
    Hardware,

    /// <summary>It followed from an oops: the message says no more.</summary>
    AfterOops,
}
