namespace HangAnalysis.Model;

/// <summary>
/// What is recorded of a thread beyond what every listing needs; read when asked for. A value that the dump does not tell is
/// null.
/// </summary>
public sealed record ThreadDetails
{
    /// <summary>Time on a processor in the kernel.</summary>
    public TimeSpan? KernelTime { get; init; }

    /// <summary>Time on a processor in the program.</summary>
    public TimeSpan? UserTime { get; init; }

    /// <summary>How often it was switched to.</summary>
    public uint? ContextSwitches { get; init; }

    /// <summary>Priority without what was added for a while.</summary>
    public int? BasePriority { get; init; }

    /// <summary>What was added for the foreground window.</summary>
    public int? ForegroundBoost { get; init; }

    /// <summary>What was added beyond the usual.</summary>
    public int? UnusualBoost { get; init; }

    /// <summary>Priority of its requests to devices.</summary>
    public int? IoPriority { get; init; }

    /// <summary>Priority of its pages.</summary>
    public int? PagePriority { get; init; }

    /// <summary>Processors of its group on which it may run, a bit for each.</summary>
    public ulong? Affinity { get; init; }

    /// <summary>Number of the group of processors; 0 on machines with up to 64.</summary>
    public int? ProcessorGroup { get; init; }

    /// <summary>The processor on which it ran or will run.</summary>
    public int? NextProcessor { get; init; }

    /// <summary>The processor on which it should run.</summary>
    public int? IdealProcessor { get; init; }

    /// <summary>When it was created (UTC).</summary>
    public DateTimeOffset? CreateTime { get; init; }

    /// <summary>When it ended (UTC); null while it has not.</summary>
    public DateTimeOffset? ExitTime { get; init; }

    /// <summary>Where it began, as the kernel knows it; 0 where not recorded.</summary>
    public ulong StartAddress { get; init; }

    /// <summary>Where its program let it begin; 0 where not recorded.</summary>
    public ulong ProgramStartAddress { get; init; }

    /// <summary>How often it was suspended more than resumed.</summary>
    public int? SuspendCount { get; init; }

    /// <summary>The name that its program gave it. Text from the dump.</summary>
    public string? Name { get; init; }
}
