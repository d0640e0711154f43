namespace HangAnalysis.Targets;

/// <summary>Processor architecture of a dump.</summary>
public enum Architecture
{
    /// <summary>Not one that is known here.</summary>
    Unknown,

    /// <summary>AMD64.</summary>
    X64,

    /// <summary>32-bit x86.</summary>
    X86,

    /// <summary>ARM64.</summary>
    Arm64,
}

/// <summary>A bug check (stop code) with its parameters.</summary>
/// <param name="RawCode">Code as recorded: small dumps set bit 28 in some codes (0x1000007e).</param>
/// <param name="Parameters">The four parameters.</param>
public sealed record BugCheck(uint RawCode, IReadOnlyList<ulong> Parameters)
{
    /// <summary>
    /// Code as documented: without the mark of the small-dump variants. 0xC000021A and 0xDEADDEAD are codes of their own.
    /// </summary>
    public uint Code => RawCode >> 28 == 1 ? RawCode & 0x0fff_ffff : RawCode;
}

/// <summary>What a dump says of itself.</summary>
public sealed class TargetDescription
{
    /// <summary>The file, as the user named it.</summary>
    public required string Path { get; init; }

    /// <summary>Kind of dump in words: <c>full</c>, <c>small (triage)</c>, <c>kernel bitmap</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>What such a file is: a <c>dump</c>, or a <c>text</c> that a system wrote.</summary>
    public string Form { get; init; } = "dump";

    /// <summary>Whether the dump holds whole pages of memory, and not only chosen blocks.</summary>
    public required bool HoldsPages { get; init; }

    /// <summary>Processor architecture.</summary>
    public required Architecture Architecture { get; init; }

    /// <summary>Name of the operating system with its build, such as <c>Windows 10.0.19041</c>.</summary>
    public required string OperatingSystem { get; init; }

    /// <summary>Build of the operating system; null where builds have no number. For knowledge of published problems only.</summary>
    public int? Build { get; init; }

    /// <summary>Build laboratory string, such as <c>14393.2430.amd64fre.rs1_release</c>; empty where absent. Text from the dump.</summary>
    public string BuildLab { get; set; } = "";

    /// <summary>Processors; 0 where not known.</summary>
    public required int ProcessorCount { get; init; }

    /// <summary>The bug check, or null where the dump was taken without one.</summary>
    public BugCheck? BugCheck { get; init; }

    /// <summary>When the dump was taken; null where the header does not say.</summary>
    public DateTimeOffset? Time { get; init; }

    /// <summary>Time since start-up; null where the header does not say.</summary>
    public TimeSpan? Uptime { get; init; }

    /// <summary>Address of the block by which the kernel tells debuggers of itself; 0 where not known.</summary>
    public ulong DebuggerDataBlock { get; set; }

    /// <summary>What a small dump holds of the memory's counters; null for other dumps, and where it does not.</summary>
    public SmallDumpMemory? SmallDumpMemory { get; set; }

    /// <summary>What is damaged or missing in the file, one line each.</summary>
    public required IReadOnlyList<string> Damage { get; init; }
}

/// <summary>Counters of memory in a small dump, in pages.</summary>
/// <param name="NonPagedMaximum">Most nonpaged pool.</param>
/// <param name="NonPagedAllocated">Nonpaged pool that is allocated.</param>
/// <param name="PagedMaximum">Most paged pool.</param>
/// <param name="PagedAllocated">Paged pool that is allocated.</param>
/// <param name="Committed">Pages that are promised.</param>
/// <param name="CommitPeak">The most that were.</param>
/// <param name="CommitMaximum">What may be promised once the page files are at their largest.</param>
public sealed record SmallDumpMemory(
    ulong NonPagedMaximum, ulong NonPagedAllocated, ulong PagedMaximum, ulong PagedAllocated, ulong Committed, ulong CommitPeak,
    ulong CommitMaximum);
