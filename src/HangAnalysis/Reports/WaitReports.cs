namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!owners</c>.</summary>
public sealed record LocksJson(string Schema, IReadOnlyList<LockJson> Locks);

/// <summary>A contended lock.</summary>
public sealed record LockJson(
    string Address, string Kind, string? Name, string? State, IReadOnlyList<LockPartyJson> Owners,
    IReadOnlyList<LockPartyJson> Waiters, string? Oldest);

/// <summary>
/// An owner, with what it waits for, or a waiter, with the access that it waits for. Certainty and evidence are those of the
/// ownership or of the wait.
/// </summary>
public sealed record LockPartyJson(
    string Kind, string Address, string? Process, ulong? Pid, ulong? Tid, string? WaitsFor, string? Age, string Certainty,
    string Evidence);

/// <summary>The JSON of <c>!deadlocks</c>: the circles, and among how many steps they were looked for.</summary>
public sealed record DeadlocksJson(string Schema, int Steps, int Guesses, IReadOnlyList<ChainJson> Deadlocks);

/// <summary>The JSON of <c>!why</c>.</summary>
public sealed record WhyJson(string Schema, string Summary, WhyNodeJson Tree);

/// <summary>An object in the tree; step, certainty and evidence are those of the wait that leads to it.</summary>
public sealed record WhyNodeJson(
    string Kind, string Address, string Name, string? Process, ulong? Pid, ulong? Tid, string? Age, string? Step,
    string? Certainty, string? Evidence, bool ClosesCircle, string? Note, IReadOnlyList<WhyNodeJson> Waits);
