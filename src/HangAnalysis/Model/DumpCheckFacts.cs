namespace HangAnalysis.Model;

/// <summary>What people look for in a dump.</summary>
public enum DumpAspect
{
    /// <summary>The stop, its thread and the modules.</summary>
    Stop,

    /// <summary>Every thread with its kernel stack.</summary>
    KernelStacks,

    /// <summary>Locks, messages, requests, queues: who waits for whom.</summary>
    Waits,

    /// <summary>The tables of the kernel's own memory, for leaks.</summary>
    PoolTables,

    /// <summary>What drivers keep of their devices.</summary>
    DriverData,

    /// <summary>The programs' own stacks and data.</summary>
    UserMemory,

    /// <summary>What had been written out to disk, or was never read in.</summary>
    PagedOut,

    /// <summary>Memory of other systems and of a hypervisor.</summary>
    OtherSystems,
}

/// <summary>Whether a dump holds something.</summary>
public enum DumpHolds
{
    /// <summary>It does not.</summary>
    No,

    /// <summary>Some of it.</summary>
    Partly,

    /// <summary>It does.</summary>
    Yes,
}

/// <summary>What a dump shows of one thing.</summary>
/// <param name="Aspect">What people look for.</param>
/// <param name="What">The same in words.</param>
/// <param name="Holds">Whether it is there.</param>
/// <param name="Detail">How much, by what was counted, or why not.</param>
public sealed record DumpContent(DumpAspect Aspect, string What, DumpHolds Holds, string Detail);

/// <summary>How much a finding matters.</summary>
public enum FindingLevel
{
    /// <summary>Good to know.</summary>
    Note,

    /// <summary>Something that analysis may need is not there.</summary>
    Caution,

    /// <summary>The dump is damaged.</summary>
    Damage,
}

/// <summary>Something found out about a dump.</summary>
/// <param name="Level">How much it matters.</param>
/// <param name="Text">The finding, with figures.</param>
public sealed record DumpFinding(FindingLevel Level, string Text);

/// <summary>A setting for the next dump.</summary>
/// <param name="What">What it is for.</param>
/// <param name="Commands">The commands that make it.</param>
/// <param name="Note">What it costs and needs.</param>
public sealed record DumpSetting(string What, IReadOnlyList<string> Commands, string Note);

/// <summary>Everything that is to be known of a dump as a dump.</summary>
public sealed record DumpCheckFacts
{
    /// <summary>Its kind in words: <c>small memory dump</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>What tells the kind, and between which kinds the file does not tell.</summary>
    public required string KindReason { get; init; }

    /// <summary>What it is good for, in half a sentence.</summary>
    public required string Worth { get; init; }

    /// <summary>How it came about.</summary>
    public required string Trigger { get; init; }

    /// <summary>How sure that is.</summary>
    public required Certainty TriggerCertainty { get; init; }

    /// <summary>Bytes of the file; null where it cannot be asked.</summary>
    public ulong? FileBytes { get; init; }

    /// <summary>Bytes of memory in it; null where not known.</summary>
    public ulong? HeldBytes { get; init; }

    /// <summary>Bytes of the machine's memory; null where not known.</summary>
    public ulong? MachineBytes { get; init; }

    /// <summary>What is in it and what is not.</summary>
    public required IReadOnlyList<DumpContent> Contents { get; init; }

    /// <summary>What is damaged, missing, or good to know.</summary>
    public required IReadOnlyList<DumpFinding> Findings { get; init; }

    /// <summary>Platforms it may come from: one, or several candidates.</summary>
    public required IReadOnlyList<PlatformFacts> Platforms { get; init; }

    /// <summary>Drivers that write a dump at a crash, as far as they are loaded. Text from the dump.</summary>
    public IReadOnlyList<string> DumpDrivers { get; init; } = [];

    /// <summary>What to set for the next dump.</summary>
    public required IReadOnlyList<DumpSetting> Settings { get; init; }

    /// <summary>How to force the next one on these platforms, the best way first.</summary>
    public required IReadOnlyList<ForcedDumpWay> Ways { get; init; }

    /// <summary>Threads whose kernel stack should be in the dump and is not.</summary>
    public IReadOnlyList<ThreadAddress> ThreadsWithoutStack { get; init; } = [];

    /// <summary>Whether anything is damaged.</summary>
    public bool IsDamaged
    {
        get
        {
            foreach (DumpFinding finding in Findings)
                if (finding.Level == FindingLevel.Damage)
                    return true;
            return false;
        }
    }

    /// <summary>Whether the dump holds something, as far as that was found out.</summary>
    public DumpHolds Holds(DumpAspect aspect)
    {
        foreach (DumpContent content in Contents)
            if (content.Aspect == aspect)
                return content.Holds;
        return DumpHolds.No;
    }
}
