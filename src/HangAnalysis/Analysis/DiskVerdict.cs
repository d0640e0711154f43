using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Judges a disk by its queue: who is to act next, the port driver, the power manager, or the hardware.</summary>
/// <remarks>
/// The rules: outstanding requests that are old, in a queue that runs, mean that device, fabric or hypervisor do not answer; a
/// frozen or paused queue means that an error is handled (event 129 is the reset); more waiting while as many are outstanding
/// as the disk takes means that it is saturated; a locked queue means a power transition.
/// </remarks>
public static class DiskVerdict
{
    /// <summary>Where a disk has no time-out of its own: what class drivers give reads and writes as a rule.</summary>
    private static readonly TimeSpan s_usualTimeout = TimeSpan.FromSeconds(30);

    /// <summary>The state of a disk.</summary>
    public static DiskState StateOf(DiskFacts disk)
    {
        if (disk.IsPowerLocked == true)
            return DiskState.PowerLocked;
        if (disk.IsFrozen == true || disk.PauseCount > 0)
            return DiskState.Stopped;
        if (disk.IsLocked == true)
            return DiskState.Locked;
        if (disk.IsUnresponsive == true || (disk.Outstanding > 0 && disk.Oldest > TimeoutOf(disk)))
            return DiskState.Silent;
        if (disk.Waiting > 0 && disk.Depth > 0 && disk.Outstanding >= disk.Depth)
            return DiskState.Saturated;
        return disk.Outstanding > 0 || disk.Waiting > 0 || disk.Requests.Count > 0 ? DiskState.Busy : DiskState.Idle;
    }

    /// <summary>Whether a state is one in which requests do not go on as they should.</summary>
    public static bool IsTrouble(DiskState state) => state is not (DiskState.Idle or DiskState.Busy);

    /// <summary>A state in one word.</summary>
    public static string Name(DiskState state) => state switch
    {
        DiskState.Idle => "idle",
        DiskState.Busy => "busy",
        DiskState.Saturated => "saturated",
        DiskState.PowerLocked => "power-locked",
        DiskState.Locked => "locked",
        DiskState.Stopped => "stopped",
        _ => "silent",
    };

    /// <summary>What the state of a disk means, with its figures.</summary>
    public static string Explain(DiskFacts disk)
    {
        string outstanding = $"{disk.Outstanding ?? (ulong)disk.Requests.Count:N0} outstanding";
        string oldest = disk.Oldest is { } age ? $", the oldest for {AgeText.Format(age)}" : "";
        string resets = disk.ResetCount > 0 ? $", reset {disk.ResetCount:N0} times" : "";
        string waiting = disk.Waiting > 0 ? $", {disk.Waiting:N0} wait" : "";
        return StateOf(disk) switch
        {
            DiskState.Silent => $"does not answer: {outstanding}{oldest}{waiting}{resets}; its queue runs, so that the device, the " +
                "way to it or the hypervisor owes the answers",
            DiskState.Stopped => $"its queue is {(disk.IsFrozen == true ? "frozen" : $"paused ({disk.PauseCount:N0})")}: an error " +
                $"is handled or a reset is on its way; {outstanding}{oldest}{waiting}{resets}",
            DiskState.PowerLocked => $"its queue is locked by power management: a power transition has not ended; {outstanding}{waiting}",
            DiskState.Locked => $"its queue is locked for a request that must be alone; {outstanding}{oldest}{waiting}",
            DiskState.Saturated => $"takes {disk.Depth:N0} requests at once and has {outstanding}{oldest}{waiting}: more comes in " +
                "than it finishes",
            DiskState.Busy => $"works: {outstanding}{oldest}{waiting}{resets}",
            _ => "has no request" + resets,
        };
    }

    /// <summary>
    /// The disk with the worst trouble; null where none has any. A silent disk comes before one whose error handling has
    /// begun, and that before one that is only slow.
    /// </summary>
    public static DiskFacts? Worst(StorageFacts storage)
    {
        DiskFacts? worst = null;
        foreach (DiskAdapterFacts adapter in storage.Adapters)
            foreach (DiskFacts disk in adapter.Disks)
                if (IsTrouble(StateOf(disk)) && (worst is null || Compare(disk, worst) < 0))
                    worst = disk;
        return worst;
    }

    /// <summary>Trouble first, then the oldest request.</summary>
    public static int Compare(DiskFacts a, DiskFacts b)
    {
        int order = StateOf(b).CompareTo(StateOf(a));
        return order != 0 ? order : (b.Oldest ?? TimeSpan.Zero).CompareTo(a.Oldest ?? TimeSpan.Zero) is var age and not 0 ? age
            : a.Device.CompareTo(b.Device);
    }

    private static TimeSpan TimeoutOf(DiskFacts disk) =>
        disk.Timeout is { } timeout && timeout > TimeSpan.Zero ? timeout : s_usualTimeout;
}
