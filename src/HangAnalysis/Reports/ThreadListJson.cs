namespace HangAnalysis.Reports;

/// <summary>
/// The JSON of <c>!lt</c>: the threads, among how many they were chosen, how many have ended and are left out for that, and
/// the chosen ones by state and reason.
/// </summary>
public sealed record ThreadListJson(
    string Schema, IReadOnlyList<ListedThreadJson> Threads, int Count, int Considered, int TerminatedNotShown,
    IReadOnlyList<ThreadStateCountJson> Statistics);

/// <summary>A thread. The function that waits is null where it was not asked for or is not known.</summary>
public sealed record ListedThreadJson(
    string Thread, string Process, string ProcessAddress, ulong Pid, ulong Tid, string State, bool Suspended, string? Time,
    string? Reason, string? WaitFunction);

/// <summary>Threads that are in the same state for the same reason; thread is the one of the longest time.</summary>
public sealed record ThreadStateCountJson(string State, string? Reason, int Count, string? Longest, string? Thread);
