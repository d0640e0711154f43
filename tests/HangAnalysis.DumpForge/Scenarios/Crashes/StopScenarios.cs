using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Stops by name: <c>stop-CODE</c>, and what of it where there are several.</summary>
public static class StopScenarios
{
    /// <summary>What the names begin with.</summary>
    internal const string Prefix = "stop-";

    private static readonly Dictionary<string, Func<KernelLayout, ForgedStop>> s_scenarios = new(StringComparer.Ordinal)
    {
        ["stop-124-cache"] = HardwareStops.Cache,
        ["stop-124-memory"] = HardwareStops.Memory,
        ["stop-124-pcie"] = HardwareStops.PciExpress,
        ["stop-124-mixed"] = HardwareStops.Mixed,
        ["stop-124-unread"] = HardwareStops.Unread,
        ["stop-124-driver"] = HardwareStops.Driver,
        ["stop-9c"] = HardwareStops.MachineCheck,
        ["stop-1a-bit"] = MemoryStops.SingleBit,
        ["stop-1a-entry"] = MemoryStops.CorruptEntry,
        ["stop-1a-403"] = MemoryStops.Disagree,
        ["stop-1a-3f"] = MemoryStops.Checksum,
        ["stop-1a-mdl"] = MemoryStops.Mdl,
        ["stop-1a-other"] = MemoryStops.Undocumented,
        ["stop-4e"] = MemoryStops.PageFrame,
        ["stop-4e-unlock"] = MemoryStops.Unlocked,
        ["stop-12b"] = MemoryStops.FaultyPage,
        ["stop-127"] = MemoryStops.NotZero,
        ["stop-19"] = MemoryStops.PoolHeader,
        ["stop-c2-free"] = MemoryStops.FreedTwice,
        ["stop-c2-tag"] = MemoryStops.WrongTag,
        ["stop-c2-notag"] = MemoryStops.NoTag,
        ["stop-c2-header"] = MemoryStops.CorruptBlock,
        ["stop-c6"] = MemoryStops.FreedPool,
        ["stop-13a"] = MemoryStops.Heap,
        ["stop-7a-file"] = DeviceStops.InPageFile,
        ["stop-7a-process"] = DeviceStops.InPageProcess,
        ["stop-7a-pte"] = DeviceStops.InPageEntry,
        ["stop-77"] = DeviceStops.StackRead,
        ["stop-77-mark"] = DeviceStops.StackMark,
        ["stop-154"] = DeviceStops.Store,
        ["stop-18b"] = DeviceStops.SecureKernel,
        ["stop-116"] = DeviceStops.Recovery,
        ["stop-117"] = DeviceStops.Detected,
        ["stop-141"] = DeviceStops.Engine,
        ["stop-10e"] = DeviceStops.VideoMemory,
        ["stop-119"] = DeviceStops.Scheduler,
        ["stop-119-memory"] = DeviceStops.SchedulerMemory,
        ["stop-7b"] = DeviceStops.BootDevice,
        ["stop-ed"] = DeviceStops.BootVolume,
        ["stop-139-list"] = SecurityStops.List,
        ["stop-139-bit"] = SecurityStops.ListBit,
        ["stop-139-cookie"] = SecurityStops.Cookie,
        ["stop-139-references"] = SecurityStops.References,
        ["stop-f7"] = SecurityStops.Overrun,
        ["stop-f7-system"] = SecurityStops.OverrunSystem,
        ["stop-f7-bit"] = SecurityStops.CookieBit,
        ["stop-7f"] = SecurityStops.FullStack,
        ["stop-7f-old"] = SecurityStops.FullStackOld,
        ["stop-7f-room"] = SecurityStops.RoomLeft,
        ["stop-c4-pool"] = CheckerStops.Allocation,
        ["stop-c4-rule"] = CheckerStops.Rule,
        ["stop-c4-unload"] = CheckerStops.Unloaded,
        ["stop-c4-disk"] = CheckerStops.DiskChecksum,
        ["stop-c9"] = CheckerStops.Request,
        ["stop-c1"] = CheckerStops.SpecialPool,
        ["stop-cb"] = CheckerStops.LockedPages,
        ["stop-76"] = CheckerStops.ProcessLockedPages,
        ["stop-e6"] = CheckerStops.Dma,
        ["stop-109"] = CheckerStops.PatchGuard,
        ["stop-24"] = CheckerStops.FileSystem,
        ["stop-44"] = CheckerStops.CompletedTwice,
        ["stop-18"] = CheckerStops.Reference,
        ["stop-4a"] = CheckerStops.RaisedIrql,
    };

    /// <summary>All names.</summary>
    public static IReadOnlyCollection<string> Names => s_scenarios.Keys;

    /// <summary>Makes a stop.</summary>
    public static ForgedStop Build(string name, KernelLayout layout) =>
        s_scenarios.TryGetValue(name, out Func<KernelLayout, ForgedStop>? build)
            ? build(layout)
            : throw new ArgumentException($"there is no scenario {name}");

    /// <summary>A stop of any code with any parameters, which the kernel itself calls for: nobody is to blame.</summary>
    public static SystemBuilder Bare(KernelLayout layout, uint code, params ReadOnlySpan<ulong> parameters)
    {
        StopScene scene = new(layout, "stop-bare", code);
        scene.Stops("nt!MiCheckProcess+0x21\nnt!ExpTimerDpcRoutine+0x33");
        parameters.CopyTo(scene.Parameters);
        return scene.Complete(new StopTruth("Unknown", "Candidate", null, [])).System;
    }
}
