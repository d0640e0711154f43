using System.Text.Json;
using System.Text.RegularExpressions;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Tests.Matrix;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!lpcports</c> on systems whose ports are known.</summary>
public partial class PortCommandTests
{
    /// <summary>The published output of <c>!kdexts.alpc /lpp ffffe00100fda900</c>.</summary>
    private const string Created = """
        ffffe00101505e40 0 ->ffffe001014f2bb0 0 ffffe000ffda2080('svchost.exe')
        ffffe001015474a0 0 ->ffffe00101547910 0 ffffe000ffd736c0('svchost.exe')
        ffffe001015ac7f0 0 ->ffffe001015aca20 0 ffffe000fffe3900('svchost.exe')
        ffffe001091b5e40 0 ->ffffe00101fdba80 0 ffffe001091e3300('dllhost.exe')
        ffffe001012e3780 0 ->ffffe0010a9b0e40 0 ffffe00101fca900('rdpclip.exe')
        """;

    private const string ConnectedTo = """
        ffffe000fffaa330 0 -> ffffe000fe6fdda0('ApiPort') 0 ffffe000ffcde080('csrss.exe')
        ffffe000ffd4edb0 0 -> ffffe000fffe8900('ThemeApiPort') 0 ffffe000fe6a5900('svchost.exe')
        ffffe000ffb494c0 0 -> ffffe000ffdbc1e0('LSMApi') 20 ffffe000ffd736c0('svchost.exe')
        ffffe001014c7570 0 -> ffffe000ffd608a0('lsasspirpc') 0 ffffe000ffd4c900('lsass.exe')
        ffffe001015059e0 0 -> ffffe000ffd9a8c0('epmapper') 0 ffffe000ffda2080('svchost.exe')
        ffffe00101508e40 0 -> ffffe000fffcee40('DwmApiPort') 0 ffffe000ffdd8840('dwm.exe')
        ffffe00101537070 0 -> ffffe000ffd78c10('ntsvcs') 38 ffffe000ffcae900('services.exe')
        ffffe00101549c70 0 -> ffffe000fef70070('PdcPort') 0 ffffe000fe69d040('System')
        ffffe001015415b0 0 -> ffffe000ffd9c090('actkernel') 0 ffffe000ffd736c0('svchost.exe')
        ffffe00101555e40 0 -> ffffe000fef70070('PdcPort') 0 ffffe000fe69d040('System')
        ffffe00101527d70 0 -> ffffe001001b7e40('FontCachePort') 0 ffffe000fffe3900('svchost.exe')
        ffffe001013d7cd0 0 -> ffffe000ffda89e0('umpo') 0 ffffe000ffd736c0('svchost.exe')
        ffffe000ffdafe40 0 -> ffffe000fef70070('PdcPort') 0 ffffe000fe69d040('System')
        ffffe000ffd80660 0 -> ffffe001014e5c80('webcache_{7329ea82-0845-4e4c-bd18-02b67ac065cc}_S-1-5-21-2726512140-888677503-3125549036-1001') 0 ffffe001014d4900('dllhost.exe')
        ffffe000ffd1be40 0 -> ffffe000ffb22090('OLE9F792F2B42A5C2F467737E8AEF83') 0 ffffe001014d4900('dllhost.exe')
        ffffe000ffcb7a30 0 -> ffffe000fffcee40('DwmApiPort') 0 ffffe000ffdd8840('dwm.exe')
        ffffe001014fb840 0 -> ffffe000fffe5e40('OLE613E2E13198237E01302C92BBC53') 0 ffffe000fffe3900('svchost.exe')
        ffffe001014c9cf0 0 -> ffffe000fffc7e40('eventlog') 30 ffffe000fe6a7900('svchost.exe')
        ffffe00101526a30 0 -> ffffe000fef70070('PdcPort') 0 ffffe000fe69d040('System')
        ffffe001015cc380 0 -> ffffe001015eca50('msctf.serverDefault1') 0 ffffe000fe73e080('taskhostex.exe')
        ffffe001016193d0 0 -> ffffe001015eca50('msctf.serverDefault1') 0 ffffe000fe73e080('taskhostex.exe')
        ffffe0010161ca50 0 -> ffffe001015eca50('msctf.serverDefault1') 0 ffffe000fe73e080('taskhostex.exe')
        ffffe0010161a770 0 -> ffffe001015eca50('msctf.serverDefault1') 0 ffffe000fe73e080('taskhostex.exe')
        ffffe0010165a070 0 -> ffffe001015eca50('msctf.serverDefault1') 0 ffffe000fe73e080('taskhostex.exe')
        ffffe00101608e40 0 -> ffffe000fe9a82c0('SessEnvPrivateRpc') 0 ffffe000fe6a5900('svchost.exe')
        ffffe001096c76b0 0 -> ffffe001015eca50('msctf.serverDefault1') 0 ffffe000fe73e080('taskhostex.exe')
        ffffe001096658d0 0 -> ffffe001090c32b0('OLE2B514DB3A33CF461692869C92314') 0 ffffe001091e3300('dllhost.exe')
        ffffe0010afd4700 0 -> ffffe00100b4c1a0('TermSrvApi') 0 ffffe000fe9c3640('svchost.exe')
        ffffe0010ac22e40 0 -> ffffe001015eca50('msctf.serverDefault1') 0 ffffe000fe73e080('taskhostex.exe')
        ffffe001093a46b0 0 -> ffffe000ffd944b0('OLE6FAB873CEB8A01A900BB6C89EA7E') 0 ffffe00101fca900('rdpclip.exe')
        ffffe00100f51660 0 -> ffffe00100e50090('OLE5BB8085653D110B414538A51314E') 0 ffffe001019f3900('TSTheme.exe')
        """;

    private const ulong Port = 0xffffab06b853c540, Message = 0xffffce0e5b04dcf0;

    private static readonly string[] s_layouts =
        ["6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.22000"];

    [GeneratedRegex(@"^(?<client>\w+) (?<owed>\d+) ->\s?(?<port>\w+)(\('(?<name>[^']+)'\))? (?<figure>\d+) (?<process>\w+)\('(?<image>[^']+)'\)$")]
    private static partial Regex TranscriptLine();

    /// <summary>In the build that the transcript is of every address is its own.</summary>
    [Test]
    public void Ports_of_a_process_show_every_address_name_and_figure_of_the_published_transcript_in_its_order()
    {
        using ForgedFolder forged = new("explorer-desktop", "6.3.9600");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!lpcports ffffe00100fda900");

        string[] lines = text.Split('\n');
        int at = Array.FindIndex(lines, l => l.StartsWith("Ports created by the process explorer.exe c8c  ffffe00100fda900", StringComparison.Ordinal));
        Assert.That(at, Is.Zero);
        Assert.That(lines[3], Does.Match(@"^  ffffe001014fab00 +0 +0 OLE68D95701484F75BAC07FBACD02B9 +5 connections$"));
        at = 4;
        foreach (Match m in Created.Split('\n').Select(l => TranscriptLine().Match(l.Trim())))
            Assert.That(lines[at++], Does.Match($@"^    {m.Groups["client"]} +0 +{m.Groups["owed"]} -> {m.Groups["port"]} +0 +" +
                $@"{m.Groups["figure"]} {m.Groups["process"]} {Regex.Escape(m.Groups["image"].Value)} [0-9a-f]+$"));
        Assert.That(lines[at++], Is.Empty);
        Assert.That(lines[at], Does.StartWith("Ports the process explorer.exe c8c is connected to"));
        at += 3;
        foreach (Match m in ConnectedTo.Split('\n').Select(l => TranscriptLine().Match(l.Trim())))
        {
            // A name of 94 characters is cut in its middle.
            string name = m.Groups["name"].Length > 40 ? @"webcache_\{7329e\w*~[-\d]+-1001" : Regex.Escape(m.Groups["name"].Value);
            Assert.That(lines[at++], Does.Match($@"^{m.Groups["client"]} +0 +{m.Groups["owed"]} {m.Groups["port"]} {name} +0 +" +
                $@"{m.Groups["figure"]} {m.Groups["process"]} {Regex.Escape(m.Groups["image"].Value)} [0-9a-f]+$"));
        }
        Assert.That(lines[at], Is.Empty, "nothing but what the transcript has");
        Assert.That(text, Does.Contain("1 port created with 5 connections, connected to 31 ports"));
        Assert.That(lines.Max(l => l.Length), Is.LessThanOrEqualTo(120));
    }

    /// <summary>In other builds some of the addresses are others; names, figures and order are the same.</summary>
    [TestCaseSource(nameof(s_layouts))]
    public void Ports_of_a_process_are_the_same_in_every_build(string layout)
    {
        using ForgedFolder forged = new("explorer-desktop", layout);
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, "!lpcports ffffe00100fda900");

        JsonElement port = report.GetProperty("ports").EnumerateArray().Single();
        Match[] created = [.. Created.Split('\n').Select(l => TranscriptLine().Match(l.Trim()))];
        Match[] connected = [.. ConnectedTo.Split('\n').Select(l => TranscriptLine().Match(l.Trim()))];
        Assert.Multiple(() =>
        {
            Assert.That(connected, Has.Length.EqualTo(31));
            Assert.That(Text(port.GetProperty("port"), "name"), Is.EqualTo("OLE68D95701484F75BAC07FBACD02B9"));
            Assert.That(port.GetProperty("connections").EnumerateArray().Select(c => Text(c.GetProperty("client"), "owner")),
                Is.EqualTo(created.Select(m => $"0x{m.Groups["process"]}")));
            Assert.That(report.GetProperty("connectedTo").EnumerateArray().Select(c => c.GetProperty("connectionPort")).Select(p =>
                (Text(p, "name"), p.GetProperty("replyOwed").GetInt32(), Text(p, "owner"))),
                Is.EqualTo(connected.Select(m => (m.Groups["name"].Value, int.Parse(m.Groups["figure"].Value), $"0x{m.Groups["process"]}"))));
            Assert.That(Text(report, "problem"), Is.Null);
        });
    }

    [TestCaseSource(nameof(s_layouts))]
    public void Ports_with_waiting_threads_are_listed_with_the_longest_wait(string layout)
    {
        using ForgedFolder forged = new("alpc-four-processes", layout);
        using CommandSession session = forged.Open();

        JsonElement[] ports = [.. ForgedFolder.RunJson(session, "!lpcports").GetProperty("ports").EnumerateArray()];

        Assert.That(ports.Select(p => (Text(p.GetProperty("port"), "name"), Text(p.GetProperty("port"), "process"),
            p.GetProperty("waiting").GetInt32(), Text(p, "longest"), p.GetProperty("port").GetProperty("replyOwed").GetInt32())), Is.EqualTo(new[]
            {
                ("IUserProfile2", "svchost.exe", 1, "1m:36.500", 1), ("gpsvc", "svchost.exe", 1, "1m:36.000", 1),
                ("lsasspirpc", "lsass.exe", 1, "1m:35.500", 1),
            }));
    }

    [Test]
    public void Quiet_ports_are_listed_when_all_are_asked_for()
    {
        using ForgedFolder forged = new("explorer-desktop", "6.3.9600");
        using CommandSession session = forged.Open();

        string some = ForgedFolder.Run(session, "!lpcports"), all = ForgedFolder.Run(session, "!lpcports -a");

        // Explorer's own port and the 21 different ones that it is connected to; three of those hold messages.
        Assert.That(some, Does.Contain("3 of 22 connection ports with waiting threads or messages; -a lists all"));
        Assert.That(some, Does.Match("ntsvcs +0 +38 .*\n.*eventlog +0 +30 .*\n.*LSMApi +0 +20 "), "the fullest first");
        Assert.That(all, Does.Contain("msctf.serverDefault1").And.Contain("22 connection ports"));
        Assert.That(all.Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120));
    }

    [TestCaseSource(nameof(s_layouts))]
    public void One_port_tells_its_messages_its_connections_and_its_busy_threads(string layout)
    {
        using ForgedFolder forged = new("alpc-not-listening", layout);
        using CommandSession session = forged.Open();
        JsonElement[] links = [.. forged.Truth.GetProperty("chains")[0].GetProperty("links").EnumerateArray()];
        string port = Text(ForgedFolder.RunJson(session, $"!msg {Text(links[1], "address")}").GetProperty("message"), "queuePort")!;

        JsonElement one = ForgedFolder.RunJson(session, $"!lpcports {port}").GetProperty("ports").EnumerateArray().Single();
        string text = ForgedFolder.Run(session, $"!lpcports {port}");

        Assert.Multiple(() =>
        {
            Assert.That(Text(one.GetProperty("port"), "kind"), Is.EqualTo("connection"));
            Assert.That(Text(one.GetProperty("port"), "owner"), Is.EqualTo(Text(links[2], "address")));
            Assert.That(one.GetProperty("messages").EnumerateArray().Select(m => Text(m, "address")), Is.EqualTo(new[] { Text(links[1], "address") }));
            Assert.That(one.GetProperty("connections").GetArrayLength(), Is.EqualTo(1));
            Assert.That(one.GetProperty("servingThreads").GetArrayLength(), Is.EqualTo(8));
            Assert.That(one.GetProperty("freeThreads").GetInt32(), Is.Zero);
            Assert.That(text, Does.Contain("8 threads serve it, none free").And.Contain("8 threads for its messages, 8 at work"));
        });
        JsonElement connection = one.GetProperty("connections")[0];
        foreach (string end in (string[])["server", "client"])
        {
            string address = Text(connection.GetProperty(end), "address")!;
            JsonElement other = ForgedFolder.RunJson(session, $"!lpcports {address}").GetProperty("ports")[0].GetProperty("port");
            Assert.That(Text(other, "kind"), Is.EqualTo(end));
            Assert.That(Text(other, "connectionPort"), Is.EqualTo(port));
        }
    }

    [Test]
    public void Threads_that_wait_for_a_ports_queue_or_at_the_port_itself_are_free()
    {
        SystemBuilder system = ScenarioSet.Build("logoff-hang", KernelLayout.BuiltIn("10.0.19041"));
        ProcessBuilder csrss = system.Processes.First(p => p.Name == "csrss.exe");
        KernelStruct port = system.Alpc.ConnectionPort(csrss, @"\Windows\TestPort");
        ThreadBuilder[] receivers = new ThreadBuilder[3];
        for (uint i = 0; i < receivers.Length; i++)
        {
            ThreadBuilder receiver = receivers[i] = csrss.AddThread(0x3f00 + 4 * i).Stack("nt!KiSwapContext+0x76\nnt!KiSwapThread+0x17d\n");
            receiver.Waiting("WrLpcReceive", userMode: true, TimeSpan.FromSeconds(1), receiver.AlpcSemaphore);
            system.Kernel.AppendToList(port.At("WaitQueue"), receiver.Struct.At("AlpcWaitListEntry"));
        }
        // What is left of an earlier wait in the list entry of a thread that waits for a reply now is no receiver.
        ThreadBuilder other = csrss.AddThread(0x3f80).Stack("nt!KiSwapContext+0x76\nnt!KiSwapThread+0x17d\n");
        other.Waiting("WrLpcReply", userMode: true, TimeSpan.FromSeconds(1), other.AlpcSemaphore);
        system.Kernel.AppendToList(port.At("WaitQueue"), other.Struct.At("AlpcWaitListEntry"));
        port.Set("WaitQueueLength", (ulong)receivers.Length);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement one = ForgedFolder.RunJson(session, $"!lpcports {port.Address:x}").GetProperty("ports")[0];

        Assert.That(one.GetProperty("servingThreads").EnumerateArray().Select(t => t.GetString()),
            Is.EqualTo(receivers.Select(t => $"0x{t.Address:x16}")));
        Assert.That(one.GetProperty("freeThreads").GetInt32(), Is.EqualTo(3));
        Assert.That(one.GetProperty("port").GetProperty("receivers").GetInt32(), Is.EqualTo(3));
    }

    /// <summary>Five idle workers wait for the queue of the port that holds the message.</summary>
    [Test]
    public void A_port_with_a_message_and_idle_workers_says_so()
    {
        using ForgedFolder forged = new("server-silent");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!lpcwait"), Does.Contain("port quietsvc: 5 threads serve it, 5 free"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Without_the_kernels_list_ports_are_reached_from_messages_and_connections(bool isDamaged)
    {
        SystemBuilder system = ScenarioSet.Build("logoff-hang", KernelLayout.BuiltIn("10.0.14393"));
        ProcessBuilder explorer = system.Processes.First(p => p.Address == 0xffffab06b8137800), client = system.Processes.First(p => p.Name == "lsass.exe");
        AlpcConnection[] further = [system.Alpc.Connect(client, explorer, system.Struct("_ALPC_PORT", Port)),
            system.Alpc.Connect(client, explorer, system.Struct("_ALPC_PORT", Port))];
        ulong head = system.Variables["AlpcpPortList"];
        using ForgedFolder forged = new(system);
        using CommandSession opened = forged.Open();
        OverlaidTarget target = new(opened.Windows.Target);
        if (isDamaged)
        {
            target.Words.Add(head, 0x1234);
            target.Words.Add(head + 8, 0xffffab06deadbee8);
        }
        else
            target.HiddenSymbol = "AlpcpPortList";
        using CommandSession session = new(target);

        JsonElement report = ForgedFolder.RunJson(session, "!lpcports");

        JsonElement listed = report.GetProperty("ports").EnumerateArray().Single();
        Assert.That(Text(listed.GetProperty("port"), "address"), Is.EqualTo($"0x{Port:x16}"));
        Assert.That(listed.GetProperty("connections").GetArrayLength(), Is.EqualTo(3));
        Assert.That(listed.GetProperty("connections").EnumerateArray().Select(c => Text(c.GetProperty("client"), "address")),
            Is.SupersetOf(further.Select(c => $"0x{c.ClientPort.Address:x16}")));
        Assert.That(Text(report, "problem"), isDamaged
            ? Does.StartWith("the kernel's list of ports is damaged: the entry at").And.Contain("1234, which is no kernel address")
            : Does.StartWith("the kernel's symbols do not have its list of ports (AlpcpPortList)"));
        Assert.That(ForgedFolder.Run(session, "!lpcports"), Does.Contain(Text(report, "problem")!.Split(':')[0]));
    }

    [Test]
    public void A_broken_queue_costs_its_messages_and_is_told()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession opened = forged.Open();
        OverlaidTarget target = new(opened.Windows.Target);
        target.Words.Add(Port + (ulong)KernelLayout.BuiltIn("10.0.14393").Offset("_ALPC_PORT", "MainQueue"), 0x1234);
        target.Words.Add(Port + (ulong)KernelLayout.BuiltIn("10.0.14393").Offset("_ALPC_PORT", "MainQueue") + 8, 0x1234);
        using CommandSession session = new(target);

        JsonElement one = ForgedFolder.RunJson(session, $"!lpcports {Port:x}").GetProperty("ports")[0];

        JsonElement message = one.GetProperty("messages").EnumerateArray().Single();
        Assert.That(Text(message, "address"), Is.EqualTo($"0x{Message:x16}"), "its sender waits for it all the same");
        Assert.That(Text(message, "state"), Is.EqualTo("nowhere"));
        Assert.That(session.System.Unknowns.Select(u => $"{u.What}: {u.Why}"),
            Has.Some.StartsWith($"some messages at port {Port:x16}: its main queue is damaged"));
    }

    /// <summary>
    /// Seeded damage to messages, ports and threads: every command answers, and what it lists as waiting did wait before or is a
    /// thread into whose fields a blow went.
    /// </summary>
    [TestCase("alpc-four-processes", "10.0.19041")]
    [TestCase("alpc-not-listening", "6.1.7601")]
    public void Damage_is_survived_and_makes_no_waiting_thread(string scenario, string layout)
    {
        const int Seeds = 200;
        SystemBuilder system = ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout));
        using ForgedFolder forged = new(system);
        using CommandSession opened = forged.Open();
        string[] whole = Waiting(opened);
        OverlaidTarget target = new(opened.Windows.Target);
        WaitDamage damage = new(system, system.Pool.Blocks.Count, new HashSet<ulong>());
        int changed = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            damage.Strike(new Random(seed), target.Words);
            using CommandSession session = new(target);
            string what = $"seed {seed}: " + string.Join(", ", target.Words.Select(w => $"{w.Key:x16} = {w.Value:x16}"));

            string[] waiting = Waiting(session);
            string text = ForgedFolder.Run(session, "!lpcports -a") + ForgedFolder.Run(session, "!lpcports") + ForgedFolder.Run(session, "!lpcwait");
            foreach (string thread in waiting)
                text += ForgedFolder.Run(session, $"!msg {thread}");

            Assert.That(waiting.Except(whole).Where(t => !IsStruck(Convert.ToUInt64(t, 16), target.Words)), Is.Empty, what);
            Assert.That(text, Is.Not.Empty, what);
            changed += waiting.SequenceEqual(whole) ? 0 : 1;
        }
        Assert.That(changed, Is.GreaterThan(Seeds / 50), "damage that shows");

        bool IsStruck(ulong thread, Dictionary<ulong, ulong> words) =>
            words.Keys.Any(at => at - thread < (ulong)system.Layout.Size("_ETHREAD"));
    }

    private static string[] Waiting(CommandSession session) => [.. ForgedFolder.RunJson(session, "!lpcwait").GetProperty("servers").EnumerateArray()
        .SelectMany(s => s.GetProperty("waiting").EnumerateArray())
        .Select(w => Text(w.GetProperty("message").GetProperty("waiter"), "thread")!)];

    [Test]
    public void Addresses_without_a_port_are_refused_and_identifiers_mean_processes()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        Assert.Multiple(() =>
        {
            Assert.That(() => ForgedFolder.Run(session, "!lpcports ffffab06b8121080"), Throws.TypeOf<CommandUsageException>()
                .With.Message.Contain("neither a process nor a port"));
            Assert.That(() => ForgedFolder.Run(session, "!lpcports 12345"), Throws.TypeOf<CommandUsageException>());
            Assert.That(ForgedFolder.Run(session, "!lpcports c1c"), Is.EqualTo(ForgedFolder.Run(session, "!lpcports ffffab06b8137800")));
            Assert.That(ForgedFolder.Run(session, "!lpcports c1c"), Does.Match(
                @"ffffab06b853c540 +1 +1m:25\.406 ffffab06b1b28800 svchost\.exe 3a4 ffffce0e5b04dcf0 queued"), "the oldest waiting sender");
            Assert.That(ForgedFolder.Run(session, "!lpcports 3a4"), Does.Contain("0 ports created with 0 connections, connected to 1 port"));
        });
    }

    private static string? Text(JsonElement element, string property) => element.GetProperty(property).GetString();
}
