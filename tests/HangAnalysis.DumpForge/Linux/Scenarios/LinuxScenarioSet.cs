using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>All forged Linux machines by name.</summary>
public static class LinuxScenarioSet
{
    private static readonly Dictionary<string, Func<LinuxOptions, LinuxMachine>> s_scenarios = new(StringComparer.Ordinal)
    {
        ["mutex-deadlock"] = LinuxMutexScenarios.Deadlock,
        ["rwsem-writer-stuck"] = LinuxSemaphoreScenarios.WriterStuck,
        ["rwsem-readers"] = LinuxSemaphoreScenarios.Readers,
        ["semaphore"] = LinuxSemaphoreScenarios.Counting,
        ["percpu-rwsem"] = LinuxSemaphoreScenarios.Frozen,
        ["percpu-rwsem-writer"] = LinuxSemaphoreScenarios.PerCpuWriter,
        ["stuck-disk"] = LinuxStorageScenarios.StuckDisk,
        ["stuck-request"] = LinuxStorageScenarios.StuckRequest,
        ["workqueue-flush"] = LinuxWorkScenarios.Flush,
        ["fuse-server-stopped"] = LinuxFuseScenarios.Stopped,
        ["fuse-server-dead"] = LinuxFuseScenarios.Dead,
        ["spinlock-cpu"] = LinuxProcessorScenarios.SpinLock,
        ["spinlock-traced"] = LinuxProcessorScenarios.TracedSpinLock,
        ["rcu-stall"] = LinuxProcessorScenarios.RcuStall,
        ["rt-mutex-pi"] = LinuxFutexScenarios.PriorityChain,
        ["futex-pi-deadlock"] = LinuxFutexScenarios.Deadlock,
        ["futex-plain"] = LinuxFutexScenarios.Plain,
        ["jbd2-commit"] = LinuxServerScenarios.Journal,
        ["nfs-server"] = LinuxServerScenarios.RemoteFile,
        ["mutex-orphan"] = LinuxOwnerScenarios.Orphan,
        ["mutex-handed-over"] = LinuxOwnerScenarios.HandedOver,
        ["mutex-self"] = LinuxOwnerScenarios.Self,
        ["mutex-starved"] = LinuxOwnerScenarios.Starved,
        ["null-oops"] = LinuxCrashScenarios.NullPointer,
        ["hung-task-panic"] = LinuxCrashScenarios.HungTask,
        ["sysrq-forced"] = LinuxCrashScenarios.Sysrq,
        ["nmi-forced"] = LinuxCrashScenarios.Nmi,
        ["unknown-wait"] = LinuxHealthyScenarios.UnknownWait,
        ["memory-exhausted"] = LinuxHealthyScenarios.OutOfMemory,
        ["healthy-idle"] = LinuxHealthyScenarios.Idle,
        ["many-tasks"] = LinuxHealthyScenarios.Many,
    };

    /// <summary>Names of all, in the order of this file.</summary>
    public static IReadOnlyCollection<string> All => s_scenarios.Keys;

    /// <summary>Builds a machine; an unknown name is an error that lists the known ones.</summary>
    public static LinuxMachine Build(string name, LinuxOptions options) => Find(name)(options);

    public static Func<LinuxOptions, LinuxMachine> Find(string name) =>
        s_scenarios.TryGetValue(name, out Func<LinuxOptions, LinuxMachine>? build) ? build
            : throw new KeyNotFoundException($"no Linux scenario '{name}'; there are: {string.Join(", ", All)}");
}
