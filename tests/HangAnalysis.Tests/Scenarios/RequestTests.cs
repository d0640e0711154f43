using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>What is said of requests, page reads and work queues beside the verdict. Counts are those of the scenarios.</summary>
[Parallelizable(ParallelScope.All)]
public class RequestTests
{
    private static readonly string[] s_layouts = ["6.3.9600", "10.0.14393", "10.0.19041", "10.0.22000"];

    [Test]
    public void A_request_is_shown_where_it_is_in_its_stack_and_since_when()
    {
        using ForgedFolder forged = new("io-four-devices");
        using CommandSession session = forged.Open();

        Assert.Multiple(() =>
        {
            Assert.That(ForgedFolder.Run(session, "!hangwhy"), Does.Match(@"currently at \\Driver\\vendsas for 2m:03\.\d+, device [0-9a-f]{16} \(device 4 of 4 from the top\)"));
            JsonElement irp = ForgedFolder.RunJson(session, "!irps").GetProperty("requests").EnumerateArray().Single();
            Assert.That(irp.GetProperty("address").GetString(), Is.EqualTo(TruthAddress(forged, "request")));
            Assert.That(irp.GetProperty("devicesAbove").GetInt32(), Is.EqualTo(3));
            Assert.That(irp.GetProperty("devicesBelow").GetInt32(), Is.Zero);
            Assert.That(irp.GetProperty("function").GetString(), Is.EqualTo("IRP_MJ_READ"));
            Assert.That(irp.GetProperty("file").GetString(), Is.EqualTo(@"\data\ledger.db"));
            Assert.That(irp.GetProperty("module").GetString(), Is.EqualTo("vendsas.sys"));
        });
    }

    [Test]
    public void Drivers_of_Windows_at_the_end_of_a_request_are_not_accused()
    {
        using ForgedFolder forged = new("io-microsoft-storage");
        using CommandSession session = forged.Open();

        JsonElement verdict = ForgedFolder.RunJson(session, "!hangwhy").GetProperty("verdict");

        Assert.That(verdict.GetProperty("culprit").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(verdict.GetProperty("summary").GetString(),
            Does.Contain("the disk does not complete").And.Contain("currently at storahci.sys for 2m:03"));
    }

    [TestCase("irp-nobody", "nobody", "no driver has it")]
    [TestCase("irp-completed", "completed", "it is completed")]
    [TestCase("irp-cancelled", "driver", "cancelled and not completed")]
    public void The_state_of_a_request_is_told(string scenario, string place, string words)
    {
        using ForgedFolder forged = new(scenario);
        using CommandSession session = forged.Open();

        JsonElement irp = ForgedFolder.RunJson(session, "!irps").GetProperty("requests").EnumerateArray().Single();

        Assert.That(irp.GetProperty("place").GetString(), Is.EqualTo(place));
        Assert.That(irp.GetProperty("cancelled").GetBoolean(), Is.EqualTo(scenario == "irp-cancelled"));
        Assert.That(ForgedFolder.Run(session, "!irps"), Does.Contain(words));
        Assert.That(ForgedFolder.Run(session, "!hangwhy").ReplaceLineEndings(" "), Does.Contain(words));
    }

    [Test]
    public void Requests_that_hang_on_a_file_are_listed_and_drivers_are_selected_by_any_of_their_names()
    {
        using ForgedFolder forged = new("io-user-service");
        using CommandSession session = forged.Open();

        Assert.Multiple(() =>
        {
            foreach (string name in new[] { "dfs", "DFS.sys", "DfsDriver", @"\FileSystem\DfsDriver" })
                Assert.That(ForgedFolder.RunJson(session, $"!irps {name}").GetProperty("requests").EnumerateArray()
                    .Select(r => r.GetProperty("process").GetString()),
                    Is.EquivalentTo(new[] { "dfssvc.exe", "dfssvc.exe", "dfssvc.exe", "System" }), name);
            Assert.That(ForgedFolder.RunJson(session, "!irps ntfs").GetProperty("requests").GetArrayLength(), Is.Zero);
            Assert.That(ForgedFolder.Run(session, "!irps ntfs"), Does.Contain("no request is at 'ntfs'"));
        });
    }

    [TestCaseSource(nameof(s_layouts))]
    public void Everybody_in_page_in_is_traced_to_the_disk(string layout)
    {
        using ForgedFolder forged = new("pagein-disk", layout);
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, "!hangwhy");

        // Five faults with a read each, one that waits for another's, and an ordinary read.
        Assert.That(report.GetProperty("verdict").GetProperty("blockedThreads").GetInt32(), Is.EqualTo(7));
        JsonElement chain = Chain(session, "winlogon.exe");
        Assert.That(chain.GetProperty("certainty").GetString(), Is.EqualTo("inferred"), "found on the stack");
        Assert.That(chain.GetProperty("waitsFor").GetString(), Does.Contain("paging IRP_MJ_READ"));
        JsonElement other = Chain(session, "spoolsv2.exe");
        Assert.That(other.GetProperty("certainty").GetString(), Is.EqualTo("proven"));
    }

    [Test]
    public void Page_reads_that_are_nowhere_are_one_root_with_the_reason()
    {
        using ForgedFolder forged = new("pagein-unrecorded");
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, "!hangwhy");

        Assert.That(report.GetProperty("verdict").GetProperty("blockedThreads").GetInt32(), Is.EqualTo(5));
        Assert.That(report.GetProperty("verdict").GetProperty("confidence").GetString(), Is.Not.EqualTo("high"));
        Assert.That(report.GetProperty("unknown").GetRawText(), Does.Contain("page reads are in no thread"));
    }

    [TestCaseSource(nameof(s_layouts))]
    public void Work_queues_are_listed_with_what_waits_and_who_is_blocked(string layout)
    {
        using ForgedFolder forged = new("work-queue-exhausted", layout);
        using CommandSession session = forged.Open();

        JsonElement[] queues = [.. ForgedFolder.RunJson(session, "!workers").GetProperty("queues").EnumerateArray()];
        JsonElement exhausted = queues.Single(q => q.GetProperty("standsStill").GetBoolean());

        Assert.Multiple(() =>
        {
            Assert.That(exhausted.GetProperty("items").GetInt32(), Is.EqualTo(WorkQueueScenarios.FirstItems + WorkQueueScenarios.SecondItems));
            Assert.That(exhausted.GetProperty("blocked").GetArrayLength(), Is.EqualTo(WorkQueueScenarios.Workers));
            Assert.That(exhausted.GetProperty("mostWorkers").GetInt32(), Is.EqualTo(WorkQueueScenarios.Workers));
            Assert.That(exhausted.GetProperty("name").GetString(), Is.EqualTo("index 1"));
            JsonElement first = exhausted.GetProperty("work")[0];
            Assert.That(first.GetProperty("routine").GetString(), Is.EqualTo("nt!IopProcessWorkItem"));
            Assert.That(first.GetProperty("count").GetInt32(), Is.EqualTo(WorkQueueScenarios.FirstItems));
            foreach (JsonElement worker in exhausted.GetProperty("blocked").EnumerateArray())
                Assert.That(worker.GetProperty("waitsFor").GetString(), Does.StartWith("exclusive access to ERESOURCE"));
            JsonElement idle = queues.Single(q => q.GetProperty("name").GetString() == "index 2");
            Assert.That(idle.GetProperty("idle").GetInt32(), Is.EqualTo(2));
            Assert.That(ForgedFolder.Run(session, "!hangwhy").ReplaceLineEndings(" "),
                Does.Match(@"work queue index 1 stands still: 43 items wait, and all 6 workers\s+are blocked"));
        });
    }

    [Test]
    public void Bare_addresses_are_those_of_requests_and_of_blocked_workers()
    {
        using ForgedFolder requests = new("io-four-devices");
        using ForgedFolder queues = new("work-queue-exhausted");
        using CommandSession one = requests.Open();
        using CommandSession two = queues.Open();

        Assert.That(Addresses(one, "!irps /q").Select(a => $"0x{a:x16}"), Is.EqualTo(new[] { TruthAddress(requests, "request") }));
        Assert.That(Addresses(two, "!workers /q"), Has.Count.EqualTo(WorkQueueScenarios.Workers));
        Assert.That(Addresses(two, "!workers /q").Select(a => $"0x{a:x16}"), Does.Contain(TruthAddress(queues, "thread")));
    }

    [TestCase("!irps a b")]
    [TestCase("!workers x")]
    public void Arguments_that_are_not_understood_are_refused(string line)
    {
        using ForgedFolder forged = new("small");
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, line), Throws.InstanceOf<CommandUsageException>());
    }

    private static IReadOnlyList<ulong> Addresses(CommandSession session, string line)
    {
        CommandArguments arguments = CommandArguments.Parse(line);
        return CommandTable.Require(arguments).Run(session, arguments).Addresses;
    }

    /// <summary>The first link of the chain of the blocked thread of a process.</summary>
    private static JsonElement Chain(CommandSession session, string process)
    {
        ulong thread = session.System.Threads.Single(t => t.Process.Name == process && t.WaitReason == "WrPageIn").Address.Value;
        return ForgedFolder.RunJson(session, $"!lpcchain {thread:x16}").GetProperty("chains")[0].GetProperty("links")[0];
    }

    private static string TruthAddress(ForgedFolder forged, string kind) =>
        forged.Truth.GetProperty("chains")[0].GetProperty("links").EnumerateArray()
            .First(l => l.GetProperty("kind").GetString() == kind).GetProperty("address").GetString()!;
}
