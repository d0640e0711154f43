using System.Globalization;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>All scenarios by name.</summary>
public static class ScenarioSet
{
    private const string Flood = "threads-";

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
        ["stuck-io"] = LockScenarios.StuckIo,
        ["server-silent"] = AlpcScenarios.Silent,
        ["memory-exhausted"] = MachineStates.MemoryExhausted,
        ["crash-triage"] = MachineStates.CrashTriage,
        ["hostile-names"] = LogoffHang.Hostile,
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
    };

    /// <summary>Names of all scenarios; "threads-N" stands for any number of threads.</summary>
    public static IReadOnlyCollection<string> Names => [.. s_scenarios.Keys, Flood + ThreadFlood.DefaultThreads];

    /// <summary>Makes the system of a scenario.</summary>
    public static SystemBuilder Build(string name, KernelLayout layout)
    {
        if (s_scenarios.TryGetValue(name, out Func<KernelLayout, SystemBuilder>? build))
            return build(layout);
        if (name.StartsWith(Flood, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(Flood.Length), NumberStyles.None, null, out int threads))
            return ThreadFlood.Build(layout, threads);
        throw new ArgumentException($"there is no scenario {name}");
    }
}
