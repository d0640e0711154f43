using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>
/// Memory and pool of systems of x86 and ARM64: figures are those of a published case of Windows Server 2003, and those that the
/// forge wrote; code is that of the case, and what LLVM's assembler makes.
/// </summary>
[Parallelizable(ParallelScope.All)]
public class PoolArchitectureTests
{
    private const ulong Page = 0x1000;
    private const string Vista = "6.0.6002", Arm64 = "arm64:22000";

    private static readonly string[] s_narrow = ["5.1.2600", "5.2.3790", Vista, "x86:6.1.7601", "x86:10.0.19041"];

    private static readonly string[] s_all = [.. s_narrow, Arm64];

    /// <summary>
    /// The article shows 4c 65 61 6b ff 75 0c ff 75 08 ff 15 24 fb 99 f7 at f799f63f, the second byte of a push, and counts 23
    /// blocks of 193,024,000 bytes in a pool of 203,162,872.
    /// </summary>
    [TestCaseSource(nameof(s_narrow))]
    public void The_leak_of_the_article_is_found_by_its_push(string layout)
    {
        using ForgedFolder forged = new("pool-leak", layout);
        using CommandSession session = forged.Open();

        JsonElement pool = ForgedFolder.RunJson(session, "!poolwho");
        (_, JsonElement owner) = PublishedLeak.Check(pool);

        Assert.Multiple(() =>
        {
            Assert.That(owner.GetProperty("address").GetString(), Does.EndWith("f799f63e"));
            Assert.That(string.Concat(owner.GetProperty("code").EnumerateArray().Take(4).Select(c => c.GetProperty("bytes").GetString())),
                Is.EqualTo("684c65616b" + "ff750c" + "ff7508" + "ff1524fb99f7"));
            Assert.That(pool.GetProperty("problems").GetArrayLength(), Is.Zero);
        });
        string text = ForgedFolder.Run(session, "!poolwho");
        Assert.That(text, Does.Match(@"f799f63e 684c65616b   push    6b61654ch  ; 'Leak'\n(.*\n){2} *f799f649 ff1524fb99f7 call .*; ExAllocatePoolWithTag"));
        Assert.That(text.Split('\n').Select(l => l.Length), Has.All.LessThanOrEqualTo(120));
    }

    /// <summary>
    /// Those of the article's !vm. Of Vista it is not known where it counts nonpaged pool and page table entries; it is no older
    /// than what the others have, and says so.
    /// </summary>
    [TestCaseSource(nameof(s_all))]
    public void Every_figure_is_read_or_said_not_to_be_known(string layout)
    {
        using ForgedFolder forged = new("pool-leak", layout);
        using CommandSession session = forged.Open();

        JsonElement memory = ForgedFolder.RunJson(session, "!mem");
        JsonElement file = memory.GetProperty("pageFiles").EnumerateArray().Single();
        string text = ForgedFolder.Run(session, "!mem");

        Assert.Multiple(() =>
        {
            foreach ((string name, ulong pages) in ((string, ulong)[])
            [
                ("physical", 262010), ("available", 166628), ("residentAvailable", 199386), ("committed", 156300),
                ("commitLimit", 640200), ("commitPeak", 171000), ("modified", 359), ("standby", 68000), ("free", 628), ("zeroed", 98000),
                ("nonPagedPoolMaximum", 51967), ("pagedPool", 4989), ("pagedPoolMaximum", 70656),
            ])
                Assert.That(Figure(memory, name), Is.EqualTo(pages * Page), name);
            Assert.That(file.GetProperty("name").GetString(), Is.EqualTo(@"C:\pagefile.sys"));
            Assert.That(file.GetProperty("size").GetUInt64(), Is.EqualTo(1572864ul << 10));
            Assert.That(file.GetProperty("free").GetUInt64(), Is.EqualTo(1565400ul << 10));
            Assert.That(file.GetProperty("maximum").GetUInt64(), Is.EqualTo(3145728ul << 10));
            Assert.That(file.GetProperty("peak").GetUInt64(), Is.EqualTo(2100 * Page));
            JsonElement mappings = memory.GetProperty("systemMappings");
            if (layout == Vista)
            {
                Assert.That(Figure(memory, "nonPagedPool"), Is.Null);
                Assert.That(mappings.ValueKind, Is.EqualTo(JsonValueKind.Null));
                Assert.That(text, Does.Match(@"n/a  Nonpaged pool,").And.Contain("system page table entries: n/a"));
            }
            else
            {
                Assert.That(Figure(memory, "nonPagedPool"), Is.EqualTo(49746 * Page));
                Assert.That(mappings.GetProperty("free").GetUInt64(), Is.EqualTo(218491));
                Assert.That(text, Does.StartWith("!! nonpaged pool is at 95.7 % of its maximum, 194.32 MB of 203 MB"));
            }
            // Before 7 failures are counted nowhere that is known.
            Assert.That(memory.GetProperty("failures").ValueKind,
                Is.EqualTo(layout.StartsWith('5') || layout == Vista ? JsonValueKind.Null : JsonValueKind.Array));
            Assert.That(text.Split('\n').Select(l => l.Length), Has.All.LessThanOrEqualTo(120));
        });
    }

    /// <summary>Before Vista all processors share one table, and a large block has whole pages whatever its entry says.</summary>
    [TestCaseSource(nameof(s_all))]
    public void Counters_of_all_processors_are_added_up(string layout)
    {
        using ForgedFolder forged = new("pool-per-cpu", layout);
        using CommandSession session = forged.Open();
        bool isOld = layout.StartsWith('5');

        JsonElement pool = ForgedFolder.RunJson(session, "!poolwho -n 100");
        JsonElement[] tags = [.. pool.GetProperty("tags").EnumerateArray()];
        (long, long) live(string tag, string kind = "nonPaged")
        {
            JsonElement count = tags.Single(t => t.GetProperty("tag").GetString() == tag).GetProperty(kind);
            return (count.GetProperty("outstanding").GetInt64(), count.GetProperty("bytes").GetInt64());
        }

        Assert.Multiple(() =>
        {
            Assert.That(pool.GetProperty("processorTables").GetInt32(), Is.EqualTo(isOld ? 0 : 4));
            Assert.That(live("Sink"), Is.EqualTo((10, 640)));
            Assert.That(live("Wrap"), Is.EqualTo((6, 0x240)));
            Assert.That(live("Xpan"), Is.EqualTo((50, 819200)));
            Assert.That(live("Xpan", "paged"), Is.EqualTo((7, 4480)));
            Assert.That(live("Both"), Is.EqualTo((15, 6000)));
            Assert.That(tags.Single(t => t.GetProperty("tag").GetString() == "Xpan").GetProperty("nonPaged").GetProperty("largeBytes").GetInt64(),
                Is.EqualTo(0x12000));
            Assert.That(pool.GetProperty("problems").EnumerateArray().Single().GetString(),
                Does.StartWith(isOld ? "1 entry of PoolBigPageTable" : "2 entries of PoolBigPageTable"));
            foreach ((string tag, string certainty, string modules) in ((string, string, string)[])
            [
                ("Shrd", "candidate", "one.sys two.sys"), ("Retp", "proven", "one.sys"), ("Look", "proven", "one.sys"), ("Tail", "proven", "one.sys"),
                ("Thnk", "proven", "two.sys"), ("Fltx", "proven", "two.sys"), ("Farx", "inferred", "two.sys"), ("SeTs", "candidate", "one.sys two.sys"),
            ])
            {
                JsonElement[] owners = [.. tags.Single(t => t.GetProperty("tag").GetString() == tag).GetProperty("owners").EnumerateArray()];
                Assert.That(owners.Select(o => o.GetProperty("module").GetString()), Is.EquivalentTo(modules.Split(' ')), tag);
                Assert.That(owners.Select(o => o.GetProperty("certainty").GetString()), Has.All.EqualTo(certainty), tag);
            }
        });
    }

    /// <summary>
    /// Two processors have allocated 3 GB each, and a third has freed 5.5 GB: 512 MB are left, though each counter of 32 bits
    /// has run over.
    /// </summary>
    [TestCase("x86:6.1.7601"), TestCase("x86:10.0.19041"), TestCase("6.1.7601")]
    public void Counters_that_have_run_over_add_up_to_what_is_left(string layout)
    {
        const long Gigabyte = 1L << 30;
        SystemBuilder system = ScenarioSet.Build("pool-per-cpu", KernelLayout.BuiltIn(layout));
        system.PoolTables.Count("Over", 3000, 0, 3 * Gigabyte).Count("Over", 3000, 0, 3 * Gigabyte, processor: 1)
            .Count("Over", 0, 5500, -11 * Gigabyte / 2, processor: 2);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement over = ForgedFolder.RunJson(session, "!poolwho Over").GetProperty("tags")[0].GetProperty("nonPaged");

        Assert.That(over.GetProperty("bytes").GetInt64(), Is.EqualTo(Gigabyte / 2));
        Assert.That(over.GetProperty("outstanding").GetInt64(), Is.EqualTo(500));
    }

    [TestCase("5.2.3790"), TestCase("x86:6.1.7601"), TestCase("x86:10.0.19041")]
    public void Without_the_type_in_the_symbols_the_entries_tell_their_shape(string layout)
    {
        SystemBuilder system = ScenarioSet.Build("pool-leak", KernelLayout.BuiltIn(layout));
        system.PoolTables.Size = 0x41;
        for (int i = 0; i < 30; i++)
            system.PoolTables.Count($"Tg{i:00}", 10, 5, 640);
        system.SymbolLayout = system.Layout.Without("_POOL_TRACKER_TABLE");
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement leak = ForgedFolder.RunJson(session, "!poolwho").GetProperty("tags")[0];

        Assert.That(leak.GetProperty("tag").GetString(), Is.EqualTo("Leak"));
        Assert.That(leak.GetProperty("nonPaged").GetProperty("bytes").GetInt64(), Is.EqualTo(193024000));
    }

    /// <summary>XP and 2003 do not record of which pool a large block is: its address tells.</summary>
    [TestCase("5.1.2600"), TestCase("5.2.3790")]
    public void A_large_block_is_paged_where_paged_pool_is(string layout)
    {
        SystemBuilder system = ScenarioSet.Build("pool-per-cpu", KernelLayout.BuiltIn(layout));
        system.PoolTables.Count("Twin", 3, 0, 0x9000).Count("Twin", 3, 0, 0x9000, paged: true)
            .Large("Twin", 0x89000000, 0x3000).Large("Twin", 0xe1800000, 0x5000).Large("Twin", 0xe1900000, 0x2000);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement twin = ForgedFolder.RunJson(session, "!poolwho Twin").GetProperty("tags")[0];

        Assert.That(twin.GetProperty("nonPaged").GetProperty("largeBytes").GetInt64(), Is.EqualTo(0x3000));
        Assert.That(twin.GetProperty("paged").GetProperty("largeBytes").GetInt64(), Is.EqualTo(0x7000));
        Assert.That(twin.GetProperty("paged").GetProperty("largeBlocks").GetInt32(), Is.EqualTo(2));
    }

    /// <summary>Where the count of nonpaged pool is not known, the tags' sum tells as much.</summary>
    [TestCaseSource(nameof(s_all))]
    public void A_driver_that_has_nearly_all_memory_is_in_the_verdict(string layout)
    {
        using ForgedFolder forged = new("pool-exhausted", layout);
        using CommandSession session = forged.Open();

        JsonElement verdict = ForgedFolder.RunJson(session, "!hangwhy").GetProperty("verdict");

        Assert.That(verdict.GetProperty("class").GetString(), Is.EqualTo("memory-exhausted"));
        Assert.That(verdict.GetProperty("culprit").GetProperty("module").GetString(), Is.EqualTo("netmon.sys"));
        Assert.That(verdict.GetProperty("summary").GetString(), Does.EndWith(layout == Arm64
            ? "pool tag Hung has 5.5 GB of nonpaged pool, with which netmon.sys allocates"
            : "pool tag Hung has 236.0 MB of nonpaged pool, with which netmon.sys allocates"));
    }

    [TestCaseSource(nameof(s_narrow))]
    public void A_system_without_commit_says_so_and_who_has_it(string layout)
    {
        using ForgedFolder forged = new("commit-exhausted", layout);
        using CommandSession session = forged.Open();

        JsonElement memory = ForgedFolder.RunJson(session, "!mem");
        string?[] warnings = [.. memory.GetProperty("warnings").EnumerateArray().Select(w => w.GetProperty("text").GetString())];

        Assert.That(warnings[0], Is.EqualTo("commit is at 99.9 % of its limit, 6 GB of 6 GB"));
        Assert.That(warnings, Does.Contain("hoarder.exe c40 has 1.95 GB of commit, 32.4 % of the limit"));
        Assert.That(warnings.Contains("15 charges of commit have failed since start-up"),
            Is.EqualTo(layout.StartsWith("x86:", StringComparison.Ordinal)), "before 7 they are counted nowhere that is known");
        Assert.That(Figure(memory, "standby"), Is.EqualTo(7550 * Page));
    }

    [Test]
    public void Code_of_ARM64_is_shown_with_its_import()
    {
        using ForgedFolder forged = new("pool-leak", Arm64);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!poolwho Leak");

        Assert.That(text, Does.Match(
            @"528ca982 mov     w2,#0x654C  ; 'Leak'\n(.*\n)*.*72ad6c22 movk    w2,#0x6B61,lsl #0x10\n(.*\n)*.*d63f0120 blr     x9  ; ExAllocatePoolWithTag"));
        Assert.That(text.Split('\n').Select(l => l.Length), Has.All.LessThanOrEqualTo(120));
    }

    [TestCase("Free", "inferred", "frees with the tag, by ExFreePoolWithTag")]
    [TestCase("Menu", "candidate", "no call that takes a tag follows")]
    [TestCase("SeTs", "candidate", "wdmsec")]
    public void What_proves_nothing_is_said_to_prove_nothing(string tag, string certainty, string reason)
    {
        foreach (string layout in (string[])["5.2.3790", Arm64])
        {
            using ForgedFolder forged = new("pool-leak", layout);
            using CommandSession session = forged.Open();

            JsonElement owner = ForgedFolder.RunJson(session, $"!poolwho {tag}").GetProperty("tags")[0].GetProperty("owners")[0];

            Assert.That(owner.GetProperty("certainty").GetString(), Is.EqualTo(certainty), layout);
            Assert.That(owner.GetProperty("reason").GetString(), Does.Contain(reason), layout);
        }
    }

    /// <summary>
    /// Of x86 no small dump with the memory manager's block is known, nor the widths of its numbers: it is not read at all.
    /// </summary>
    [TestCase("5.2.3790"), TestCase("x86:6.1.7601"), TestCase("x86:10.0.19041")]
    public void A_small_dump_of_x86_has_no_figures_whatever_its_block_holds(string layout)
    {
        const int Header = 0x1000, MemoryOffset = 5 * 4;
        using ForgedFolder forged = new("crash-triage", layout, DumpKind.Triage);
        byte[] dump = File.ReadAllBytes(forged.DumpPath);
        int block = BitConverter.ToInt32(dump, Header + MemoryOffset);
        Assert.That(block, Is.GreaterThan(Header), "the forge writes one");
        BitConverter.GetBytes(1).CopyTo(dump, block);
        BitConverter.GetBytes(0x50).CopyTo(dump, block + 4);
        for (int i = 8; i < 0x50; i++)
            dump[block + i] = (byte)(17 * i);
        File.WriteAllBytes(forged.DumpPath, dump);
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, "!mem"), Throws.TypeOf<CommandDeclinedException>().With.Message.Contains("small dump"));
        Assert.That(ForgedFolder.Run(session, "!dumpcheck"), Does.Not.Contain("totals of the memory manager"));
    }

    private static ulong? Figure(JsonElement memory, string name) =>
        memory.GetProperty("figures").EnumerateArray().Single(f => f.GetProperty("name").GetString() == name).GetProperty("bytes")
            is { ValueKind: JsonValueKind.Number } bytes ? bytes.GetUInt64() : null;
}
