using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>
/// What is recorded of one task beyond what every system has; null where the kernel's types do not have it.
/// </summary>
/// <param name="Thread">The task.</param>
public sealed record TaskDetails(ThreadFacts Thread)
{
    /// <summary>
    /// Its own name, of at most 15 characters; threads of a process may have names of their own. Text from the dump.
    /// </summary>
    public required string Name { get; init; }

    /// <summary>The processor that it is on or was on last.</summary>
    public int Processor { get; init; }

    /// <summary>Its state in the two letters of <c>crash</c>: RU, IN, UN, ID, ST, TR, ZO, DE.</summary>
    public required string State { get; init; }

    /// <summary>
    /// The time since it was last put on a processor by the clock of that processor, as <c>crash ps -m</c> has it; the clock
    /// stands while the processor sleeps.
    /// </summary>
    public TimeSpan? OwnAge { get; init; }

    /// <summary>Flags (PF_*).</summary>
    public ulong Flags { get; init; }

    /// <summary>Scheduling policy, such as <c>NORMAL</c> or <c>FIFO</c>.</summary>
    public string? Policy { get; init; }

    /// <summary>Nice value, -20 to 19.</summary>
    public int? Nice { get; init; }

    /// <summary>Real-time priority, 1 to 99; 0 for others.</summary>
    public int? RealTimePriority { get; init; }

    /// <summary>Time in the program.</summary>
    public TimeSpan? UserTime { get; init; }

    /// <summary>Time in the kernel.</summary>
    public TimeSpan? SystemTime { get; init; }

    /// <summary>How long it has waited for a processor in all.</summary>
    public TimeSpan? RunDelay { get; init; }

    /// <summary>How often it gave up its processor by itself.</summary>
    public ulong? VoluntarySwitches { get; init; }

    /// <summary>How often its processor was taken from it.</summary>
    public ulong? InvoluntarySwitches { get; init; }

    /// <summary>When it was started, after the start of the system.</summary>
    public TimeSpan? StartTime { get; init; }

    /// <summary>Whether it waits for I/O by its own record (in_iowait).</summary>
    public bool? IsInIoWait { get; init; }

    /// <summary>Signals that are pending for it, without those of its whole process.</summary>
    public ulong? PendingSignals { get; init; }

    /// <summary>Signals that it blocks.</summary>
    public ulong? BlockedSignals { get; init; }

    /// <summary>Address of its <c>mm_struct</c>; 0 for threads of the kernel and for those that have ended.</summary>
    public ulong MemoryAddress { get; init; }

    /// <summary>Its memory; null where it has none.</summary>
    public TaskMemory? Memory { get; init; }
}

/// <summary>Memory of a program, in bytes.</summary>
/// <param name="Virtual">Size of its address space (VSZ).</param>
/// <param name="Resident">What of it is in memory (RSS).</param>
public sealed record TaskMemory(ulong Virtual, ulong Resident);
