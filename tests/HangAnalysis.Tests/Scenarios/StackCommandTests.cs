using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Reports;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!us</c> on a process of known threads, stacks and times: which are grouped, chosen, counted, left out.</summary>
public class StackCommandTests
{
    private const string Wait = """
        nt!KiSwapContext+0x76
        nt!KiSwapThread+0x17d
        nt!KiCommitThreadWait+0x14f
        nt!KeWaitForSingleObject+0x377

        """;

    private const string FromSystem = """
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    /// <summary>Addresses of four threads that differ in everything but their stack, by the seconds in their state.</summary>
    private readonly Dictionary<int, string> _crowd = [];
    private string _backup = "", _vendor = "", _nobody = "", _process = "";

    [TestCase("6.1.7601")]
    [TestCase("6.3.9600")]
    [TestCase("10.0.14393")]
    [TestCase("10.0.17763")]
    [TestCase("10.0.19041")]
    [TestCase("10.0.22000")]
    public void Equal_stacks_are_one_group_the_rarest_first_and_each_reason_for_a_missing_stack_is_counted(string layout)
    {
        using ForgedFolder forged = Forge(layout);
        using CommandSession session = forged.Open();

        string[] lines = ForgedFolder.Run(session, "!us -p 7770").Split('\n');

        string[] headers = [.. lines.Where(l => l.Contains("[stats]", StringComparison.Ordinal))];
        Assert.That(headers, Is.EqualTo(new[]
        {
            // Of groups of equal size the longest wait first; in a group the longest wait first.
            $"1 thread [stats]: {_backup}",
            $"1 thread [stats]: {_vendor}",
            $"1 thread [stats]: {_nobody}",
            $"4 threads [stats]: {_crowd[40]} {_crowd[30]} {_crowd[20]} {_crowd[10]}",
        }));
        Assert.That(lines[1], Does.Match("^    [0-9a-f]{16} nt!KiSwapContext\\+0x76$"));
        Assert.That(lines[^5..], Is.EqualTo(new[]
        {
            "",
            "4 stack(s) with 7 threads displayed (10 Total threads)",
            "2 stack(s) were not displayed because the kernel stack is paged out",
            "1 stack(s) were not displayed because the thread has ended",
            "",
        }));
    }

    [TestCase("!us -p 7770 STEALTHFLT", 1, 1)]
    [TestCase("!us -p 7770 nt!KeWaitFor", 4, 7)]
    [TestCase("!us -p 7770 crowd vendor", 0, 0)]
    [TestCase("!us -p 7770 nt!Crowd nt!PspSystem", 1, 4)]
    [TestCase("!us -p 7770 -e crowd", 3, 3)]
    [TestCase("!us -p 7770 -r ^stealth|^nobody", 2, 2)]
    [TestCase("!us -p 7770 -r -e ^vendor.*2f00$|nt!Crowd", 2, 2)]
    [TestCase("!us -p 7770 ^stealth", 0, 0)]
    [TestCase("!us -p 7770 -3", 2, 2)]
    [TestCase("!us -p 7770 -3 vendor", 1, 1)]
    [TestCase("!us -p 7770 -wr WrQueue", 1, 1)]
    [TestCase("!us -p 7770 -wr WrQueue,wruserrequest -w", 1, 3)]
    [TestCase("!us -p 7770 -s Terminated", 0, 0)]
    [TestCase("!us -p 7770 -l 1", 1, 1)]
    [TestCase("!us -p 7770 -l 0", 0, 0)]
    public void Options_choose_among_stacks_and_threads(string line, int stacks, int threads)
    {
        using ForgedFolder forged = Forge("10.0.19041");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, line),
            Does.Contain($"{stacks} stack(s) with {threads} threads displayed (10 Total threads)\n"));
        Assert.That(Addresses(session, line), Has.Count.EqualTo(threads));
    }

    [TestCase("!us -p 7770 -w", "Threads matching filter: 9 out of 10")]
    [TestCase("!us -p 7770 nt!Crowd -l 0", "Threads matching filter: 4 out of 10")]
    [TestCase("!us -p 7770 nt!Crowd -l 0", "1 more stack(s) with 4 threads are beyond the limit (-l 0)")]
    [TestCase("!us -p 7770 -3",
        "1 more stack(s) with 1 threads have frames of which the dump does not tell whether they are of Windows: nobody")]
    [TestCase("!us -p 7770 -s Terminated", "1 stack(s) were not displayed because the thread has ended")]
    public void What_is_left_out_is_counted(string line, string expected)
    {
        using ForgedFolder forged = Forge("10.0.14393");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, line).Split('\n'), Does.Contain(expected));
    }

    [Test]
    public void Without_a_filter_none_is_spoken_of()
    {
        using ForgedFolder forged = Forge("10.0.14393");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!us -p 7770"), Does.Not.Contain("filter").And.Not.Contain("limit"));
    }

    [Test]
    public void By_wait_the_longest_is_first()
    {
        using ForgedFolder forged = Forge("10.0.14393");
        using CommandSession session = forged.Open();

        JsonElement groups = ForgedFolder.RunJson(session, "!us -p 7770 -sort wait").GetProperty("groups");

        Assert.That(groups.EnumerateArray().Select(g => g.GetProperty("longestWait").GetString()),
            Is.EqualTo(new[] { "1m:05.000", "40s.000", "35s.000", "5s.000" }));
    }

    [Test]
    public void The_link_to_figures_leads_to_the_same_threads_and_counts_them_by_state_and_reason()
    {
        using ForgedFolder forged = Forge("10.0.14393");
        using CommandSession session = forged.Open();
        string link = $"us -stats {_crowd[40]} -p {_process}";

        Assert.That(DmlOf(session, "!us -p 7770"), Does.Contain($"<exec cmd=\"!HangAnalysis.{link}\"><b>[stats]</b></exec>"));
        string[] lines = ForgedFolder.Run(session, $"!{link}").Split('\n');

        Assert.That(lines[0], Is.EqualTo($"4 threads: {_crowd[40]} {_crowd[30]} {_crowd[20]} {_crowd[10]}"));
        Assert.That(lines.Select(Words), Does.Contain($"Waiting WrUserRequest 2 20s.000 20s.000 30s.000 {_crowd[30]} 8-15 crowded.exe 7770")
            .And.Contain($"Waiting UserRequest 1 10s.000 10s.000 10s.000 {_crowd[10]} 8 crowded.exe 7770")
            .And.Contain($"Waiting WrQueue 1 40s.000 40s.000 40s.000 {_crowd[40]} 9 crowded.exe 7770"));
        Assert.That(lines.Select(Words).Count(l => l.StartsWith("crowded.exe 7770 ", StringComparison.Ordinal)), Is.EqualTo(4));
        Assert.That(lines, Does.Contain("4 of 10 threads have this stack"));
        Assert.That(Addresses(session, $"!{link}"),
            Is.EqualTo(_crowd.OrderByDescending(c => c.Key).Select(c => Convert.ToUInt64(c.Value, 16))));
        Assert.That(ForgedFolder.Run(session, $"!us -stats {_crowd[10]} -l 1"), Does.Contain("3 more are not listed (-l 1)"));
        // A filter of the list is one of the link: it leads to the threads that were shown.
        Assert.That(DmlOf(session, "!us -k -wr \"WrUserRequest, Executive\" -b -w crowd"), Does.Not.Contain("[stats]"));
        Assert.That(DmlOf(session, "!us -k -wr \"WrUserRequest, Executive\" -w crowd"),
            Does.Contain($"!HangAnalysis.us -stats {_crowd[30]} -k -w -wr WrUserRequest,Executive\">"));
        Assert.That(ForgedFolder.Run(session, $"!us -stats {_crowd[30]} -k -w -wr WrUserRequest,Executive"),
            Does.StartWith("2 threads: "));
    }

    [Test]
    public void The_figures_in_JSON_are_those_of_the_table()
    {
        using ForgedFolder forged = Forge("10.0.14393");
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, $"!us -stats {_crowd[20]}");

        Assert.That(report.GetProperty("groups").GetArrayLength(), Is.EqualTo(1));
        JsonElement row = report.GetProperty("groups")[0].GetProperty("statistics")[0];
        Assert.That(row.GetProperty("reason").GetString(), Is.EqualTo("WrUserRequest"));
        Assert.That(row.GetProperty("threads").GetInt32(), Is.EqualTo(2));
        Assert.That(row.GetProperty("median").GetString(), Is.EqualTo("20s.000"));
        Assert.That(row.GetProperty("highestPriority").GetInt32(), Is.EqualTo(15));
        Assert.That(row.GetProperty("processes")[0].GetProperty("pid").GetInt32(), Is.EqualTo(0x7770));
        Assert.That(report.GetProperty("tree").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public void The_tree_tells_common_calls_once()
    {
        using ForgedFolder forged = Forge("10.0.14393");
        using CommandSession session = forged.Open();

        string[] lines = ForgedFolder.Run(session, "!us -p 7770 -t -l 0").Split('\n');
        JsonElement tree = ForgedFolder.RunJson(session, "!us -p 7770 -t").GetProperty("tree");

        Assert.That(lines[..9], Is.EqualTo(new[]
        {
            "Calls in common, from the outermost function:",
            "   5 nt!KiStartSystemThread -> nt!PspSystemThreadStartup",
            "      4 nt!CrowdWorker -> nt!KeWaitForSingleObject",
            "      1 vendor -> nt!KeWaitForSingleObject",
            "   1 nobody (2 times) -> nt!KeWaitForSingleObject",
            "   1 stealthflt (2 times) -> nt!KeWaitForSingleObject",
            "",
            "==> 3 roots",
            "",
        }));
        Assert.That(tree.GetProperty("threads").GetInt32(), Is.EqualTo(7));
        Assert.That(tree.GetProperty("roots").GetInt32(), Is.EqualTo(3));
        Assert.That(tree.GetProperty("branches")[0].GetProperty("branches")[0].GetProperty("endingThreads").GetInt32(),
            Is.EqualTo(4));
    }

    [Test]
    public void Processors_are_one_group_without_figures_and_with_filters()
    {
        using ForgedFolder forged = new("idle");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!us -cpu"), Does.StartWith("4 threads: ").And.Not.Contain("[stats]"));
        Assert.That(ForgedFolder.Run(session, "!us -cpu -w"),
            Does.StartWith("0 stack(s) with 0 threads displayed (4 Total threads)"));
    }

    [Test]
    public void A_crowd_is_listed_by_ten_addresses_and_counted_whole()
    {
        using ForgedFolder forged = new("threads-400");
        using CommandSession session = forged.Open();

        JsonElement largest = ForgedFolder.RunJson(session, "!us -k").GetProperty("groups").EnumerateArray().Last();
        string[] threads = [.. largest.GetProperty("threads").EnumerateArray().Select(t => t.GetString()![2..])];
        string text = Words(ForgedFolder.Run(session, "!us -k").Replace('\n', ' '));

        Assert.That(threads, Has.Length.GreaterThan(10));
        Assert.That(text, Does.Contain($"{threads.Length} threads [stats]: {string.Join(' ', threads.Take(10))} ..."));
        Assert.That(Addresses(session, "!us -k"), Has.Count.EqualTo(session.System.Threads.Count));
        Assert.That(ForgedFolder.Run(session, "!us -k").Split('\n'), Has.All.Property("Length").LessThanOrEqualTo(120));
    }

    [TestCase("!us -r ((", "'((' is no regular expression: insufficient closing parentheses at 2")]
    [TestCase("!us -r (?=a)b", "looks around or refers back")]
    [TestCase("!us -r -e [a", "'[a' is no regular expression")]
    [TestCase("!us -e a -e b", "option -e is given twice")]
    [TestCase("!us -l ten", "'ten' is no number")]
    [TestCase("!us -sort name", "sorted by count or wait, not by 'name'")]
    [TestCase("!us -wr nonsense", "'nonsense' is no wait reason")]
    [TestCase("!us -stats 12345678", "no thread has the address")]
    [TestCase("!us -stats PAGEDOUT", "has no stack: the kernel stack is paged out")]
    public void What_is_wrong_is_told_in_one_line(string line, string expected)
    {
        using ForgedFolder forged = Forge("10.0.14393");
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, line.Replace("PAGEDOUT", "7790", StringComparison.Ordinal)),
            Throws.TypeOf<CommandUsageException>().With.Message.Contains(expected).And.Message.Not.Contains("\n"));
    }

    /// <summary>Ten threads: four with one stack, three with stacks of their own, two paged out, one ended.</summary>
    private ForgedFolder Forge(string layout)
    {
        SystemBuilder system = ScenarioSet.Build("small", KernelLayout.BuiltIn(layout));
        system.Modules.AddThirdParty("stealthflt.sys", "Contoso AG", "1.2.3.4").MinimumSize = 0x8000;
        system.Modules.AddThirdParty("vendor.sys", "Fabrikam Ltd.", "5.6.7.8").MinimumSize = 0x8000;
        system.Modules.AddThirdParty("nobody.sys", "", "1.0.0.0").MinimumSize = 0x8000;
        ProcessBuilder process = system.AddProcess("crowded.exe", 0x7770);
        const string Crowd = Wait + "nt!CrowdWorker+0x31\n" + FromSystem;
        string Add(uint tid, string stack, string reason, int seconds, int priority = 8, bool isPagedOut = false)
        {
            ThreadBuilder thread = process.AddThread(tid).Stack(stack)
                .Waiting(reason, userMode: true, TimeSpan.FromSeconds(seconds),
                    reason == "WrQueue" ? process.Queue : system.Objects.Event()).Priority(priority);
            return $"{(isPagedOut ? thread.PagedOut() : thread).Address:x16}";
        }
        _crowd.Clear();
        _crowd[20] = Add(0x7774, Crowd, "WrUserRequest", 20);
        _crowd[40] = Add(0x7778, Crowd, "WrQueue", 40, 9);
        _backup = Add(0x777c, Wait + "stealthflt+0x2044\nstealthflt+0x3110\n", "Executive", 65);
        _crowd[10] = Add(0x7780, Crowd, "UserRequest", 10);
        _vendor = Add(0x7784, Wait + "vendor+0x2f00\n" + FromSystem, "Executive", 35);
        _nobody = Add(0x7788, Wait + "nobody+0x1800\nnobody+0x1900\n", "Executive", 5);
        _crowd[30] = Add(0x778c, Crowd, "WrUserRequest", 30, 15);
        Add(0x7790, Crowd, "Executive", 100, isPagedOut: true);
        Add(0x7794, Crowd, "Executive", 101, isPagedOut: true);
        process.AddThread(0x7798).Terminated(TimeSpan.FromSeconds(7));
        _process = $"{process.Address:x16}";
        return new ForgedFolder(system);
    }

    private static List<ulong> Addresses(CommandSession session, string line)
    {
        CommandArguments arguments = CommandArguments.Parse(line);
        return [.. CommandTable.Require(arguments).Run(session, arguments).Addresses];
    }

    private static string DmlOf(CommandSession session, string line)
    {
        CommandArguments arguments = CommandArguments.Parse(line);
        using StringWriter writer = new();
        new TextLayout(new DmlSink(writer, "HangAnalysis", name => CommandTable.Find(name) is not null))
            .Write(CommandTable.Require(arguments).Run(session, arguments).Document);
        return writer.ToString();
    }

    private static string Words(string line) => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
