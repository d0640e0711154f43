using System.Text.Json.Nodes;
using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Matrix;

/// <summary>
/// A kernel whose PDB lacks one type that the readers ask for: what does not rest on it stays as it is, what does is cut
/// short and never wrong, and one line of the report names the type.
/// </summary>
/// <remarks>
/// The dump holds four independent hangs, one of each kind of wait. Asserted for each type that was asked for while the
/// whole kernel was read: the chains of the kinds that do not rest on it have the same links and certainties; those that
/// do are a beginning of what they were; exactly one line of "unknown" names the type, or none if the report is otherwise
/// the same to the letter.
/// </remarks>
[Parallelizable(ParallelScope.Children)]
public class MissingTypesMatrixTests
{
    /// <summary>What cannot be had without a type. A type that is not here costs no step of any chain.</summary>
    private static readonly Dictionary<string, string[]> s_costs = new(StringComparer.Ordinal)
    {
        ["_ETHREAD"] = ["message", "resource", "mutant", "request"],
        ["_KTHREAD"] = ["message", "resource", "mutant", "request"],
        ["_EPROCESS"] = ["message", "resource", "mutant", "request"],
        ["_KALPC_MESSAGE"] = ["message"],
        ["_ERESOURCE"] = ["resource"],
        ["_OWNER_ENTRY"] = ["resource"],
        // Who waits for a resource: a list of wait blocks up to 14393, a ring of its own afterwards.
        ["_KWAIT_CHAIN_ENTRY"] = ["resource"],
        ["_DISPATCHER_HEADER"] = ["resource"],
        ["_KWAIT_BLOCK"] = ["resource", "mutant", "request"],
        ["_KMUTANT"] = ["mutant"],
        ["_IRP"] = ["request"],
        ["_IO_STACK_LOCATION"] = ["request"],
        ["_DEVICE_OBJECT"] = ["request"],
        ["_DRIVER_OBJECT"] = ["request"],
        ["_FILE_OBJECT"] = ["request"],
    };

    private static IEnumerable<string> Versions() => MatrixPlan.IsAll
        ? MatrixPlan.Generations.Select(g => g.Versions[0])
        : MatrixPlan.VersionsOf("four-hangs");

    [TestCaseSource(nameof(Versions))]
    public void A_missing_type_costs_what_rests_on_it_and_one_line(string version)
    {
        SystemBuilder system = Forge(version, out IReadOnlyList<IndependentHang> hangs);
        using ForgedFolder forged = new(system);
        (Dictionary<string, List<string>> whole, JsonObject wholeReport, string[] asked) = Read(forged, hangs);
        Assert.That(whole.Values.Select(c => c.Count), Has.All.EqualTo(3), "three links each");
        // Since 9600 no kernel has guarded mutexes of their own: that their type is absent is no lack.
        string[] types = [.. asked.Where(system.Layout.Types.ContainsKey).Where(t => t != "_KGUARDED_MUTEX").Order(StringComparer.Ordinal)];
        Assert.That(types, Is.SupersetOf(s_costs.Keys.Where(system.Layout.Types.ContainsKey)));
        Assert.Multiple(() =>
        {
            foreach (string type in types)
            {
                system.SymbolLayout = system.Layout.Without(type);
                ForgedDump.WriteKernelSymbols(system, forged.Folder);
                (Dictionary<string, List<string>> chains, JsonObject report, _) = Read(forged, hangs);
                Compare(system, type, whole, chains);
                CheckLine(type, wholeReport, report);
            }
        });
    }

    [TestCase("_KTHREAD_STATE")]
    [TestCase("_KWAIT_REASON")]
    public void Enumerations_are_known_without_symbols(string name)
    {
        SystemBuilder system = Forge("10.0.19041", out IReadOnlyList<IndependentHang> hangs);
        using ForgedFolder forged = new(system);
        JsonObject whole = Read(forged, hangs).Report;
        system.SymbolLayout = system.Layout.Without(name);
        ForgedDump.WriteKernelSymbols(system, forged.Folder);

        Assert.That(Read(forged, hangs).Report.ToJsonString(), Is.EqualTo(whole.ToJsonString()));
    }

    /// <summary>
    /// Windows 11 24H2, of whose threads and processes a few fields are known and no others. Which of a thread's wait blocks
    /// are in use is not among them: that costs the mutant, and what rests on it. One line names what the symbols lack.
    /// </summary>
    [Test]
    public void A_kernel_that_is_known_in_part_gives_its_chains_and_one_line()
    {
        string path = SharedMaterial.Require("layouts/partial-nt-x64-10.0.26100.json");
        (KernelLayout layout, KernelLayout symbols) = PartialLayout.Read(path, KernelLayout.BuiltIn("10.0.22000"));
        SystemBuilder system = ScenarioSet.Build("idle", layout);
        system.SymbolLayout = symbols;
        IReadOnlyList<IndependentHang> hangs = IndependentHangs.AddTo(system);
        using ForgedFolder forged = new(system);

        (Dictionary<string, List<string>> chains, JsonObject report, _) = Read(forged, hangs);

        foreach (IndependentHang hang in hangs)
            Assert.That(chains[hang.Kind].Select(Object).Select(o => o.Split(' ')[1]),
                Is.EqualTo(hang.Links.Take(hang.Kind == "mutant" ? 1 : 3).Select(l => $"{l.Address:x}")), hang.Kind);
        string[] lines = [.. report["unknown"]!.AsArray().Select(u => u!.ToJsonString()).Where(u => u.Contains("symbols", StringComparison.Ordinal))];
        Assert.That(lines, Has.Length.EqualTo(1));
        Assert.That(lines[0], Does.Contain("_KTHREAD.").And.Contain("more"));
    }

    private static SystemBuilder Forge(string version, out IReadOnlyList<IndependentHang> hangs)
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn(version));
        hangs = IndependentHangs.AddTo(system);
        return system;
    }

    /// <summary>The four chains by kind, the report without its timings, and the types that the readers asked for.</summary>
    internal static (Dictionary<string, List<string>> Chains, JsonObject Report, string[] Asked) Read(
        ForgedFolder forged, IReadOnlyList<IndependentHang> hangs)
    {
        using CommandSession session = forged.Open();
        JsonObject report = JsonObject.Create(ForgedFolder.RunJson(session, "!hangwhy"))!;
        report.Remove("timings");
        Dictionary<string, List<string>> chains = [];
        foreach (IndependentHang hang in hangs)
        {
            ThreadFacts? thread = session.System.FindThread(hang.Waiter.Address);
            chains[hang.Kind] = thread is null ? [] : [.. session.Chains.Follow(thread).Links.Select(Text)];
        }
        return (chains, report, [.. session.Windows.Session.Types.Asked]);
    }

    private static string Text(ChainLink link) => $"{link.Reference.Kind} {link.Reference.Address:x} {link.Certainty}";

    private static void Compare(
        SystemBuilder system, string type, Dictionary<string, List<string>> whole, Dictionary<string, List<string>> chains)
    {
        foreach ((string kind, List<string> links) in chains)
        {
            if (!s_costs.TryGetValue(type, out string[]? kinds) || !kinds.Contains(kind))
            {
                Assert.That(links, Is.EqualTo(whole[kind]), $"without {type}: {kind}");
                continue;
            }
            // Less certain is allowed, and shorter; another object is not.
            string[] addresses = [.. links.Select(Object)];
            // A driver object that does not tell its image is named itself.
            if (type == "_DRIVER_OBJECT" && addresses[^1].StartsWith("Driver", StringComparison.Ordinal)
                && system.Structures[Convert.ToUInt64(addresses[^1].Split(' ')[1], 16)] == type)
                addresses = addresses[..^1];
            Assert.That(addresses, Is.EqualTo(whole[kind].Select(Object).Take(addresses.Length)), $"without {type}: {kind}");
        }
    }

    private static string Object(string link) => link[..link.LastIndexOf(' ')];

    private static void CheckLine(string type, JsonObject whole, JsonObject report)
    {
        string[] lines = [.. report["unknown"]!.AsArray().Select(u => u!["what"]!.GetValue<string>())
            .Where(w => w.Split(' ', ',').Any(word => word == type || word.StartsWith(type + ".", StringComparison.Ordinal)))];
        if (lines.Length == 0)
            Assert.That(report.ToJsonString(), Is.EqualTo(whole.ToJsonString()), $"without {type}: no line names it");
        else
            Assert.That(lines, Has.Length.EqualTo(1), $"without {type}");
    }
}
