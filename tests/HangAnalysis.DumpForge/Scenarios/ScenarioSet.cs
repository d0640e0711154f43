using System.Globalization;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios.Crashes;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>All scenarios by name.</summary>
public static class ScenarioSet
{
    private const string Flood = "threads-", Locks = "locks-", Drivers = "drivers-";

    private static readonly Dictionary<string, Func<KernelLayout, SystemBuilder>> s_scenarios = new(
        StringComparer.Ordinal)
    {
        ["logoff-hang"] = LogoffHang.Build,
        ["small"] = SmallHang.Build,
        ["idle"] = MachineStates.Idle,
        ["alpc-received"] = AlpcScenarios.Received,
        ["mutant-deadlock"] = LockScenarios.Deadlock,
        ["mutant-orphan"] = LockScenarios.Orphan,
        ["eresource-filter"] = LockScenarios.ResourceAndFilter,
        ["pushlock-crowd"] = PushLockScenarios.Crowded,
        ["pushlock-orphan"] = PushLockScenarios.Orphan,
        ["pushlock-exhausted"] = PushLockScenarios.Exhausted,
        ["pushlock-shared"] = PushLockScenarios.Shared,
        ["pushlock-resource-deadlock"] = PushLockScenarios.MixedDeadlock,
        ["fastmutex-self"] = FastMutexScenarios.Self,
        ["fastmutex-chain"] = FastMutexScenarios.Chain,
        ["guarded-mutex"] = FastMutexScenarios.Guarded,
        ["rundown-registry"] = RundownScenarios.RegistryCallback,
        ["rundown-filter"] = RundownScenarios.Filter,
        ["keyed-event"] = RundownScenarios.KeyedEvent,
        ["stuck-io"] = LockScenarios.StuckIo,
        ["server-silent"] = AlpcScenarios.Silent,
        ["spinlock-deadlock"] = ProcessorScenarios.OppositeOrder,
        ["spinlock-held"] = ProcessorScenarios.HeldForEver,
        ["spinlock-queued"] = ProcessorScenarios.QueuedOwner,
        ["spinlock-instack"] = ProcessorScenarios.InStackOwner,
        ["long-dpc"] = ProcessorScenarios.LongDpc,
        ["realtime-starvation"] = ProcessorScenarios.RealTime,
        ["suspended-owner"] = SuspendedScenarios.Owner,
        ["frozen-server"] = SuspendedScenarios.FrozenServer,
        ["busy-server"] = SuspendedScenarios.BusyServer,
        ["slow-owner"] = SuspendedScenarios.SlowOwner,
        ["debugger-break"] = SuspendedScenarios.BreakIn,
        ["memory-exhausted"] = MachineStates.MemoryExhausted,
        ["crash-triage"] = MachineStates.CrashTriage,
        ["smb1-attack"] = KnownIssueScenarios.Smb1Attack,
        ["pool-leak"] = PoolScenarios.Leak,
        ["pool-per-cpu"] = PoolScenarios.PerProcessor,
        ["pool-exhausted"] = PoolScenarios.Exhausted,
        ["commit-exhausted"] = PoolScenarios.CommitExhausted,
        ["two-roots"] = RankingScenarios.TwoRoots,
        ["vital-victim"] = RankingScenarios.VitalVictim,
        ["diamond"] = RankingScenarios.Diamond,
        ["circle-victims"] = RankingScenarios.CircleWithVictims,
        ["self-deadlock"] = RankingScenarios.SelfDeadlock,
        ["hostile-names"] = LogoffHang.Hostile,
        ["io-four-devices"] = RequestScenarios.FourDevices,
        ["io-microsoft-storage"] = RequestScenarios.MicrosoftStorage,
        ["irp-cancelled"] = RequestScenarios.Cancelled,
        ["irp-nobody"] = RequestScenarios.Nobody,
        ["irp-completed"] = RequestScenarios.Completed,
        ["io-user-service"] = RequestScenarios.UserModeService,
        ["stor-unit-silent"] = StorageScenarios.UnitSilent,
        ["stor-queue-frozen"] = StorageScenarios.QueueFrozen,
        ["stor-saturated"] = StorageScenarios.Saturated,
        ["stor-power-locked"] = StorageScenarios.PowerLocked,
        ["stor-no-types"] = StorageScenarios.NoTypes,
        ["pagein-disk"] = PagingScenarios.StuckDisk,
        ["pagein-unrecorded"] = PagingScenarios.Unrecorded,
        ["io-busy"] = PagingScenarios.Busy,
        ["page-writer-filter"] = PagingScenarios.PageWriter,
        ["eresource-cycle"] = ResourceCases.Cycle,
        ["lazy-writer-eresource"] = ResourceCases.LazyWriterWaits,
        ["lazy-writer-cycle"] = ResourceCases.LazyWriterCycle,
        ["eresource-shared-owners"] = ResourceCases.SharedOwners,
        ["eresource-owner-pointer"] = ResourceCases.OwnerPointer,
        ["work-queue-exhausted"] = WorkQueueScenarios.Exhausted,
        ["work-queue-one-worker"] = WorkQueueScenarios.OneWorker,
        ["work-queue-busy"] = WorkQueueScenarios.Busy,
        ["alpc-four-processes"] = AlpcStates.FourProcesses,
        ["alpc-not-listening"] = AlpcStates.NotListening,
        ["alpc-pool-on-mutant"] = AlpcStates.PoolOnMutant,
        ["alpc-large-message"] = AlpcStates.LargeMessage,
        ["alpc-cancelled"] = AlpcStates.Cancelled,
        ["alpc-callback-cycle"] = AlpcStates.CallbackCycle,
        ["alpc-owner-exited"] = AlpcStates.OwnerExited,
        ["alpc-port-closed"] = AlpcStates.PortClosed,
        ["alpc-connection-pending"] = AlpcStates.ConnectionPending,
        ["alpc-waits-for-process"] = EndingScenarios.WaitsForProcess,
        ["process-end-stuck"] = EndingScenarios.ProcessStuck,
        ["job-end-stuck"] = EndingScenarios.JobStuck,
        ["thread-end-stuck"] = EndingScenarios.ThreadStuck,
        ["mutant-owner-gone"] = EndingScenarios.OwnerGone,
        ["critsec-deadlock"] = UserLockScenarios.Deadlock,
        ["critsec-orphan"] = UserLockScenarios.Orphan,
        ["loader-lock"] = UserLockScenarios.LoaderLock,
        ["critsec-ambiguous"] = UserLockScenarios.Ambiguous,
        ["user-pages-absent"] = UserLockScenarios.PagesAbsent,
        ["window-message"] = UserLockScenarios.WindowMessage,
        ["healthy-workers"] = HealthySystems.IdleWorkers,
        ["healthy-service-stopping"] = HealthySystems.ServiceStopping,
        ["healthy-waits-for-child"] = HealthySystems.WaitsForChild,
        ["healthy-short-messages"] = HealthySystems.ShortMessages,
        ["healthy-idle-pools"] = HealthySystems.IdlePools,
        ["healthy-busy-server"] = HealthySystems.BusyServer,
        ["healthy-window-messages"] = HealthySystems.WindowMessages,
        ["healthy-program-locks"] = HealthySystems.ProgramLocks,
        ["four-hangs"] = IndependentHangs.Build,
        ["explorer-desktop"] = ExplorerDesktop.Build,
        ["unique-stacks"] = UniqueStacks.Build,
        ["ready-queues"] = ReadyThreads.Build,
        ["wait-objects"] = WaitObjects.Build,
    };

    // Scenarios of x86 alone: those that try every scenario on every x64 layout do not see them.
    private static readonly Dictionary<string, Func<KernelLayout, SystemBuilder>> s_ofX86 = new(StringComparer.Ordinal)
    {
        ["critical-process"] = ArticlesOfX86.CriticalProcess,
        ["notmyfault"] = ArticlesOfX86.NotMyfault,
    };

    /// <summary>Names of the scenarios of x86 alone.</summary>
    public static IReadOnlyCollection<string> NamesOfX86 => s_ofX86.Keys;

    /// <summary>Names of all scenarios; "threads-N" and "locks-N" stand for any number of threads.</summary>
    public static IReadOnlyCollection<string> Names =>
        [.. s_scenarios.Keys, Flood + ThreadFlood.DefaultThreads, Locks + LockFlood.DefaultThreads];

    /// <summary>Makes the system of a scenario; with a seed other than 0, in disorder.</summary>
    public static SystemBuilder Build(string name, KernelLayout layout, ulong shuffle = 0)
    {
        if (shuffle != 0)
            return Disorder.Make(shuffle, () => Build(name, layout));
        if (s_scenarios.TryGetValue(name, out Func<KernelLayout, SystemBuilder>? build) || s_ofX86.TryGetValue(name, out build)
            || StopScenarioSet.All.TryGetValue(name, out build))
            return build(layout);
        if (name.StartsWith(Flood, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(Flood.Length), NumberStyles.None, null, out int threads))
            return ThreadFlood.Build(layout, threads);
        if (name.StartsWith(Locks, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(Locks.Length), NumberStyles.None, null, out int waiting))
            return LockFlood.Build(layout, waiting);
        // For measurements alone: 60 MB of code that no verdict needs.
        if (name.StartsWith(Drivers, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(Drivers.Length), NumberStyles.None, null, out int drivers))
            return DriverFlood.Build(layout, drivers);
        if (name.StartsWith(StopScenarios.Prefix, StringComparison.Ordinal))
            return StopScenarios.Build(name, layout).System;
        return CrashScenarioSet.TryBuild(name, layout) ?? throw new ArgumentException($"there is no scenario {name}");
    }
}
