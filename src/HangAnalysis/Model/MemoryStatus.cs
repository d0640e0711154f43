namespace HangAnalysis.Model;

/// <summary>A size in bytes, or why it is not known.</summary>
/// <param name="Bytes">The size; null where it is not known.</param>
/// <param name="WhyNot">Why not; null where it is known.</param>
public readonly record struct MemoryFigure(ulong? Bytes, string? WhyNot)
{
    /// <summary>A size that is known.</summary>
    public static MemoryFigure Of(ulong bytes) => new(bytes, null);

    /// <summary>One that is not.</summary>
    public static MemoryFigure Missing(string why) => new(null, why);
}

/// <summary>A page file; sizes in bytes.</summary>
/// <param name="Name">Its path; null where it has none. Text from the dump.</param>
/// <param name="Size">How large it is now.</param>
/// <param name="Minimum">How large it is at least.</param>
/// <param name="Maximum">How large it may become.</param>
/// <param name="Free">What of it is free.</param>
/// <param name="Peak">The most that was in use.</param>
public sealed record PageFileFacts(string? Name, ulong Size, ulong Minimum, ulong Maximum, ulong Free, ulong Peak)
{
    /// <summary>Whether it is no file but a store of compressed memory.</summary>
    public bool IsVirtual { get; init; }

    /// <summary>Whether it takes whole working sets of programs in the background.</summary>
    public bool IsSwap { get; init; }

    /// <summary>Part of it that is free, from 0 to 1; null of one without a size.</summary>
    public double? FreeShare => Size == 0 ? null : (double)Free / Size;
}

/// <summary>One kind of pool.</summary>
/// <param name="Allocated">What is allocated.</param>
/// <param name="Maximum">What may be allocated.</param>
/// <param name="Commit">What of the system's commit it has.</param>
public sealed record PoolMemory(MemoryFigure Allocated, MemoryFigure Maximum, MemoryFigure Commit);

/// <summary>What has a part of the system's commit.</summary>
/// <param name="Name">Such as <c>processes</c>.</param>
/// <param name="Size">Its part.</param>
public sealed record CommitPart(string Name, MemoryFigure Size);

/// <summary>Failures since start-up that the system counts.</summary>
/// <param name="What">What failed.</param>
/// <param name="Count">How often.</param>
public sealed record MemoryFailures(string What, ulong Count);

/// <summary>A process that holds memory.</summary>
/// <param name="Process">The process.</param>
/// <param name="Memory">What it has.</param>
/// <param name="Handles">Handles that it has open; null where that is not recorded.</param>
public sealed record MemoryHolder(ProcessFacts Process, MemoryUse Memory, uint? Handles);

/// <summary>What is known of a machine's memory, in bytes.</summary>
public sealed record MemoryStatus
{
    /// <summary>From what it was read, in words.</summary>
    public required string Source { get; init; }

    /// <summary>Memory that is promised.</summary>
    public required MemoryFigure Committed { get; init; }

    /// <summary>What may be promised with the page files as they are.</summary>
    public required MemoryFigure CommitLimit { get; init; }

    /// <summary>Whether <see cref="CommitLimit"/> is that with the page files at their largest: the current one is not known.</summary>
    public bool IsCommitLimitMaximum { get; init; }

    /// <summary>The most that was promised.</summary>
    public required MemoryFigure CommitPeak { get; init; }

    /// <summary>Memory of the machine.</summary>
    public required MemoryFigure Physical { get; init; }

    /// <summary>What can be given out at once: free, zeroed and on standby.</summary>
    public required MemoryFigure Available { get; init; }

    /// <summary>What may still be locked in memory.</summary>
    public required MemoryFigure ResidentAvailable { get; init; }

    /// <summary>Changed, and not yet written.</summary>
    public required MemoryFigure Modified { get; init; }

    /// <summary>With contents that are on disk too, and may be taken.</summary>
    public required MemoryFigure Standby { get; init; }

    /// <summary>Free, with old contents.</summary>
    public required MemoryFigure Free { get; init; }

    /// <summary>Free and zeroed.</summary>
    public required MemoryFigure Zeroed { get; init; }

    /// <summary>The page files.</summary>
    public IReadOnlyList<PageFileFacts> PageFiles { get; init; } = [];

    /// <summary>Why page files may be missing; null where they are not.</summary>
    public string? WhyNoPageFiles { get; init; }

    /// <summary>The pool that is always in memory.</summary>
    public required PoolMemory NonPaged { get; init; }

    /// <summary>The pool that may be paged out.</summary>
    public required PoolMemory Paged { get; init; }

    /// <summary>What has the commit.</summary>
    public IReadOnlyList<CommitPart> CommitParts { get; init; } = [];

    /// <summary>Places for mappings of the system: all, and those that are free; null where that is not known.</summary>
    public (ulong Total, ulong? Free)? SystemMappings { get; init; }

    /// <summary>What failed since start-up; what never failed is not listed.</summary>
    public IReadOnlyList<MemoryFailures> Failures { get; init; } = [];

    /// <summary>Whether the failures could be read: without them none in the list means nothing.</summary>
    public bool KnowsFailures { get; init; }
}

/// <summary>A system that knows more of its memory than the few figures of <see cref="MemoryFacts"/>.</summary>
public interface IMemoryStatusSource
{
    /// <summary>All that is known of the machine's memory. Read when first asked for.</summary>
    MemoryStatus MemoryStatus { get; }

    /// <summary>The processes with what they hold, those with most commit first.</summary>
    IReadOnlyList<MemoryHolder> GetMemoryHolders();
}
