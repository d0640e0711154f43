using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>All scenarios by name.</summary>
public static class ScenarioSet
{
    private static readonly Dictionary<string, Func<KernelLayout, SystemBuilder>> s_scenarios = new(
        StringComparer.Ordinal)
    {
        ["logoff-hang"] = LogoffHang.Build,
        ["small"] = LogoffHang.Small,
    };

    /// <summary>Names of all scenarios.</summary>
    public static IReadOnlyCollection<string> Names => s_scenarios.Keys;

    /// <summary>Makes the system of a scenario.</summary>
    public static SystemBuilder Build(string name, KernelLayout layout)
    {
        if (s_scenarios.TryGetValue(name, out Func<KernelLayout, SystemBuilder>? build))
            return build(layout);
        throw new ArgumentException($"there is no scenario {name}");
    }
}
