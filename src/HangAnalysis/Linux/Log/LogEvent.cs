namespace HangAnalysis.Linux.Log;

/// <summary>What a line of the log reports.</summary>
public enum LogEventKind
{
    /// <summary>khungtaskd: a task has been in uninterruptible sleep for long.</summary>
    HungTask,

    /// <summary>The watchdog: a processor has not scheduled for long.</summary>
    SoftLockup,

    /// <summary>The watchdog: a processor has not taken interrupts for long.</summary>
    HardLockup,

    /// <summary>RCU: a processor, or a task, keeps a grace period from ending.</summary>
    RcuStall,

    /// <summary>
    /// An access to memory that failed: <c>BUG: unable to handle …</c>, <c>BUG: kernel NULL pointer dereference</c>.
    /// </summary>
    BadAccess,

    /// <summary>The kernel died at an instruction: <c>Oops: 0002 [#1]</c>, <c>invalid opcode: 0000 [#1]</c>.</summary>
    Oops,

    /// <summary>A check of the kernel failed: <c>kernel BUG at file:line!</c>.</summary>
    Bug,

    /// <summary>A check failed and the kernel went on: <c>WARNING: CPU: 1 PID: 2 at file:line</c>.</summary>
    Warning,

    /// <summary><c>Kernel panic - not syncing: …</c>.</summary>
    Panic,

    /// <summary>Somebody pressed, or wrote, a key of SysRq.</summary>
    SysRq,

    /// <summary>A process was killed because there was no memory left.</summary>
    OutOfMemory,

    /// <summary>A non-maskable interrupt without a known reason: often an operator's.</summary>
    UnknownNmi,

    /// <summary>The hardware reports an error: machine checks, PCI errors.</summary>
    HardwareError,

    /// <summary>A disk did not read or write.</summary>
    DiskError,
}

/// <summary>A line of the log that reports something, with whom it names.</summary>
/// <param name="Kind">What it reports.</param>
/// <param name="Record">The line.</param>
/// <param name="Index">Number of the record in the log.</param>
public sealed record LogEvent(LogEventKind Kind, LogRecord Record, int Index)
{
    /// <summary>Identifier of the task; null where it names none.</summary>
    public int? Pid { get; init; }

    /// <summary>Name of the task; null where it names none. Text from the dump.</summary>
    public string? Task { get; init; }

    /// <summary>Number of the processor; null where it names none.</summary>
    public int? Processor { get; init; }

    /// <summary>
    /// What it is about besides: the disk of a disk error, the file and line of a BUG, the words of a panic.
    /// </summary>
    public string? Subject { get; init; }
}
