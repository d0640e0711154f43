namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!p</c> on Linux.</summary>
public sealed record LinuxProcessesJson(string Schema, IReadOnlyList<LinuxProcessJson> Processes);

/// <summary>
/// A process. What is not recorded is null; command line and environment are what its own memory says, and whyNoProgram
/// tells
/// why they are null. Threads are null unless asked for.
/// </summary>
public sealed record LinuxProcessJson(
    string Task, ulong Pid, ulong ParentPid, string Command, bool IsKernelThread, string? Program, string? Function,
    string? CommandLine, IReadOnlyList<string>? Environment, string? WhyNoProgram, string? Directory, string? Started,
    LinuxUserJson? User, int? OpenFiles, string? Cgroup, IReadOnlyList<string>? OwnNamespaces, int? Seccomp,
    IReadOnlyList<string>? PendingSignals, IReadOnlyList<ulong> Children, LinuxProcessMemoryJson? Memory, int Threads,
    int Blocked,
    bool HasExited, IReadOnlyList<LinuxThreadJson>? ThreadList);

/// <summary>Users and groups by their numbers.</summary>
public sealed record LinuxUserJson(uint Uid, uint Euid, uint Gid, uint Egid);

/// <summary>Memory of a process, in bytes.</summary>
public sealed record LinuxProcessMemoryJson(
    ulong Vsz, ulong? VszPeak, ulong Rss, ulong? RssPeak, ulong? Data, ulong? Code, ulong? Stack, ulong? Locked,
    ulong? Swapped,
    ulong? PageTables, int? Mappings);

/// <summary>A task of a process.</summary>
public sealed record LinuxThreadJson(
    string Task, ulong Pid, string Command, int Cpu, bool OnCpu, string State, string? Time, string? WaitsFor);
