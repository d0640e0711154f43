using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>All forged Linux machines by name.</summary>
public static class LinuxScenarioSet
{
    private static readonly Dictionary<string, Func<LinuxOptions, LinuxMachine>> s_scenarios = new(StringComparer.Ordinal)
    {
        ["mutex-deadlock"] = LinuxMutexScenarios.Deadlock,
    };

    /// <summary>Names of all, in the order of this file.</summary>
    public static IReadOnlyCollection<string> All => s_scenarios.Keys;

    /// <summary>Builds a machine; an unknown name is an error that lists the known ones.</summary>
    public static LinuxMachine Build(string name, LinuxOptions options) => Find(name)(options);

    public static Func<LinuxOptions, LinuxMachine> Find(string name) =>
        s_scenarios.TryGetValue(name, out Func<LinuxOptions, LinuxMachine>? build) ? build
            : throw new KeyNotFoundException($"no Linux scenario '{name}'; there are: {string.Join(", ", All)}");
}
