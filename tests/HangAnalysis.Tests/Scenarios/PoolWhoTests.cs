using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Reports;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>The pool by tag, and whose code allocates: counts are those that the forge wrote, code is what it assembled.</summary>
[Parallelizable(ParallelScope.All)]
public class PoolWhoTests
{
    private static readonly string[] s_layouts =
        ["6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.18362", "10.0.19041", "10.0.20348", "10.0.22000"];

    /// <summary>The published case has 194.3 MB of nonpaged pool, of 203 MB: what nobody waits for yet is no memory that is in order.</summary>
    [Test]
    public void A_pool_at_its_limit_is_told_by_the_verdict_and_not_ruled_out()
    {
        using ForgedFolder leak = new("pool-leak", "5.2.3790"), whole = new("idle", "5.2.3790");
        using CommandSession leaking = leak.Open(), idle = whole.Open();

        string text = ForgedFolder.Run(leaking, "!hangwhy");

        Assert.That(text, Does.Contain("Memory      nonpaged pool is at 95.7 % of its maximum, 194.32 MB of 203 MB (rule: 90 %)"));
        Assert.That(text, Does.Contain("who uses the memory: !mem, then !poolwho"));
        Assert.That(leaking.Verdict.RuledOut.Select(r => r.What), Has.None.EqualTo("memory"));
        Assert.That(idle.Verdict.RuledOut.Select(r => r.What), Has.Member("memory"));
        Assert.That(ForgedFolder.Run(idle, "!hangwhy"), Does.Not.Contain("!poolwho"));
    }

    /// <summary>The figures of a published case: 23,954 blocks of nonpaged pool with 203,162,872 bytes, 32,342 of paged with 19,144,784.</summary>
    [TestCaseSource(nameof(s_layouts))]
    public void The_leak_of_the_article_is_counted_and_its_driver_is_found(string layout)
    {
        using ForgedFolder forged = new("pool-leak", layout);
        using CommandSession session = forged.Open();

        JsonElement pool = ForgedFolder.RunJson(session, "!poolwho");
        (JsonElement leak, JsonElement owner) = PublishedLeak.Check(pool);

        Assert.Multiple(() =>
        {
            Assert.That(Live(pool, "nonPaged"), Is.EqualTo(23954));
            Assert.That(Live(pool, "paged"), Is.EqualTo(32342));
            Assert.That(leak.GetProperty("number").GetString(), Is.EqualTo("0x6b61654c"));
            Assert.That(Counts(leak, "nonPaged"), Is.EqualTo((23, 0, 23, 193024000)));
            Assert.That(leak.GetProperty("nonPaged").GetProperty("largeBlocks").GetInt32(), Is.EqualTo(23));
            Assert.That(owner.GetProperty("function").GetString(), Is.EqualTo("ExAllocatePoolWithTag"));
            Assert.That(owner.GetProperty("place").GetString(), Is.EqualTo("myfault+0x163d"));
            // The tag's bytes begin two behind, at 163f: the article finds them at myfault+63f.
            Assert.That(owner.GetProperty("code")[0].GetProperty("bytes").GetString(), Is.EqualTo("41b84c65616b"));
            Assert.That(owner.GetProperty("code")[0].GetProperty("text").GetString(), Does.Contain("r8d,6b61654ch"));
            Assert.That(pool.GetProperty("suspects").EnumerateArray().Single().GetString(),
                Does.StartWith("Leak holds 184.08 MB, 95 % of nonpaged pool: of 23 allocations none was freed"));
        });
    }

    [Test]
    public void The_text_shows_the_load_of_the_tag_before_the_call()
    {
        using ForgedFolder forged = new("pool-leak", "10.0.19041");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!poolwho");

        Assert.That(text, Does.Match(@"[0-9a-f]{16} 41b84c65616b mov     r8d,6b61654ch  ; 'Leak'\n(.*\n){2}.*ff15[0-9a-f]{8} call .*; ExAllocatePoolWithTag"));
        Assert.That(text, Does.Contain("whether it grows one dump does not tell"));
        Assert.That(text.Split('\n').Select(l => l.Length), Has.All.LessThanOrEqualTo(120));
    }

    /// <summary>One processor allocates, others free: only the sum is true, and 32 bits are enough for a difference.</summary>
    [TestCaseSource(nameof(s_layouts))]
    public void Counters_of_all_processors_and_the_expansion_are_added_up(string layout)
    {
        using ForgedFolder forged = new("pool-per-cpu", layout);
        using CommandSession session = forged.Open();

        JsonElement pool = ForgedFolder.RunJson(session, "!poolwho -n 100");
        bool narrow = KernelLayout.BuiltIn(layout).Field("_POOL_TRACKER_TABLE", "NonPagedAllocs").Type.Name is "long" or "unsigned long";

        Assert.Multiple(() =>
        {
            Assert.That(pool.GetProperty("processorTables").GetInt32(), Is.EqualTo(4));
            Assert.That(Counts(Tag(pool, "Sink"), "nonPaged"), Is.EqualTo((1000, 990, 10, 640)));
            Assert.That(Counts(Tag(pool, "Wrap"), "nonPaged"),
                Is.EqualTo(narrow ? (5, 0xffffffff, 6, 0x240) : (0x1_0000_0005, 0xffffffff, 6, 0x240)));
            Assert.That(Counts(Tag(pool, "Xpan"), "nonPaged"), Is.EqualTo((70, 20, 50, 819200)));
            Assert.That(Counts(Tag(pool, "Xpan"), "paged"), Is.EqualTo((8, 1, 7, 4480)));
            Assert.That(Counts(Tag(pool, "Both"), "nonPaged"), Is.EqualTo((15, 0, 15, 6000)));
            Assert.That(Tag(pool, "Xpan").GetProperty("nonPaged").GetProperty("largeBytes").GetInt64(), Is.EqualTo(0x12000));
            Assert.That(Tag(pool, "Both").GetProperty("nonPaged").GetProperty("largeBlocks").GetInt32(), Is.Zero);
            Assert.That(pool.GetProperty("problems").EnumerateArray().Single().GetString(), Does.StartWith("2 entries of PoolBigPageTable"));
        });
    }

    [TestCase("Shrd", "candidate", "one.sys two.sys")]
    [TestCase("Retp", "proven", "one.sys")]
    [TestCase("Look", "proven", "one.sys")]
    [TestCase("Tail", "proven", "one.sys")]
    [TestCase("Thnk", "proven", "two.sys")]
    [TestCase("Fltx", "proven", "two.sys")]
    [TestCase("Farx", "inferred", "two.sys")]
    [TestCase("SeTs", "candidate", "one.sys two.sys")]
    [TestCase("Sink", "", "")]
    public void A_driver_is_named_as_surely_as_its_code_shows(string tag, string certainty, string modules)
    {
        using ForgedFolder forged = new("pool-per-cpu", "10.0.22000");
        using CommandSession session = forged.Open();

        JsonElement[] owners = [.. ForgedFolder.RunJson(session, $"!poolwho {tag}").GetProperty("tags")[0].GetProperty("owners").EnumerateArray()];

        Assert.That(owners.Select(o => o.GetProperty("module").GetString()), Is.EquivalentTo(modules.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        Assert.That(owners.Select(o => o.GetProperty("certainty").GetString()), Has.All.EqualTo(certainty));
    }

    [TestCase("SeTs", "wdmsec", "no driver can be named by it")]
    [TestCase("Free", "frees with the tag, by ExFreePoolWithTag", "no allocation with this tag")]
    [TestCase("Menu", "no call that takes a tag follows", "a number alone names nobody")]
    public void What_proves_nothing_is_said_to_prove_nothing(string tag, string reason, string note)
    {
        using ForgedFolder forged = new("pool-leak", "10.0.17763");
        using CommandSession session = forged.Open();

        JsonElement found = ForgedFolder.RunJson(session, $"!poolwho {tag}").GetProperty("tags")[0];

        Assert.That(found.GetProperty("owners").EnumerateArray().Select(o => o.GetProperty("certainty").GetString()), Has.None.EqualTo("proven"));
        Assert.That(found.GetProperty("owners")[0].GetProperty("reason").GetString(), Does.Contain(reason));
        Assert.That(found.GetProperty("note").GetString(), Does.Contain(note));
    }

    [Test]
    public void Tags_are_chosen_sorted_and_counted()
    {
        using ForgedFolder forged = new("pool-leak", "10.0.18362");
        using CommandSession session = forged.Open();

        Assert.Multiple(() =>
        {
            Assert.That(Names(session, "!poolwho -p"), Is.EqualTo(new[] { "CMkb", "MmSt" }));
            Assert.That(Names(session, "!poolwho -np -n 3"), Is.EqualTo(new[] { "Leak", "LSwi", "File" }));
            Assert.That(Names(session, "!poolwho -np -n 2 -sort allocs"), Is.EqualTo(new[] { "File", "Irp " }));
            Assert.That(Names(session, "!poolwho -n 1 -sort live"), Is.EqualTo(new[] { "CMkb" }));
            Assert.That(Names(session, "!poolwho Irp"), Is.EqualTo(new[] { "Irp " }));
            Assert.That(() => ForgedFolder.Run(session, "!poolwho -sort colour"), Throws.TypeOf<CommandUsageException>());
            Assert.That(() => ForgedFolder.Run(session, "!poolwho LongTag"), Throws.TypeOf<CommandUsageException>());
        });
    }

    [Test]
    public void A_list_of_tags_of_the_users_own_is_read()
    {
        using ForgedFolder forged = new("pool-leak", "10.0.18362");
        using CommandSession session = forged.Open();
        string list = Path.Combine(forged.Folder, "pooltag.txt");
        File.WriteAllText(list, "rem - a comment\r\nLeak - myfault.sys  -  a test of  leaks\r\nMe*  - any - others\r\n\r\nno line\r\n");

        Assert.That(ForgedFolder.RunJson(session, $"!poolwho Leak -tags \"{list}\"").GetProperty("tags")[0].GetProperty("tagFile").GetString(),
            Is.EqualTo("myfault.sys - a test of leaks"));
        Assert.That(() => ForgedFolder.Run(session, "!poolwho -tags /nowhere/pooltag.txt"), Throws.TypeOf<CommandUsageException>());
    }

    /// <summary>Without the type the shape follows from the entries: here they have too few tags to tell, or enough.</summary>
    [TestCase("10.0.14393"), TestCase("10.0.19041"), TestCase("10.0.20348")]
    public void Without_the_type_in_the_symbols_the_entries_tell_their_shape(string layout)
    {
        SystemBuilder system = ScenarioSet.Build("pool-leak", KernelLayout.BuiltIn(layout));
        system.PoolTables.Size = 0x41;
        for (int i = 0; i < 30; i++)
            system.PoolTables.Count($"Tg{i:00}", 10, 5, 640);
        system.SymbolLayout = system.Layout.Without("_POOL_TRACKER_TABLE");
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        Assert.That(Counts(ForgedFolder.RunJson(session, "!poolwho").GetProperty("tags")[0], "nonPaged"), Is.EqualTo((23, 0, 23, 193024000)));
    }

    [Test]
    public void A_system_whose_trackers_are_not_in_the_dump_is_declined_with_the_reason()
    {
        using ForgedFolder forged = new("idle", "10.0.19041");
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, "!poolwho"),
            Throws.TypeOf<CommandDeclinedException>().With.Message.Contains("PoolTrackTable"));
    }

    /// <summary>7 sets nonpaged pool a limit; later systems do not, and memory is what it is compared with.</summary>
    [TestCaseSource(nameof(s_layouts))]
    public void A_driver_that_has_nearly_all_memory_is_in_the_verdict(string layout)
    {
        using ForgedFolder forged = new("pool-exhausted", layout);
        using CommandSession session = forged.Open();

        JsonElement verdict = ForgedFolder.RunJson(session, "!hangwhy").GetProperty("verdict");

        Assert.Multiple(() =>
        {
            Assert.That(verdict.GetProperty("class").GetString(), Is.EqualTo("memory-exhausted"));
            Assert.That(verdict.GetProperty("culprit").GetProperty("module").GetString(), Is.EqualTo("netmon.sys"));
            Assert.That(verdict.GetProperty("summary").GetString(),
                Does.EndWith("; pool tag Hung has 5.5 GB of nonpaged pool, with which netmon.sys allocates"));
            Assert.That(ForgedFolder.Run(session, "!hangwhy"), Does.Match(@"Pool +Hung: 5\.53 GB in 92,800,000 blocks; netmon\+0x1200"));
            Assert.That(ForgedFolder.Run(session, "!mem"), Does.Contain(layout.StartsWith("6.1", StringComparison.Ordinal)
                ? "nonpaged pool is at 96 % of its maximum" : "nonpaged pool has 5.76 GB, 72 % of memory"));
        });
    }

    [Test]
    public void Who_allocates_for_two_is_not_named_in_the_verdict()
    {
        SystemBuilder system = ScenarioSet.Build("pool-exhausted", KernelLayout.BuiltIn("10.0.19041"));
        new PoolCode(system, system.Modules.ByName("storport")).Call(0x90200, "ExAllocatePoolWithTag", "Hung");
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement verdict = ForgedFolder.RunJson(session, "!hangwhy").GetProperty("verdict");

        Assert.That(verdict.GetProperty("culprit").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(verdict.GetProperty("summary").GetString(), Does.EndWith("pool tag Hung has 5.5 GB of nonpaged pool"));
    }

    /// <summary>A click on what a dump holds must not run it: a tag may have any four characters.</summary>
    [Test]
    public void A_tag_with_signs_of_the_debugger_is_no_link()
    {
        SystemBuilder system = ScenarioSet.Build("pool-leak", KernelLayout.BuiltIn("10.0.19041"));
        system.PoolTables.Count("\";q ", 10, 0, 4096).Count("\x01\x02\xfe<", 5, 0, 4000);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();
        CommandArguments arguments = session.Parse("!poolwho -n 50");
        using StringWriter writer = new();

        new TextLayout(new DmlSink(writer, "HangAnalysis", _ => true)).Write(session.Commands.Require(arguments).Run(session, arguments).Document);

        Assert.That(writer.ToString(), Does.Contain("...&lt;").And.Not.Match("cmd=\"[^\"]*;q"));
    }

    [Test]
    public void Addresses_alone_are_those_of_the_code()
    {
        using ForgedFolder forged = new("pool-leak", "10.0.19041");
        using CommandSession session = forged.Open();
        CommandArguments arguments = session.Parse("!poolwho Leak /q");

        CommandOutput output = session.Commands.Require(arguments).Run(session, arguments);

        Assert.That(output.Addresses.Select(a => $"0x{a:x16}"), Is.EqualTo(
            new[] { ForgedFolder.RunJson(session, "!poolwho Leak").GetProperty("tags")[0].GetProperty("owners")[0].GetProperty("address").GetString() }));
    }

    private static string?[] Names(CommandSession session, string line) =>
        [.. ForgedFolder.RunJson(session, line).GetProperty("tags").EnumerateArray().Select(t => t.GetProperty("tag").GetString())];

    private static JsonElement Tag(JsonElement pool, string tag) =>
        pool.GetProperty("tags").EnumerateArray().Single(t => t.GetProperty("tag").GetString() == tag);

    private static long Live(JsonElement pool, string kind) =>
        pool.GetProperty("tags").EnumerateArray().Sum(t => t.GetProperty(kind).GetProperty("outstanding").GetInt64());

    private static (long, long, long, long) Counts(JsonElement tag, string kind)
    {
        JsonElement count = tag.GetProperty(kind);
        return (count.GetProperty("allocations").GetInt64(), count.GetProperty("frees").GetInt64(),
            count.GetProperty("outstanding").GetInt64(), count.GetProperty("bytes").GetInt64());
    }
}
