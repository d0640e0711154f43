namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!ready</c>: queues with the threads in them, how many there are, and what could not be read.</summary>
public sealed record ReadyJson(string Schema, IReadOnlyList<ReadyQueueJson> Queues, int Threads, IReadOnlyList<string> Problems);

/// <summary>
/// A queue: kind is processor, shared, or none, which are the threads that no queue holds. Processors are those that take
/// threads from it. Address is that of a shared queue.
/// </summary>
public sealed record ReadyQueueJson(
    string Kind, string? Address, IReadOnlyList<int> Processors, IReadOnlyList<ReadyThreadJson> Threads);

/// <summary>
/// A thread that could run. Place is next, queued, deferred or none; readyFor is how long it has been ready, or where
/// isAtMost is true a time that is not shorter. What is not recorded is null.
/// </summary>
public sealed record ReadyThreadJson(
    string Thread, string Process, string ProcessAddress, ulong Pid, ulong Tid, int Priority, int? BasePriority, string State,
    string Place, string? ReadyFor, bool IsAtMost, int? LastProcessor, int? IdealProcessor, string? Affinity,
    uint? ContextSwitches, string? User, string? Kernel);
