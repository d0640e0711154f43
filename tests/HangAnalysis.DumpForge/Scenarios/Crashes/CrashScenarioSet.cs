using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>
/// Crashes at an instruction, by name. Their truth is a cause, with its certainty, and not only a module.
/// </summary>
public static class CrashScenarioSet
{
    private static readonly Dictionary<string, Func<KernelLayout, SystemBuilder>> s_scenarios = new(StringComparer.Ordinal)
    {
        ["crash-d1-null"] = TrapScenarios.NullOffset,
        ["crash-d1-freed"] = TrapScenarios.FreedPool,
        ["crash-d1-pageable"] = TrapScenarios.PageableCode,
        ["crash-d1-unloaded"] = TrapScenarios.Unloaded,
        ["crash-d1-callnull"] = TrapScenarios.CallsNull,
        ["crash-ce-unloaded"] = TrapScenarios.UnloadedPending,
        ["crash-0a-victim"] = TrapScenarios.Victim,
        ["crash-c5-pool"] = TrapScenarios.CorruptPool,
        ["crash-50-pool"] = TrapScenarios.PoolCode,
        ["crash-50-index"] = TrapScenarios.Indexed,
        ["crash-be-code"] = TrapScenarios.ReadOnly,
        ["crash-fc-data"] = TrapScenarios.NoExecute,
        ["crash-d5-freed"] = TrapScenarios.SpecialPool,
        ["crash-d6-beyond"] = TrapScenarios.SpecialPoolEnd,
        ["crash-cc-freed"] = TrapScenarios.SystemPool,
        ["crash-cd-beyond"] = TrapScenarios.SystemPoolEnd,
        ["crash-impossible"] = TrapScenarios.Impossible,
        ["crash-1e"] = ExceptionScenarios.KernelMode,
        ["crash-filling"] = ExceptionScenarios.Filling,
        ["crash-3d"] = ExceptionScenarios.Interrupt,
        ["crash-3b"] = ExceptionScenarios.SystemService,
        ["crash-bit"] = ExceptionScenarios.SingleBit,
        ["crash-7e-srv"] = ExceptionScenarios.ServerList,
        ["crash-popcnt"] = ExceptionScenarios.MissingInstruction,
        ["crash-refused"] = ExceptionScenarios.RefusedInstruction,
        ["crash-8e"] = ExceptionScenarios.Trap,
        ["crash-8e-marked"] = ExceptionScenarios.TrapMarked,
    };

    /// <summary>Names of all of them.</summary>
    public static IReadOnlyCollection<string> Names => s_scenarios.Keys;

    /// <summary>Makes the system of a scenario; null for a name that is none.</summary>
    public static SystemBuilder? TryBuild(string name, KernelLayout layout) =>
        s_scenarios.TryGetValue(name, out Func<KernelLayout, SystemBuilder>? build) ? build(layout) : null;
}
