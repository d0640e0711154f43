namespace HangAnalysis.Model;

/// <summary>What keeps a disk from taking or finishing requests.</summary>
public enum DiskState
{
    /// <summary>It has nothing to do.</summary>
    Idle,

    /// <summary>It works, as far as can be seen.</summary>
    Busy,

    /// <summary>It has as many requests as it takes, and more wait.</summary>
    Saturated,

    /// <summary>It is kept from taking requests while its power state changes.</summary>
    PowerLocked,

    /// <summary>Its queue is locked for a request that must be alone.</summary>
    Locked,

    /// <summary>Its queue is stopped: an error is handled, or a reset is on its way.</summary>
    Stopped,

    /// <summary>It has requests for longer than its time-out and does not answer.</summary>
    Silent,
}

/// <summary>A request that a disk has.</summary>
/// <param name="Address">Address of the port driver's record.</param>
/// <param name="Request">Address of the request as the system knows it, or 0.</param>
/// <param name="Age">Since when the disk has it; null where not known.</param>
/// <param name="AgeUnit">In which unit the record counts: <c>ticks</c>; null where not known.</param>
/// <param name="IsAborting">Whether it is being aborted.</param>
public sealed record DiskRequestFacts(ulong Address, ulong Request, TimeSpan? Age, string? AgeUnit, bool IsAborting)
{
    /// <summary>What the system knows of the request; null where it is in no list, as most that reach disks are.</summary>
    public RequestFacts? Details { get; init; }
}

/// <summary>A disk (logical unit) of an adapter. Figures that the symbols do not show are null.</summary>
public sealed record DiskFacts(ulong Device, ulong Extension, ulong Adapter)
{
    /// <summary>Name of the device that programs' requests come through, such as <c>\Device\Harddisk0\DR0</c>. Text from the dump.</summary>
    public string? Name { get; init; }

    /// <summary>State of the device in the port driver's words.</summary>
    public string? DeviceState { get; init; }

    /// <summary>Requests at the disk.</summary>
    public ulong? Outstanding { get; init; }

    /// <summary>Requests that it takes at once.</summary>
    public ulong? Depth { get; init; }

    /// <summary>Requests that wait until it takes them.</summary>
    public ulong? Waiting { get; init; }

    /// <summary>How often its queue has been paused and not resumed.</summary>
    public ulong? PauseCount { get; init; }

    /// <summary>How often it said that it is busy.</summary>
    public ulong? BusyCount { get; init; }

    /// <summary>Whether its queue is frozen.</summary>
    public bool? IsFrozen { get; init; }

    /// <summary>Whether its queue is locked.</summary>
    public bool? IsLocked { get; init; }

    /// <summary>Whether its queue is locked by power management.</summary>
    public bool? IsPowerLocked { get; init; }

    /// <summary>Whether the port driver has marked it unresponsive.</summary>
    public bool? IsUnresponsive { get; init; }

    /// <summary>How often it was reset.</summary>
    public ulong? ResetCount { get; init; }

    /// <summary>After how long the port driver gives a request up.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The requests that it has, the oldest first.</summary>
    public IReadOnlyList<DiskRequestFacts> Requests { get; init; } = [];

    /// <summary>The oldest of them; null where none has a known age.</summary>
    public TimeSpan? Oldest => Requests.Count > 0 ? Requests[0].Age : null;
}

/// <summary>A disk adapter with its disks.</summary>
public sealed record DiskAdapterFacts(ulong Device, ulong Extension)
{
    /// <summary>Name of the driver object, such as <c>\Driver\storahci</c>. Text from the dump.</summary>
    public string? DriverName { get; init; }

    /// <summary>The miniport driver; null where not known.</summary>
    public ModuleFacts? Module { get; init; }

    /// <summary>Requests at the adapter.</summary>
    public ulong? Outstanding { get; init; }

    /// <summary>The most that there were at once.</summary>
    public ulong? MostOutstanding { get; init; }

    /// <summary>How often it has been paused and not resumed.</summary>
    public ulong? PauseCount { get; init; }

    /// <summary>How often it said that it is busy.</summary>
    public ulong? BusyCount { get; init; }

    /// <summary>Its disks.</summary>
    public IReadOnlyList<DiskFacts> Disks { get; init; } = [];
}

/// <summary>A transfer that the class driver of a disk has under way.</summary>
/// <param name="Address">Address of its packet.</param>
/// <param name="Request">The request that it sent down.</param>
/// <param name="OriginalRequest">The request that it works for.</param>
/// <param name="Retries">The packet's NumRetries.</param>
/// <param name="TimedOut">Whether it has timed out.</param>
/// <param name="Age">Since when; null where not known.</param>
public sealed record TransferFacts(ulong Address, ulong Request, ulong OriginalRequest, ulong Retries, bool TimedOut, TimeSpan? Age);

/// <summary>What the class driver keeps of a disk.</summary>
public sealed record DiskClassFacts(ulong Device, ulong Extension)
{
    /// <summary>Name of the device. Text from the dump.</summary>
    public string? Name { get; init; }

    /// <summary>After how long a transfer is given up.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Errors that were counted.</summary>
    public ulong? ErrorCount { get; init; }

    /// <summary>Whether it is being powered down.</summary>
    public bool? IsPoweringDown { get; init; }

    /// <summary>Transfers under way, the oldest first.</summary>
    public IReadOnlyList<TransferFacts> Transfers { get; init; } = [];
}

/// <summary>A device of a stack of devices, and what its own queue shows.</summary>
/// <param name="Address">The device.</param>
/// <param name="Name">Its name, or null. Text from the dump.</param>
/// <param name="DriverName">Its driver, or null. Text from the dump.</param>
/// <param name="Kind">What it is for people.</param>
/// <param name="CurrentRequest">The request that its driver works on by the device's own queue; 0 for none.</param>
/// <param name="IsBusy">Whether the device's own queue is busy; null where not known.</param>
/// <param name="Queued">Requests in the device's own queue.</param>
public sealed record StorageDeviceFacts(
    ulong Address, string? Name, string? DriverName, string Kind, ulong CurrentRequest, bool? IsBusy, int Queued);

/// <summary>All that is known of the disks of a system.</summary>
public sealed record StorageFacts
{
    /// <summary>Adapters, those with trouble first.</summary>
    public required IReadOnlyList<DiskAdapterFacts> Adapters { get; init; }

    /// <summary>What class drivers keep, where that is known.</summary>
    public required IReadOnlyList<DiskClassFacts> Classes { get; init; }

    /// <summary>Devices of disks where no more is known of them, and devices whose own queue is in use.</summary>
    public required IReadOnlyList<StorageDeviceFacts> Devices { get; init; }

    /// <summary>Requests of threads that are at devices of disks.</summary>
    public required IReadOnlyList<RequestFacts> Requests { get; init; }

    /// <summary>What is missing to know more.</summary>
    public required IReadOnlyList<Unknown> Unknown { get; init; }
}
