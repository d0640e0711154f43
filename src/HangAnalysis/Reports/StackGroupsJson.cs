using System.Text.Json;

namespace HangAnalysis.Reports;

/// <summary>
/// The JSON of <c>!us</c>: groups of threads with one stack. Threads counts all among which was chosen, matching those that the
/// filters let through, moreGroups and moreThreads what is beyond the limit.
/// </summary>
public sealed record StackGroupsJson(
    string Schema, IReadOnlyList<StackGroupJson> Groups, int Threads, int Matching, int MoreGroups, int MoreThreads,
    IReadOnlyList<ReasonJson> NotShown, CallTreeJson? Tree);

/// <summary>Threads that share a stack. Of cutThreads the stack ends early, for the reason endNote.</summary>
public sealed record StackGroupJson(
    IReadOnlyList<string> Threads, string? LongestWait, IReadOnlyList<ThreadStatisticsJson> Statistics,
    IReadOnlyList<FrameJson> Frames, int CutThreads, string? EndNote);

/// <summary>Threads of one state and wait reason in figures.</summary>
public sealed record ThreadStatisticsJson(
    string State, string? Reason, int Threads, string? Shortest, string? Median, string? Longest,
    IReadOnlyList<ProcessThreadsJson> Processes, int LowestPriority, int HighestPriority);

/// <summary>How many threads of a process are meant.</summary>
public sealed record ProcessThreadsJson(string Address, string Name, ulong Pid, int Threads);

/// <summary>A tree of calls: how many threads and roots it has; cutThreads are not followed to their end.</summary>
public sealed record CallTreeJson(int Threads, int Roots, int CutThreads, IReadOnlyList<CallBranchJson> Branches,
    int HiddenBranches, int HiddenThreads);

/// <summary>A piece of the tree on which nothing branches off: its functions, the outermost first.</summary>
public sealed record CallBranchJson(int Threads, int EndingThreads, IReadOnlyList<string> Functions,
    IReadOnlyList<CallBranchJson> Branches, int HiddenBranches, int HiddenThreads);

/// <summary>
/// The JSON of <c>!fems</c>: the command, among how many threads was chosen, how many match, and what it said of each.
/// </summary>
public sealed record MatchingThreadsJson(
    string Schema, string Command, int Threads, int Matching, int MoreThreads, IReadOnlyList<ReasonJson> NotShown,
    IReadOnlyList<CommandRunJson> Runs);

/// <summary>What the command said of one thread; output is null where it failed, for the reason error.</summary>
public sealed record CommandRunJson(
    string Thread, string Process, ulong Pid, ulong Tid, string State, string? Reason, string? Age, JsonElement? Output,
    string? Error);
