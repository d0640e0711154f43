using System.Globalization;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>The healthy system that a scenario puts its actors into.</summary>
internal sealed record Setup(SystemBuilder System, StandardMachine Machine, Population Population)
{
    public static Setup Create(KernelLayout layout, string identity, SystemOptions? options = null)
    {
        options ??= new SystemOptions(layout) { Processors = 2 };
        SystemBuilder system = new(options with { Identity = identity });
        StandardMachine machine = new(system);
        machine.AddIdle();
        Population population = new(system, machine);
        if (!options.IsMinimal)
            population.AddBefore();
        return new Setup(system, machine, population);
    }

    /// <summary>Completes the system; the actors are done.</summary>
    public SystemBuilder Complete(Truth truth)
    {
        Population.AddAfter();
        System.Resources.AddUncontended(60);
        System.Truth = truth;
        return System;
    }

    /// <summary>A time as tools print it: <c>765ms</c>, <c>42s.937</c>, <c>6m:30.718</c>.</summary>
    public static TimeSpan Age(string text)
    {
        if (text.EndsWith("ms", StringComparison.Ordinal))
            return TimeSpan.FromMilliseconds(int.Parse(text[..^2]));
        string[] parts = text.Split("m:");
        double seconds = double.Parse(parts[^1].Replace("s", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
        return TimeSpan.FromSeconds(seconds + (parts.Length > 1 ? 60 * int.Parse(parts[0]) : 0));
    }

    public static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
