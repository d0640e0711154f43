using System.Text.Json;
using HangAnalysis.Cli.Prompting;
using HangAnalysis.Commands;
using HangAnalysis.Model;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Commands;

/// <summary>A system that is not Windows is served by the same commands, and nothing of Windows is said of it.</summary>
public class OtherSystemTests
{
    /// <summary>What only Windows has, or only people of its debugger say.</summary>
    private const string WindowsWord =
        @"(?i)nt!|\bIRQL\b|\bDPCs?\b|\bIRPs?\b|\bA?LPC\b|EPROCESS|ETHREAD|ERESOURCE|\bmutant\b|bug check|Windows|WinDbg|\.exe\b|" +
        @"\.sys\b|foreach|debugger|!lpc|!irps|!msg|redirector|deferred procedure|DISPATCH_LEVEL|0n\d";

    private static readonly string[] s_lines =
    [
        "!hangwhy", "!hangwhy -v", "!hangwhy -all", "!why", "!why 96", "!why -v 110", "!us -k", "!us -k -3", "!us -k -t",
        "!us -p 96", "!us -cpu", "!us -stats 96 -k", "!us -k -w -wr mutex -s D -b", "!us -k abba_take_b -e nothing", "!running",
        "!running -i -v", "!cpus", "!cpus -v",
        "!owners", "!owners 96", "!owners ffffffffc0a3e080", "!owners -k mutex", "!deadlocks", "!fems -k abba_take_b !why",
        "!hahelp", "!hahelp stack",
    ];

    private static IEnumerable<string> HelpLines => CommandTable.Linux.All.Concat(CommandTable.Esxi.All)
        .Select(c => c.Help.Name).Distinct().Select(n => $"!hahelp {n}");

    [TestCaseSource(nameof(s_lines))]
    [TestCaseSource(nameof(HelpLines))]
    public void Nothing_of_windows_is_said(string line)
    {
        using CommandSession session = new OtherSystem { Stop = HungTask() }.Open();

        Assert.That(ForgedFolder.Run(session, line), Is.Not.Empty.And.Not.Match(WindowsWord));
    }

    [TestCaseSource(nameof(s_lines))]
    public void Json_says_nothing_of_windows_and_has_numbers_for_identifiers(string line)
    {
        using CommandSession session = new OtherSystem { Stop = HungTask() }.Open();
        CommandArguments arguments = session.Parse(line);
        string json = session.Commands.Require(arguments).Run(session, arguments).Json();

        // Names of properties are the contract's, whatever the system.
        Assert.That(string.Join('\n', Values(JsonDocument.Parse(json).RootElement)), Does.Not.Match(WindowsWord));
        Assert.That(json, Does.Not.Match("\"(pid|tid)\": \""));
    }

    [Test]
    public void The_verdict_names_tasks_and_frames_as_linux_does()
    {
        using CommandSession session = new OtherSystem { Stop = HungTask() }.Open();
        string text = ForgedFolder.Run(session, "!hangwhy -v");

        Assert.That(text, Does.StartWith("HANG  "));
        Assert.That(text, Does.Contain("abba-ka (96) and abba-kb (97) wait for each other in a circle"));
        Assert.That(text, Does.Contain("sh 110  thread ffff88810123c000").And.Contain("└─ abba-ka 96  thread ffff888101234000"));
        Assert.That(text, Does.Match(@"(?m) abba_take_b\+0x35 \[abba\]$").And.Match(@"(?m) __mutex_lock\.constprop\.0\+0x35$"));
    }

    [Test]
    public void Commands_that_are_proposed_are_commands_of_the_system()
    {
        using CommandSession session = new OtherSystem().Open();
        string next = ForgedFolder.Run(session, "!hangwhy").Split('\n').Single(l => l.StartsWith("Next ", StringComparison.Ordinal));

        foreach (string command in next[4..].Split(" · "))
            Assert.That(session.Commands.Has(command.Trim()), Is.True, command);
        Assert.That(next, Does.Contain("!us -p ffff8881").And.Contain("!deadlocks"));
    }

    [Test]
    public void What_was_recorded_of_the_stop_stands_in_labelled_lines()
    {
        StopFacts oops = new("Oops 0002: NULL pointer dereference", false, "write to 0000000000000010", 0xffff_ffff_c0a3_c135)
        {
            Record = "Oops: Oops: 0002 [#1] SMP NOPTI",
            Evidence =
            [
                ("Error code", Phrase.Of("0x2: a write, in the kernel, to a page that is not there")),
                ("Instruction", Phrase.Of("mov dword ptr [rax+10h],1")),
                ("Log", Phrase.Of("BUG: kernel NULL pointer dereference, address: 0000000000000010")),
                ("Log", Phrase.Of("Call Trace:")),
            ],
        };
        using CommandSession session = new OtherSystem { Stop = oops }.Open();
        string text = ForgedFolder.Run(session, "!hangwhy");
        JsonElement json = ForgedFolder.RunJson(session, "!hangwhy");

        Assert.That(text, Does.StartWith("CRASH  the system stopped by itself: Oops 0002: NULL pointer dereference: write to 0000"));
        Assert.That(text, Does.Contain("\nOops: Oops: 0002 [#1] SMP NOPTI; 12 kernel modules\n"));
        Assert.That(text, Does.Contain("\nError code  0x2: a write").And.Contain("\nInstruction mov dword").And
            .Contain("\nLog         BUG: kernel NULL").And.Contain("\n            Call Trace:\n"));
        Assert.That(json.GetProperty("dump").GetProperty("stop").GetProperty("title").GetString(), Is.EqualTo(oops.Title));
        Assert.That(json.GetProperty("dump").GetProperty("bugcheck").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(json.GetProperty("evidence").EnumerateArray().Select(e => e.GetProperty("label").GetString()),
            Is.EqualTo(new[] { "Error code", "Instruction", "Log", "Log" }));
    }

    [TestCase("96", 0xffff888101234000)]
    [TestCase("ffff888101234000", 0xffff888101234000)]
    [TestCase("0xffff888101234000", 0xffff888101234000)]
    public void A_short_decimal_number_is_an_identifier(string word, ulong address)
    {
        using CommandSession session = new OtherSystem().Open();

        Assert.That(session.FindThread(word).Address.Value, Is.EqualTo(address));
        Assert.That(session.FindProcess(word).Address.Value, Is.EqualTo(address));
    }

    [TestCase("!why 60", "no thread has the identifier 60")]
    [TestCase("!why 0x60", "no thread has the address or the identifier")]
    [TestCase("!us -p 60", "no process has the identifier 60")]
    public void Identifiers_are_not_taken_for_hexadecimal(string line, string expected)
    {
        using CommandSession session = new OtherSystem().Open();

        Assert.That(() => ForgedFolder.Run(session, line), Throws.TypeOf<CommandUsageException>().With.Message.Contains(expected));
    }

    [TestCase("!lpcports", "!lpcports is about ALPC ports, which Linux does not have; see !hahelp")]
    [TestCase("!irps", "!irps is about requests to drivers (IRPs), which Linux does not have; see !hahelp")]
    [TestCase("!hahelp !msg", "!msg is about ALPC messages, which Linux does not have; see !hahelp")]
    [TestCase("!fems -k abba !lpcchain", "!lpcchain is about ALPC messages, which Linux does not have; see !hahelp")]
    public void Commands_of_windows_are_declined(string line, string expected)
    {
        using CommandSession session = new OtherSystem().Open();

        Assert.That(() => ForgedFolder.Run(session, line),
            Throws.TypeOf<CommandDeclinedException>().With.Message.EqualTo(expected));
    }

    [Test]
    public void A_command_that_a_system_lacks_is_no_unknown_command() =>
        Assert.That(() => CommandTable.Esxi.Require(CommandArguments.Parse("!fems", CommandTable.Esxi)),
            Throws.TypeOf<CommandDeclinedException>().With.Message.EqualTo("!fems is not there for ESXi; see !hahelp"));

    [Test]
    public void An_unknown_command_is_told_which_there_are()
    {
        using CommandSession session = new OtherSystem().Open();

        Assert.That(() => ForgedFolder.Run(session, "!zebra"), Throws.TypeOf<CommandUsageException>()
            .With.Message.Contains("!hangwhy, !why, !us").And.Message.Not.Contains("!lpcports"));
    }

    [Test]
    public void Tab_offers_the_commands_of_the_system()
    {
        using CommandSession session = new OtherSystem().Open();
        PromptCompleter completer = new(session, new SeenAddresses());

        Assert.That(completer.Complete("!").Candidates.Select(c => c.Text),
            Is.EquivalentTo(CommandTable.Linux.All.Select(c => "!" + c.Help.Name)));
        Assert.That(completer.Complete("lpc").Candidates, Is.Empty);
    }

    [TestCase("!us -k -s Z", "'Z' is no state; there are D, R")]
    [TestCase("!us -k -wr X", "'X' is no wait reason; there are mutex")]
    [TestCase("!why abc!x", "no address and no identifier")]
    public void What_is_wrong_is_said_in_the_system_s_words(string line, string expected)
    {
        using CommandSession session = new OtherSystem().Open();

        Assert.That(() => ForgedFolder.Run(session, line), Throws.TypeOf<CommandUsageException>()
            .With.Message.Contains(expected).And.Message.Not.Match(WindowsWord));
    }

    [Test]
    public void What_knows_windows_only_declines_another_system()
    {
        using CommandSession session = new OtherSystem().Open();

        Assert.That(() => session.Windows, Throws.TypeOf<CommandDeclinedException>());
        Assert.That(() => session.RequireWindows("lpcwait"), Throws.TypeOf<CommandDeclinedException>()
            .With.Message.Contains("ALPC messages, which Linux does not have"));
    }

    private static StopFacts HungTask() => new("panic: hung_task: blocked tasks", true, "a task was blocked for too long", 0)
    {
        Record = "Kernel panic - not syncing: hung_task: blocked tasks",
        Evidence = [("Log", Phrase.Of("INFO: task abba-ka:96 blocked for more than 122 seconds."))],
    };

    private static IEnumerable<string> Values(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => Values(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Values),
        JsonValueKind.String => [element.GetString()!],
        _ => [],
    };
}
