namespace HangAnalysis.Model;

/// <summary>
/// What is recorded of a process beyond what every listing needs; read when asked for. A value that the dump does not tell
/// is null.
/// </summary>
public sealed record ProcessDetails
{
    /// <summary>When it was created (UTC).</summary>
    public DateTimeOffset? CreateTime { get; init; }

    /// <summary>When it ended (UTC); null while it has not.</summary>
    public DateTimeOffset? ExitTime { get; init; }

    /// <summary>What it ended with; null while it has not.</summary>
    public uint? ExitStatus { get; init; }

    /// <summary>Handles that it has open.</summary>
    public uint? Handles { get; init; }

    /// <summary>Why these are not known; null where they are.</summary>
    public string? WhyNoHandles { get; init; }

    /// <summary>In whose name it acts.</summary>
    public AccountFacts? Account { get; init; }

    /// <summary>Its class of priority in words, such as <c>above normal</c>.</summary>
    public string? PriorityClass { get; init; }

    /// <summary>Priority with which its threads begin.</summary>
    public int? BasePriority { get; init; }

    /// <summary>Who may touch it, such as <c>PPL, WinTcb</c>; null where everybody with the rights may.</summary>
    public string? Protection { get; init; }

    /// <summary>Path of its image as the kernel has it. Text from the dump.</summary>
    public string? ImagePath { get; init; }

    /// <summary>Identifier of its job; null for none and where the system gives none.</summary>
    public uint? GroupId { get; init; }

    /// <summary>Processes that run in its job.</summary>
    public uint? GroupProcesses { get; init; }

    /// <summary>What it needs of memory.</summary>
    public MemoryUse Memory { get; init; } = new();
}

/// <summary>Memory of a process, in bytes; null where the dump does not tell.</summary>
public sealed record MemoryUse
{
    /// <summary>Addresses in use.</summary>
    public ulong? Virtual { get; init; }

    /// <summary>The most addresses that were in use.</summary>
    public ulong? VirtualPeak { get; init; }

    /// <summary>Memory of the machine that it has.</summary>
    public ulong? WorkingSet { get; init; }

    /// <summary>The most memory of the machine that it had.</summary>
    public ulong? WorkingSetPeak { get; init; }

    /// <summary>Memory that is promised to it alone.</summary>
    public ulong? Committed { get; init; }

    /// <summary>The most that was promised to it.</summary>
    public ulong? CommittedPeak { get; init; }

    /// <summary>Pages that it alone has, in memory or paged out.</summary>
    public ulong? Private { get; init; }

    /// <summary>Memory of the kernel that was charged to it and may be paged out.</summary>
    public ulong? PagedQuota { get; init; }

    /// <summary>Memory of the kernel that was charged to it and stays in memory.</summary>
    public ulong? NonPagedQuota { get; init; }
}

/// <summary>An account. Dumps hold identifiers and no names: only those that are the same everywhere have one.</summary>
/// <param name="Id">Its identifier in the system's notation.</param>
/// <param name="Name">Its name where that is the same on every machine; null otherwise.</param>
public sealed record AccountFacts(string Id, string? Name);

/// <summary>What the memory of a program says of it. It can write there what it likes: nothing in it is proof.</summary>
public sealed record ProgramDetails
{
    /// <summary>How it was called. Text from the dump.</summary>
    public string? CommandLine { get; init; }

    /// <summary>Path of its image as it was told. Text from the dump.</summary>
    public string? ImagePath { get; init; }

    /// <summary>User by its environment variables, with the domain. Text from the dump.</summary>
    public string? EnvironmentUser { get; init; }

    /// <summary>Images that it has loaded.</summary>
    public int? Modules { get; init; }

    /// <summary>Why some of it is missing; null where nothing is.</summary>
    public string? WhyMissing { get; init; }
}

/// <summary>The process that created another, as far as it can be found.</summary>
/// <param name="Process">The parent; null where it is gone.</param>
/// <param name="Successor">A younger process that has the parent's identifier now; null where there is none.</param>
public sealed record ParentFacts(ProcessFacts? Process, ProcessFacts? Successor);

/// <summary>The thread that people mean by the main thread of a process.</summary>
/// <param name="Thread">The thread.</param>
/// <param name="Function">The program's main function on its stack; null where it is only the oldest thread.</param>
public sealed record MainThreadFacts(ThreadFacts Thread, string? Function);
