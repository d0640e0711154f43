namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!irps</c>.</summary>
public sealed record IrpsJson(string Schema, IReadOnlyList<IrpJson> Requests);

/// <summary>A request. Place is driver, nobody, completed or unknown.</summary>
public sealed record IrpJson(
    string Address, string? Thread, string? Process, ulong? Pid, ulong? Tid, string? Function, int Minor, string Place,
    string? Driver, string? Module, string? Device, int DevicesAbove, int DevicesBelow, string? File, string? Age, bool Paging,
    bool Cancelled, string? MasterRequest);

/// <summary>The JSON of <c>!workers</c>.</summary>
public sealed record WorkersJson(string Schema, IReadOnlyList<WorkQueueJson> Queues);

/// <summary>A work queue.</summary>
public sealed record WorkQueueJson(
    string Address, string Name, int Workers, int Idle, int Running, int MostRunning, int? MostWorkers, int Items,
    IReadOnlyList<QueuedWorkJson> Work, IReadOnlyList<BlockedWorkerJson> Blocked, bool StandsStill);

/// <summary>Items that wait for one routine.</summary>
public sealed record QueuedWorkJson(string Routine, int Count);

/// <summary>A worker in a wait.</summary>
public sealed record BlockedWorkerJson(string Thread, ulong Tid, string WaitsFor, string? Age);
