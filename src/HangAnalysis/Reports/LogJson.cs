namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!log</c>: records, how many could not be read, and why the log is missing or cut.</summary>
public sealed record LogJson(string Schema, IReadOnlyList<LogRecordJson> Records, int Damaged, string? Problem);

/// <summary>
/// A record of the log. Seconds since start-up; the time of day where it is known; caller T97 for a task, C1 for a
/// processor. Reports is what the line reports, such as hung-task, with the task and the processor that it names.
/// </summary>
public sealed record LogRecordJson(
    ulong Sequence, double Seconds, DateTimeOffset? Time, int Facility, int Level, string? Caller, string Text,
        string? Reports,
    string? Task, int? Pid, string? Name, int? Cpu);
