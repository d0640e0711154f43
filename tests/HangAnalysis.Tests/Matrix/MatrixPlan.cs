using System.Globalization;
using System.Reflection;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;

namespace HangAnalysis.Tests.Matrix;

/// <summary>Which part of the tests that try everything with everything is run.</summary>
/// <remarks>
/// The environment variable HANGANALYSIS_MATRIX decides: <c>all</c> is everything (build/matrix.sh), a number is one part.
/// Without it the part follows from the commit that was built, so that the same commit always runs the same part, and a
/// few commits run all of them. Whatever the part, every scenario is tried on three kernels of different builds.
/// </remarks>
internal static class MatrixPlan
{
    public const string Variable = "HANGANALYSIS_MATRIX";

    private static readonly string? s_setting = Environment.GetEnvironmentVariable(Variable);

    /// <summary>Whether everything is run.</summary>
    public static bool IsAll { get; } = string.Equals(s_setting, "all", StringComparison.OrdinalIgnoreCase);

    /// <summary>Number of the part, 0 for everything; a test that fails with it fails with it again.</summary>
    public static int Part { get; } = IsAll ? 0
        : int.TryParse(s_setting, NumberStyles.None, CultureInfo.InvariantCulture, out int part) ? part : PartOfCommit();

    /// <summary>The scenarios; of the one that has any number of threads, a size that is made quickly.</summary>
    public static IReadOnlyList<string> Scenarios { get; } =
        [.. ScenarioSet.Names.Select(n => n.StartsWith("threads-", StringComparison.Ordinal) ? "threads-400"
            : n.StartsWith("locks-", StringComparison.Ordinal) ? "locks-400" : n)];

    /// <summary>The kernels by build, oldest first.</summary>
    public static IReadOnlyList<(string Build, string[] Versions)> Generations { get; } =
        [.. KernelLayout.BuiltInVersions.GroupBy(v => v.Split('.')[2]).Select(g => (g.Key, g.ToArray()))];

    /// <summary>The kernels on which a scenario is tried.</summary>
    public static IEnumerable<string> VersionsOf(string scenario) =>
        IsAll ? KernelLayout.BuiltInVersions : VersionsOf(scenario, Part);

    /// <summary>The kernels of one part: of three builds, between which a third of all lies. Scenarios begin at different ones.</summary>
    public static IEnumerable<string> VersionsOf(string scenario, int part)
    {
        int count = Generations.Count, first = part % (1 << 20) + Index(scenario);
        return Enumerable.Range(0, 3).Select(i =>
        {
            string[] revisions = Generations[(first + i * count / 3) % count].Versions;
            return revisions[first / count % revisions.Length];
        });
    }

    /// <summary>Number of a scenario in the list.</summary>
    public static int Index(string scenario)
    {
        for (int i = 0; i < Scenarios.Count; i++)
            if (Scenarios[i] == scenario)
                return i;
        throw new ArgumentException($"there is no scenario {scenario}");
    }

    /// <summary>Whether the part that is run holds one of <paramref name="parts"/> equal shares.</summary>
    public static bool Holds(int share, int parts) => IsAll || (Part + share) % parts == 0;

    // The compiler puts the commit behind the version: 0.1.0+48a683e8….
    private static int PartOfCommit()
    {
        string version = typeof(MatrixPlan).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        int plus = version.IndexOf('+', StringComparison.Ordinal);
        return plus >= 0 && version.Length >= plus + 7
            && int.TryParse(version.AsSpan(plus + 1, 6), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int commit)
            ? commit : 0;
    }
}
