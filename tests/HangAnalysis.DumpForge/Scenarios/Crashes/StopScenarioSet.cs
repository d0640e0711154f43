using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>
/// Stops that are hangs, deaths of processes, or forced, by name. Their truth is that of a hang: verdict, culprit and chain.
/// </summary>
public static class StopScenarioSet
{
    /// <summary>The scenarios by name.</summary>
    public static IReadOnlyDictionary<string, Func<KernelLayout, SystemBuilder>> All { get; } =
        new Dictionary<string, Func<KernelLayout, SystemBuilder>>(StringComparer.Ordinal)
        {
            ["power-irp-driver"] = PowerScenarios.Driver,
            ["power-irp-disk"] = PowerScenarios.BelowDisk,
            ["power-irp-microsoft"] = PowerScenarios.MicrosoftDisk,
            ["power-irp-thread"] = PowerScenarios.InsideDriver,
            ["power-pnp-lock"] = PowerScenarios.PlugAndPlayLock,
            ["power-device-freed"] = PowerDeviceScenarios.FreedDevice,
            ["power-device-next"] = PowerDeviceScenarios.NextRequest,
            ["power-device-next-500"] = PowerDeviceScenarios.NextRequestLate,
            ["power-directed-timeout"] = PowerDeviceScenarios.DirectedTimeout,
            ["power-directed-callback"] = PowerDeviceScenarios.DirectedCallback,
            ["dpc-watchdog-single"] = DpcWatchdogScenarios.Single,
            ["dpc-watchdog-samples"] = DpcWatchdogScenarios.Samples,
            ["dpc-watchdog-spin"] = DpcWatchdogScenarios.Spin,
            ["critical-own-fault"] = CriticalDeathScenarios.OwnFault,
            ["critical-killed"] = CriticalDeathScenarios.Killed,
            ["critical-driver"] = CriticalDeathScenarios.KilledByDriver,
            ["critical-inpage"] = CriticalDeathScenarios.InPage,
            ["critical-thread"] = CriticalDeathScenarios.CriticalThread,
            ["forced-keyboard"] = ForcedScenarios.Keyboard,
            ["forced-nmi"] = ForcedScenarios.Nmi,
            ["forced-power-button"] = ForcedScenarios.PowerButton,
            ["forced-power-button-live"] = ForcedScenarios.PowerButtonLive,
            ["forced-debugger"] = ForcedScenarios.Debugger,
            ["forced-notmyfault"] = ForcedScenarios.NotMyFault,
            ["forced-notmyfault-driver"] = ForcedScenarios.NotMyFaultDriver,
            ["forced-live"] = ForcedScenarios.Live,
            ["forced-deaddead"] = ForcedScenarios.DeadDead,
            ["forced-snapshot"] = ForcedScenarios.Snapshot,
            ["hung-power-transition"] = HungScenarios.PowerTransition,
            ["hung-resource"] = HungScenarios.Resource,
            ["hung-thread-pool"] = HungScenarios.ThreadPool,
            ["hung-health-check"] = HungScenarios.Health,
            ["hung-health-check-live"] = HungScenarios.HealthLive,
            ["hung-live-1f5"] = HungScenarios.Live1F5,
            ["hung-synthetic"] = HungScenarios.Synthetic,
            ["hung-standby"] = HungScenarios.Standby,
            ["hung-standby-1"] = HungScenarios.StandbyResidency,
            ["hung-standby-3"] = HungScenarios.StandbyVeto,
            ["hung-standby-4"] = HungScenarios.StandbyOther,
            ["hung-display"] = HungScenarios.Display,
            ["hung-clock"] = HungScenarios.Clock,
            ["hung-clock-dead"] = HungScenarios.ClockDead,
        };
}
