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
        ["four-hangs"] = IndependentHangs.Build,
    };

    /// <summary>Names of all scenarios; "threads-N" stands for any number of threads.</summary>
    public static IReadOnlyCollection<string> Names => [.. s_scenarios.Keys, Flood + ThreadFlood.DefaultThreads];

    /// <summary>Makes the system of a scenario; with a seed other than 0, in disorder.</summary>
    public static SystemBuilder Build(string name, KernelLayout layout, ulong shuffle = 0)
    {
        if (shuffle != 0)
            return Disorder.Make(shuffle, () => Build(name, layout));
        if (s_scenarios.TryGetValue(name, out Func<KernelLayout, SystemBuilder>? build))
            return build(layout);
        if (name.StartsWith(Flood, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(Flood.Length), NumberStyles.None, null, out int threads))
            return ThreadFlood.Build(layout, threads);
        throw new ArgumentException($"there is no scenario {name}");
    }
}
