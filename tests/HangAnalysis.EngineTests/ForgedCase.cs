using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.EngineTests;

/// <summary>A forged dump: a scenario on one kernel. Each scenario has another kernel, so that all kinds of layouts are met.</summary>
/// <param name="Name">Name of the scenario, or of the checked-in sample.</param>
/// <param name="Layout">Version of the kernel.</param>
public sealed record ForgedCase(string Name, string Layout)
{
    /// <summary>The dump of the README.</summary>
    public const string Sample = "sample";

    private static readonly Dictionary<string, string> s_layouts = new(StringComparer.Ordinal)
    {
        ["logoff-hang"] = "10.0.17763.379",
        ["small"] = "10.0.18326.535",
        ["idle"] = "10.0.20348.288",
        ["alpc-received"] = "6.3.9600.19913",
        ["mutant-deadlock"] = "10.0.18362.30",
        ["mutant-orphan"] = "10.0.14393.4583",
        ["eresource-filter"] = "10.0.22000.318",
        ["stuck-io"] = "10.0.19041.1466",
        ["server-silent"] = "6.3.9600.21620",
        ["memory-exhausted"] = "10.0.20348.2529",
        ["crash-triage"] = "10.0.19041.329",
        ["smb1-attack"] = "10.0.14393.4583",
        ["explorer-desktop"] = "6.3.9600.20369",
        ["unique-stacks"] = "10.0.17763.3770",
        ["hostile-names"] = "10.0.22000.2538",
    };

    /// <summary>
    /// Systems of other architectures: of each a hang, a request that stays, messages or locks of the kernel, and a crash; of x86
    /// the kernels from XP on. And stops of x64 of each family.
    /// </summary>
    private static readonly ForgedCase[] s_others =
    [
        new("critical-process", "5.1.2600"),
        new("notmyfault", "5.2.3790"),
        new("mutant-deadlock", "5.2.3790"),
        new("alpc-received", "6.0.6002"),
        new("eresource-filter", "x86:6.1.7601"),
        new("crash-triage", "x86:6.1.7601"),
        new("stuck-io", "x86:10.0.19041"),
        new("mutant-deadlock", "arm64:22000"),
        new("alpc-received", "arm64:22000"),
        new("eresource-filter", "arm64:22000"),
        new("stop-116", "arm64:22000"),
        new("crash-d1-freed", "10.0.17763.5933"),
        new("crash-popcnt", "6.1.7601.24540"),
        new("stop-124-memory", "10.0.19041.1466"),
        new("stop-139-list", "10.0.20348.2529"),
        new("power-irp-driver", "10.0.22000.318"),
        new("dpc-watchdog-samples", "10.0.14393.4583"),
        new("critical-killed", "6.3.9600.21620"),
        new("forced-nmi", "10.0.18362.30"),
    ];

    /// <summary>The sample, every scenario, a server with many threads, other architectures, and stops.</summary>
    public static IEnumerable<ForgedCase> All =>
    [
        new(Sample, "10.0.14393.6343"),
        .. ScenarioSet.Names.Where(n => !n.StartsWith("threads-", StringComparison.Ordinal) && !n.StartsWith("locks-", StringComparison.Ordinal))
            .Select(n => new ForgedCase(n, s_layouts.GetValueOrDefault(n) ?? LayoutOf(n))),
        new("threads-400", "10.0.17763.5933"),
        .. s_others,
    ];

    /// <summary>A kernel that stays the same whatever scenarios are added: golden files hold its addresses.</summary>
    private static string LayoutOf(string name) =>
        KernelLayout.BuiltInVersions[name.Sum(c => c) % KernelLayout.BuiltInVersions.Count];

    /// <summary>The sample's dump.</summary>
    public static string SampleDump { get; } = Path.Combine(Repository.Root, "samples", "logoff-hang", "memory.dmp");

    /// <summary>Name of the folder of what is kept of it.</summary>
    public string Folder => Kernel.Architecture == Architecture.X64 ? Name : $"{Name}-{Layout.Replace(':', '-')}";

    /// <summary>Types and symbols that the kernel was forged with.</summary>
    public KernelLayout Kernel => KernelLayout.BuiltIn(Layout);

    /// <summary>Writes the dump and its symbols into a folder, and returns the dump's path.</summary>
    public string Write(string folder)
    {
        if (Name == Sample)
            return SampleDump;
        SystemBuilder system = ScenarioSet.Build(Name, Kernel);
        ForgedDump.Write(system, folder, system.PreferredKind);
        return Path.Combine(folder, "memory.dmp");
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Layout}";
}
