namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!stor</c>. Figures that the symbols do not show are null.</summary>
public sealed record StorageJson(
    string Schema, string Summary, IReadOnlyList<AdapterJson> Adapters, IReadOnlyList<DiskClassJson> Classes,
    IReadOnlyList<StorageDeviceJson> Devices, IReadOnlyList<StorageDeviceJson> Stack, IReadOnlyList<IrpJson> Requests,
    IReadOnlyList<ReasonJson> Unknown);

/// <summary>An adapter with its disks.</summary>
public sealed record AdapterJson(
    string Device, string Extension, string? Driver, string? Module, ulong? Outstanding, ulong? MostOutstanding,
    ulong? PauseCount, ulong? BusyCount, IReadOnlyList<DiskJson> Disks);

/// <summary>A disk. State is idle, busy, saturated, power-locked, locked, stopped or silent.</summary>
public sealed record DiskJson(
    string Device, string Extension, string? Name, string State, string Explanation, string? DeviceState, ulong? Outstanding,
    ulong? Depth, ulong? Waiting, ulong? PauseCount, ulong? BusyCount, bool? Frozen, bool? Locked, bool? PowerLocked,
    bool? Unresponsive, ulong? ResetCount, string? Timeout, string? Oldest, IReadOnlyList<DiskRequestJson> Requests);

/// <summary>A request at a disk.</summary>
public sealed record DiskRequestJson(
    string Address, string? Irp, string? Age, string? AgeUnit, bool Aborting, string? Thread, string? Function, string? File);

/// <summary>What the class driver keeps of a disk.</summary>
public sealed record DiskClassJson(
    string Device, string? Name, string? Timeout, ulong? ErrorCount, bool? PoweringDown, IReadOnlyList<TransferJson> Transfers);

/// <summary>A transfer of the class driver.</summary>
public sealed record TransferJson(
    string Address, string Irp, string OriginalIrp, ulong NumRetries, bool TimedOut, string? Age);

/// <summary>A device, by its own queue.</summary>
public sealed record StorageDeviceJson(
    string Address, string? Name, string? Driver, string Kind, string? CurrentIrp, bool? Busy, int Queued);
