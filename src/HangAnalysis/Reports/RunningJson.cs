namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!running</c>: processors that run a thread, and how many idle besides and are not listed.</summary>
public sealed record RunningJson(string Schema, IReadOnlyList<RunningThreadJson> Processors, int IdleNotShown);

/// <summary>
/// The thread on a processor. Time is that since the thread was last made ready, or went into its last wait. What is not
/// recorded is null.
/// </summary>
public sealed record RunningThreadJson(
    int Processor, bool Idle, string? Thread, string? Process, string? ProcessAddress, ulong? Pid, ulong? Tid, int? Priority,
    int? BasePriority, int? NextProcessor, int? IdealProcessor, string? Affinity, uint? ContextSwitches, string? User,
    string? Kernel, string? State, string? Time, int? Irql, bool IrqlInferred, bool DpcActive, string? NextThread, string? Doing);
