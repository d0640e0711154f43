namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!p</c>.</summary>
public sealed record ProcessesJson(string Schema, IReadOnlyList<ProcessJson> Processes);

/// <summary>A process. What is not recorded is null.</summary>
public sealed record ProcessJson(
    string Address, string Name, string? Hosted, bool Is32Bit, uint? Session, ulong Pid, ulong ParentPid, ParentJson? Parent,
    string? Peb, string? Created, string? Exited, string? ExitStatus, string State, int? Modules, uint? Handles, int Threads,
    int EndedThreads, UserJson User, string? CommandLine, string? Image, string? ProgramImage, ProcessMemoryJson Memory,
    string? PriorityClass, int? BasePriority, string? Protection, JobJson? Job, MainThreadJson? MainThread, BlockedJson Blocked,
    IReadOnlyList<ProcessThreadJson>? ThreadList, string? WhyMissing);

/// <summary>The process that created another; else the younger one that has its identifier now.</summary>
public sealed record ParentJson(string Address, string Name, bool IsSuccessor);

/// <summary>A user: identifier, name where that is the same everywhere, and what the environment variables say.</summary>
public sealed record UserJson(string? Sid, string? WellKnownName, string? Environment);

/// <summary>Memory of a process in bytes.</summary>
public sealed record ProcessMemoryJson(
    ulong? Virtual, ulong? VirtualPeak, ulong? WorkingSet, ulong? WorkingSetPeak, ulong? Commit, ulong? CommitPeak,
    ulong? PagedQuota, ulong? NonPagedQuota);

/// <summary>A job with its number and the processes that run in it.</summary>
public sealed record JobJson(string Address, uint? Id, uint? Processes);

/// <summary>The main thread, by a function on its stack; null there where it is only the oldest.</summary>
public sealed record MainThreadJson(string Address, ulong Tid, string? Function, string State, string? Age, string? WaitsFor);

/// <summary>Threads that wait in the middle of an operation, and the one that has waited the longest.</summary>
public sealed record BlockedJson(int Threads, string? Thread, string? Age, string? WaitsFor);

/// <summary>A thread of a process.</summary>
public sealed record ProcessThreadJson(
    string Address, ulong Tid, string State, string? Age, string? WaitReason, bool Suspended);

/// <summary>The JSON of <c>!tl</c>. Memory, handles, creation and command line are null unless asked for.</summary>
public sealed record ProcessListJson(
    string Schema, IReadOnlyList<ListedProcessJson> Processes, ListedTotalsJson Totals, int Exited, int ExitedNotShown);

/// <summary>A process in a list: its threads by what they do.</summary>
public sealed record ListedProcessJson(
    string Address, string Name, string? Hosted, bool Is32Bit, ulong Pid, ulong ParentPid, uint? Session, bool HasExited,
    bool Noteworthy, ListedTotalsJson Threads, string? OldestBlocked, string? OldestBlockedThread, ProcessMemoryJson? Memory,
    uint? Handles, string? Created, string? CommandLine);

/// <summary>Threads by what they do.</summary>
public sealed record ListedTotalsJson(
    int All, int Running, int Ready, int Locks, int Replies, int Requests, int Memory, int Suspended, int Blocked);
