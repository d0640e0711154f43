using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Tests.Matrix;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!lpcwait</c> and <c>!msg</c> on systems whose messages are known.</summary>
public class MessageCommandTests
{
    private static readonly string[] s_layouts =
        ["6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.22000"];

    /// <summary>Scenarios with one unanswered message, and how far the message has come.</summary>
    private static readonly (string Scenario, string State, string? Queue)[] s_states =
    [
        ("logoff-hang", "queued", "main"), ("server-silent", "queued", "main"), ("alpc-not-listening", "queued", "main"),
        ("alpc-large-message", "too-large", "large message"), ("alpc-cancelled", "cancelled", "canceled"),
        ("alpc-owner-exited", "queued", "main"), ("alpc-port-closed", "queued", "main"),
        ("alpc-connection-pending", "queued", "main"),
    ];

    private static IEnumerable<TestCaseData> States()
    {
        foreach ((string scenario, string state, string? queue) in s_states)
            foreach (string layout in s_layouts)
                yield return new TestCaseData(scenario, layout, state, queue);
    }

    [Test]
    public void Lpcwait_shows_every_figure_of_the_published_transcript()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        string[] lines = ForgedFolder.Run(session, "!lpcwait").Split('\n');

        Assert.Multiple(() =>
        {
            Assert.That(lines[0], Is.EqualTo("Server Process ffffab06b8137800  Connection Port ffffab06b853c540  " +
                @"(\Device\HarddiskVolume1\Windows\explorer.exe)"));
            Assert.That(lines, Has.One.Match(
                @"^  ffffab06b1b28800 1m:25\.406 ffffce0e5b04dcf0 queued +3a4 \\Device\\HarddiskVolume1\\Windows\\System32\\svchost\.exe$"));
            Assert.That(lines, Has.One.EqualTo("  1 thread waiting"));
            Assert.That(lines.Max(l => l.Length), Is.LessThanOrEqualTo(120));
        });
    }

    /// <summary>Truth: the link of the scenario's chain that is a message, and those before and behind it.</summary>
    [TestCaseSource(nameof(States))]
    public void Each_state_of_a_message_is_told(string scenario, string layout, string state, string? queue)
    {
        using ForgedFolder forged = new(scenario, layout);
        using CommandSession session = forged.Open();
        JsonElement[] links = [.. forged.Truth.GetProperty("chains")[0].GetProperty("links").EnumerateArray()];
        JsonElement waiter = links[0], awaited = links[1];

        JsonElement report = ForgedFolder.RunJson(session, "!lpcwait");
        JsonElement detail = ForgedFolder.RunJson(session, $"!msg {Text(awaited, "address")}");

        JsonElement server = report.GetProperty("servers").EnumerateArray().Single();
        JsonElement message = server.GetProperty("waiting").EnumerateArray().Single().GetProperty("message");
        Assert.Multiple(() =>
        {
            Assert.That(Text(message, "address"), Is.EqualTo(Text(awaited, "address")));
            Assert.That(Text(message.GetProperty("waiter"), "thread"), Is.EqualTo(Text(waiter, "address")));
            Assert.That(Text(message, "state"), Is.EqualTo(state));
            Assert.That(Text(message, "queue"), Is.EqualTo(queue));
            Assert.That(message.GetProperty("receiver").ValueKind, Is.EqualTo(JsonValueKind.Null));
            if (links.Length > 2 && Text(links[2], "kind") == "process")
                Assert.That(Text(server, "address"), Is.EqualTo(Text(links[2], "address")));
            else
                Assert.That(Text(server, "address"), Is.Null, "the ports of the scenario have no owner any more");
            // What the forge writes into every message.
            Assert.That(message.GetProperty("dataLength").GetInt32(), Is.EqualTo(0x60));
            Assert.That(message.GetProperty("totalLength").GetInt32(), Is.EqualTo(0x88));
            Assert.That(message.GetProperty("id").GetUInt32(), Is.EqualTo(0x1c0));
            Assert.That(message.GetProperty("ready").GetBoolean(), Is.True);
            Assert.That(message.GetProperty("cancelled").GetBoolean(), Is.EqualTo(state == "cancelled"));
            Assert.That(message.GetProperty("senderTid").GetUInt32(), Is.EqualTo(waiter.GetProperty("tid").GetUInt32()));
            Assert.That(Text(message, "kind"), Is.EqualTo(scenario == "alpc-connection-pending" ? "connection request" : "request"));
            Assert.That(JsonElement.DeepEquals(detail.GetProperty("message"), message), Is.True, "both commands tell the same");
        });
    }

    [TestCaseSource(nameof(s_layouts))]
    public void A_received_message_names_its_server_thread_and_what_that_waits_for(string layout)
    {
        using ForgedFolder forged = new("alpc-received", layout);
        using CommandSession session = forged.Open();
        JsonElement[] links = [.. forged.Truth.GetProperty("chains")[0].GetProperty("links").EnumerateArray()];
        string second = Text(links[3], "address")!;

        JsonElement message = ForgedFolder.RunJson(session, $"!msg {Text(links[0], "address")}").GetProperty("message");
        string text = ForgedFolder.Run(session, $"!msg {Text(links[1], "address")}");

        Assert.Multiple(() =>
        {
            Assert.That(Text(message, "address"), Is.EqualTo(Text(links[1], "address")), "the message that the thread awaits");
            Assert.That(Text(message, "state"), Is.EqualTo("received"));
            Assert.That(Text(message.GetProperty("receiver"), "thread"), Is.EqualTo(Text(links[2], "address")));
            Assert.That(Text(message, "queue"), Is.EqualTo("pending"));
            Assert.That(text, Does.Contain($"which waits 5m:02.000: reply to ALPC message {second[2..]}"));
            Assert.That(text, Does.Contain("5m:02.500").And.Contain("acmeflt.sys").And.Contain($"!lpcchain {Text(links[0], "address")![2..]}"));
            Assert.That(text.Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120));
        });
    }

    [Test]
    public void A_call_back_is_owed_by_the_client()
    {
        using ForgedFolder forged = new("alpc-callback-cycle");
        using CommandSession session = forged.Open();
        JsonElement[] links = [.. forged.Truth.GetProperty("chains")[0].GetProperty("links").EnumerateArray()];

        JsonElement[] servers = [.. ForgedFolder.RunJson(session, "!lpcwait").GetProperty("servers").EnumerateArray()];

        Assert.That(servers.Select(s => (Text(s, "process"), s.GetProperty("callback").GetBoolean())),
            Is.EqualTo(new[] { ("modelsrv.exe", false), ("designer.exe", true) }));
        Assert.That(servers.Select(s => Text(s.GetProperty("waiting")[0].GetProperty("message"), "address")),
            Is.EqualTo(new[] { Text(links[1], "address"), Text(links[3], "address") }));
        Assert.That(ForgedFolder.Run(session, "!lpcwait"), Does.Contain("designer.exe c40, called back by its server, port modelsrv"));
    }

    [Test]
    public void Lpcwait_can_be_asked_for_one_server_or_one_client()
    {
        using ForgedFolder forged = new("alpc-four-processes");
        using CommandSession session = forged.Open();
        JsonElement[] links = [.. forged.Truth.GetProperty("chains")[0].GetProperty("links").EnumerateArray()];
        string Thread(int index) => Text(links[index], "address")![2..] + "\n";

        Assert.Multiple(() =>
        {
            Assert.That(RunQ(session, "!lpcwait /q"), Is.EqualTo(Thread(0) + Thread(2) + Thread(4)), "the longest wait first");
            Assert.That(RunQ(session, $"!lpcwait /q {links[6].GetProperty("pid").GetInt32():x}"), Is.EqualTo(Thread(4)));
            Assert.That(RunQ(session, $"!lpcwait /q -p {links[0].GetProperty("pid").GetInt32():x}"), Is.EqualTo(Thread(0)));
            Assert.That(ForgedFolder.Run(session, "!lpcwait 4"), Is.EqualTo("no thread waits for the reply to a message by System 4\n"));
            Assert.That(() => ForgedFolder.Run(session, "!lpcwait 1 2"), Throws.TypeOf<CommandUsageException>());
        });
    }

    [Test]
    public void The_most_awaited_server_comes_first_and_in_it_the_longest_wait()
    {
        SystemBuilder system = ScenarioSet.Build("alpc-four-processes", KernelLayout.BuiltIn("10.0.19041"));
        ProcessBuilder server = system.AddProcess("crowdsvc.exe", 0x3f00), client = system.AddProcess("crowd.exe", 0x3f40, session: 1);
        KernelStruct port = system.Alpc.ConnectionPort(server, @"\RPC Control\crowd");
        double[] waits = [3, 7, 5];
        ThreadBuilder[] threads = new ThreadBuilder[waits.Length];
        for (int i = 0; i < waits.Length; i++)
        {
            threads[i] = client.AddThread(0x3f44 + 4 * (uint)i).Stack("nt!KiSwapContext+0x76\nnt!KiSwapThread+0x17d\n");
            system.Alpc.Request(system.Alpc.Connect(client, server, port), threads[i], null, TimeSpan.FromSeconds(waits[i]));
        }
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement first = ForgedFolder.RunJson(session, "!lpcwait").GetProperty("servers")[0];
        string text = ForgedFolder.Run(session, "!lpcwait");

        Assert.That(Text(first, "process"), Is.EqualTo("crowdsvc.exe"), "three wait for it, one for each of the others, which wait longer");
        Assert.That(first.GetProperty("waiting").EnumerateArray().Select(w => Text(w.GetProperty("message").GetProperty("waiter"), "thread")),
            Is.EqualTo(new[] { threads[1], threads[2], threads[0] }.Select(t => $"0x{t.Address:x16}")));
        Assert.That(text, Does.Contain("  3 threads waiting\n"));
        Assert.That(text, Does.Contain("6 threads wait for replies at 4 ports, the longest 1m:36.500; 3 received, 3 not received"));
    }

    /// <summary>Truth: the threads into whose ETHREAD the forge wrote a message that they wait for.</summary>
    [Test]
    public void Every_thread_that_waits_for_a_reply_is_listed_and_no_other(
        [Values("healthy-short-messages", "healthy-idle-pools", "healthy-busy-server", "healthy-service-stopping", "healthy-workers",
            "busy-server", "four-hangs", "threads-300")] string scenario,
        [Values("6.1.7601", "10.0.19041", "10.0.22000")] string layout)
    {
        SystemBuilder system = ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout));
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        IEnumerable<ulong> truth = system.Threads.Where(t => t.Struct.Get("AlpcMessage") != 0).Select(t => t.Address);

        JsonElement report = ForgedFolder.RunJson(session, "!lpcwait");
        Assert.That(report.GetProperty("servers").EnumerateArray().SelectMany(s => s.GetProperty("waiting").EnumerateArray())
            .Select(w => Text(w.GetProperty("message").GetProperty("waiter"), "thread")),
            Is.EquivalentTo(truth.Select(a => $"0x{a:x16}")));
        Assert.That(report.GetProperty("notShown").GetArrayLength(), Is.Zero);
    }

    [Test]
    public void A_message_that_names_another_thread_is_not_shown_and_told()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession opened = forged.Open();
        OverlaidTarget target = new(opened.Windows.Target);
        int offset = KernelLayout.BuiltIn("10.0.14393").Offset("_KALPC_MESSAGE", "WaitingThread");
        target.Words.Add(0xffffce0e5b04dcf0 + (ulong)offset, 0xffffab06b8121080);
        using CommandSession session = new(target);

        string text = ForgedFolder.Run(session, "!lpcwait");
        JsonElement notShown = ForgedFolder.RunJson(session, "!lpcwait").GetProperty("notShown").EnumerateArray().Single();

        Assert.That(text, Does.StartWith(
            "no thread waits for the reply to a message\nnot shown: thread ffffab06b1b28800 of svchost.exe 3a4: its message"));
        Assert.That(Text(notShown, "what"), Is.EqualTo("thread ffffab06b1b28800"));
        Assert.That(Text(notShown, "why"), Is.EqualTo("its message ffffce0e5b04dcf0 names another waiting thread (ffffab06b8121080)"));
    }

    [Test]
    public void What_is_no_message_is_said_with_what_was_looked_at()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        Assert.Multiple(() =>
        {
            Assert.That(ForgedFolder.Run(session, "!msg ffffab06b8121080"),
                Is.EqualTo("thread ffffab06b8121080 of explorer.exe c1c waits for the reply to no message\n"));
            Assert.That(ForgedFolder.Run(session, "!msg ffffab06b8137800"), Does.StartWith("ffffab06b8137800 is the process explorer.exe c1c"));
            Assert.That(ForgedFolder.Run(session, "!msg ffffab06b853c540"),
                Is.EqualTo("ffffab06b853c540 is a connection port; see !lpcports ffffab06b853c540\n"));
            Assert.That(ForgedFolder.Run(session, "!msg ffffab06b8137a00"), Is.EqualTo(
                "ffffab06b8137a00 is no message: no thread that it names waits for it, and none of its three ports is a port\n"));
            Assert.That(ForgedFolder.Run(session, "!msg ffffab06b8137a01"), Does.EndWith("it is no address of a kernel object\n"));
            Assert.That(ForgedFolder.Run(session, "!msg ffff900000001000"), Does.EndWith("it is not in the dump\n"));
            Assert.That(() => ForgedFolder.Run(session, "!msg"), Throws.TypeOf<CommandUsageException>());
            Assert.That(() => ForgedFolder.Run(session, "!msg 12345"), Throws.TypeOf<CommandUsageException>());
            Assert.That(RunQ(session, "!msg /q ffffab06b1b28800"), Is.EqualTo("ffffce0e5b04dcf0\n"));
            Assert.That(RunQ(session, "!msg /q ffffab06b8137a00"), Is.Empty);
        });
    }

    [TestCase("!lpcwait")]
    [TestCase("!lpcports")]
    [TestCase("!msg ffffab06b1b28800")]
    public void A_dump_without_the_system_is_declined(string line)
    {
        using ForgedFolder forged = new("crash-triage");
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, line), Throws.TypeOf<CommandDeclinedException>()
            .With.Message.EndsWith("this kind of dump holds no messages and no ports"));
    }

    private static string RunQ(CommandSession session, string line)
    {
        CommandArguments arguments = CommandArguments.Parse(line);
        return string.Concat(CommandTable.Require(arguments).Run(session, arguments).Addresses.Select(a => $"{a:x16}\n"));
    }

    private static string? Text(JsonElement element, string property) => element.GetProperty(property).GetString();
}
