namespace HangAnalysis.Reports;

/// <summary>
/// The JSON of <c>!lt</c> and <c>!tl</c> on Linux: the tasks, or the leaders of processes; among how many they were chosen;
/// and
/// how many are in which state.
/// </summary>
public sealed record TaskListJson(
    string Schema, IReadOnlyList<ListedTaskJson> Tasks, int Considered, IReadOnlyDictionary<string, int> States);

/// <summary>
/// A task, or a process by its leader. Sizes in KB; time since it last ran, by the latest clock of all processors and by
/// that of
/// its own; threads of a process, and the function that a task waits in.
/// </summary>
public sealed record ListedTaskJson(
    bool OnCpu, ulong Pid, ulong Tgid, ulong Ppid, int Cpu, string Task, string State, string StateLetter,
    double? MemoryPercent,
    ulong Vsz, ulong Rss, string? Time, string? OwnTime, string Command, bool IsKernelThread, int? Threads,
    string? WaitFunction);
