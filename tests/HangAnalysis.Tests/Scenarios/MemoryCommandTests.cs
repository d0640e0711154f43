using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>What <c>!mem</c> says: the figures are those that the forge wrote, on layouts that keep them in every place there is.</summary>
[Parallelizable(ParallelScope.All)]
public class MemoryCommandTests
{
    private const ulong Page = 0x1000;

    private static readonly string[] s_layouts =
        ["6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.18362", "10.0.19041", "10.0.20348", "10.0.22000"];

    /// <summary>The figures of the article's !vm, in pages, of which each has another place in each layout.</summary>
    [TestCaseSource(nameof(s_layouts))]
    public void Every_figure_is_read_from_where_the_layout_has_it(string layout)
    {
        using ForgedFolder forged = new("pool-leak", layout);
        using CommandSession session = forged.Open();

        JsonElement memory = ForgedFolder.RunJson(session, "!mem");
        JsonElement file = memory.GetProperty("pageFiles").EnumerateArray().Single();

        Assert.Multiple(() =>
        {
            foreach ((string name, ulong pages) in ((string, ulong)[])
            [
                ("physical", 262010), ("available", 166628), ("residentAvailable", 199386), ("committed", 156300),
                ("commitLimit", 640200), ("commitPeak", 171000), ("modified", 359), ("standby", 68000), ("free", 628), ("zeroed", 98000),
                ("nonPagedPool", 49746), ("nonPagedPoolMaximum", 51967), ("pagedPool", 4989), ("pagedPoolMaximum", 70656),
            ])
                Assert.That(Figure(memory, name), Is.EqualTo(pages * Page), name);
            // From 14393 on nonpaged pool has a count of its commit.
            Assert.That(Figure(memory, "nonPagedPoolCommit"), Is.EqualTo(layout.StartsWith('6') ? null : 49900 * Page));
            Assert.That(file.GetProperty("name").GetString(), Is.EqualTo(@"C:\pagefile.sys"));
            // 1,572,864, 1,565,400 and 3,145,728 KB.
            Assert.That(file.GetProperty("size").GetUInt64(), Is.EqualTo(1572864ul << 10));
            Assert.That(file.GetProperty("free").GetUInt64(), Is.EqualTo(1565400ul << 10));
            Assert.That(file.GetProperty("maximum").GetUInt64(), Is.EqualTo(3145728ul << 10));
            Assert.That(Part(memory, "processes"), Is.EqualTo(61000 * Page));
            Assert.That(Part(memory, "shared"), Is.EqualTo(21000 * Page));
            Assert.That(Part(memory, "drivers"), Is.EqualTo(5400 * Page));
            Assert.That(memory.GetProperty("systemMappings").GetProperty("total").GetUInt64(), Is.EqualTo(227000));
            Assert.That(memory.GetProperty("systemMappings").GetProperty("free").GetUInt64(), Is.EqualTo(218491));
            Assert.That(memory.GetProperty("failures").GetArrayLength(), Is.Zero);
            Assert.That(Warnings(memory), Is.EqualTo(new[] { "nonpaged pool is at 95.7 % of its maximum, 194.32 MB of 203 MB" }));
        });
    }

    [TestCaseSource(nameof(s_layouts))]
    public void A_system_without_commit_says_so_and_who_has_it(string layout)
    {
        using ForgedFolder forged = new("commit-exhausted", layout);
        using CommandSession session = forged.Open();

        JsonElement memory = ForgedFolder.RunJson(session, "!mem");
        JsonElement first = memory.GetProperty("holders")[0];
        string?[] warnings = Warnings(memory);

        Assert.Multiple(() =>
        {
            Assert.That(warnings[0], Is.EqualTo("commit is at 99.9 % of its limit, 24 GB of 24 GB"));
            Assert.That(warnings, Does.Contain("15 charges of commit have failed since start-up"));
            Assert.That(warnings, Does.Contain("2 mappings of the system have failed since start-up"));
            Assert.That(warnings, Does.Contain("hoarder.exe c40 has 19.45 GB of commit, 81 % of the limit"));
            Assert.That(warnings, Does.Contain("118.01 MB of 16 GB are available"));
            Assert.That(first.GetProperty("name").GetString(), Is.EqualTo("hoarder.exe"));
            Assert.That(first.GetProperty("commit").GetUInt64(), Is.EqualTo(5_100_000 * Page));
            Assert.That(first.GetProperty("workingSet").GetUInt64(), Is.EqualTo(3_700_000 * Page));
            JsonElement[] files = [.. memory.GetProperty("pageFiles").EnumerateArray()];
            Assert.That(files.Select(f => f.GetProperty("size").GetUInt64()), Is.EqualTo(new[] { 2097144 * Page, 4096 * Page, 4000000 * Page }));
            // 7 knows neither of the two kinds that are no page files on disk.
            bool knows = !layout.StartsWith("6.1", StringComparison.Ordinal);
            Assert.That(files.Select(f => f.GetProperty("swap").GetBoolean()), Is.EqualTo(new[] { false, knows, false }));
            Assert.That(files.Select(f => f.GetProperty("virtual").GetBoolean()), Is.EqualTo(new[] { false, false, knows }));
            Assert.That(ForgedFolder.RunJson(session, "!hangwhy").GetProperty("verdict").GetProperty("class").GetString(),
                Is.EqualTo("memory-exhausted"));
        });
    }

    [Test]
    public void The_text_has_the_warnings_first_with_their_rules_and_fits_the_page()
    {
        using ForgedFolder forged = new("commit-exhausted", "10.0.19041");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!mem -n 3");

        Assert.That(text, Does.StartWith("!! commit is at 99.9 % of its limit, 24 GB of 24 GB  (rule: 97 %)"));
        Assert.That(text, Does.Contain("virtual: compressed memory, no disk").And.Contain("C:\\pagefile.sys"));
        Assert.That(text, Does.Contain("3 of 25 processes, by commit"));
        Assert.That(text.Split('\n').Select(l => l.Length), Has.All.LessThanOrEqualTo(120));
    }

    /// <summary>Numbers as the debugger's own listing is known to print them where a field is another one.</summary>
    [Test]
    public void What_cannot_be_is_not_printed()
    {
        SystemBuilder system = ScenarioSet.Build("pool-leak", KernelLayout.BuiltIn("10.0.19041"));
        using ForgedFolder forged = new(WithDetails(system, d => d with
        {
            NonPagedPool = 4295156169, PagedPool = 18446735300397918280 / Page, ProcessCommit = 200_000, Modified = ulong.MaxValue,
        }));
        using CommandSession session = forged.Open();

        JsonElement memory = ForgedFolder.RunJson(session, "!mem");

        Assert.Multiple(() =>
        {
            foreach (string name in new[] { "nonPagedPool", "pagedPool", "modified" })
            {
                Assert.That(Figure(memory, name), Is.Null, name);
                Assert.That(WhyNot(memory, "figures", name), Does.Contain("cannot be"), name);
            }
            Assert.That(Part(memory, "processes"), Is.Null);
            Assert.That(WhyNot(memory, "commitParts", "processes"), Does.Contain("more than all commit"));
            Assert.That(Warnings(memory), Is.Empty);
        });
    }

    [Test]
    public void Where_the_symbols_have_no_place_for_a_figure_the_reason_is_told()
    {
        using ForgedFolder forged = new("idle", "10.0.19041");
        using CommandSession session = forged.Open();

        JsonElement memory = ForgedFolder.RunJson(session, "!mem");

        Assert.That(Figure(memory, "physical"), Is.EqualTo(4194156 * Page));
        Assert.That(Figure(memory, "nonPagedPool"), Is.Null);
        Assert.That(WhyNot(memory, "figures", "nonPagedPool"), Does.Contain("do not have it"));
        Assert.That(ForgedFolder.Run(session, "!mem"), Does.Contain("n/a"));
    }

    [Test]
    public void A_small_dump_without_the_counters_is_declined()
    {
        using ForgedFolder forged = new("crash-triage", "10.0.19041", DumpKind.Triage);
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, "!mem"), Throws.TypeOf<CommandDeclinedException>().With.Message.Contains("small dump"));
    }

    /// <summary>Real dumps whose kernel fills the block in: what is held is plausible, and less than what may be.</summary>
    [TestCase("real-3b_0.dmp"), TestCase("real-50_0.dmp"), TestCase("real-1e.dmp"), TestCase("real-7e_1.dmp"), TestCase("real-7e_2.dmp")]
    public void Real_small_dumps_have_the_counters_or_say_that_they_have_not(string name)
    {
        string path = SharedMaterial.Require($"corpus/dumps/{name}");
        byte[] head = File.ReadAllBytes(path)[0x2000..0x2048];
        bool isFilled = BitConverter.ToUInt32(head, 0x44) == 0x41;
        using CommandSession session = new(HangAnalysis.Targets.Dumps.KernelDumpTarget.Open(path));
        if (!isFilled)
        {
            Assert.That(() => ForgedFolder.Run(session, "!mem"), Throws.TypeOf<CommandDeclinedException>());
            return;
        }

        JsonElement memory = ForgedFolder.RunJson(session, "!mem");

        Assert.Multiple(() =>
        {
            Assert.That(Figure(memory, "committed"), Is.InRange(1ul << 30, 1ul << 37));
            Assert.That(Figure(memory, "committed"), Is.LessThanOrEqualTo(Figure(memory, "commitPeak")!.Value));
            Assert.That(Figure(memory, "commitPeak"), Is.LessThan(Figure(memory, "commitLimit")!.Value));
            Assert.That(Figure(memory, "nonPagedPool"), Is.InRange(50ul << 20, 8ul << 30));
            Assert.That(Figure(memory, "pagedPool"), Is.InRange(50ul << 20, 8ul << 30));
            Assert.That(Figure(memory, "nonPagedPoolMaximum"), Is.EqualTo(0x100000000 * Page));
        });
    }

    /// <summary>The limits themselves.</summary>
    [TestCase(0.90, false), TestCase(0.969, false), TestCase(0.97, true)]
    public void Commit_is_judged_by_its_share(double share, bool isCritical)
    {
        MemoryWarning warning = MemoryWarnings.Find(Status(1ul << 40, (ulong)(share * (1ul << 40)) + 1), []).Single();

        Assert.That(warning.IsCritical, Is.EqualTo(isCritical));
    }

    [Test]
    public void Commit_below_the_limit_is_in_order() =>
        Assert.That(MemoryWarnings.Find(Status(1ul << 40, (ulong)(0.899 * (1ul << 40))), []), Is.Empty);

    private static MemoryStatus Status(ulong limit, ulong committed)
    {
        MemoryFigure missing = MemoryFigure.Missing("");
        PoolMemory pool = new(missing, missing, missing);
        return new MemoryStatus
        {
            Source = "", Committed = MemoryFigure.Of(committed), CommitLimit = MemoryFigure.Of(limit), CommitPeak = missing,
            Physical = missing, Available = missing, ResidentAvailable = missing, Modified = missing, Standby = missing, Free = missing,
            Zeroed = missing, NonPaged = pool, Paged = pool,
        };
    }

    private static SystemBuilder WithDetails(SystemBuilder system, Func<MemoryDetails, MemoryDetails> change)
    {
        system.MemoryDetails = change(system.Options.Memory.Details!);
        return system;
    }

    private static ulong? Figure(JsonElement memory, string name) => Bytes(memory, "figures", name);

    private static ulong? Part(JsonElement memory, string name) => Bytes(memory, "commitParts", name);

    private static ulong? Bytes(JsonElement memory, string list, string name) =>
        Named(memory, list, name).GetProperty("bytes") is { ValueKind: JsonValueKind.Number } bytes ? bytes.GetUInt64() : null;

    private static string? WhyNot(JsonElement memory, string list, string name) => Named(memory, list, name).GetProperty("whyNot").GetString();

    private static JsonElement Named(JsonElement memory, string list, string name) =>
        memory.GetProperty(list).EnumerateArray().Single(f => f.GetProperty("name").GetString() == name);

    private static string?[] Warnings(JsonElement memory) =>
        [.. memory.GetProperty("warnings").EnumerateArray().Select(w => w.GetProperty("text").GetString())];
}
