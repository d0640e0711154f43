using System.Text.Json;
using System.Text.RegularExpressions;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!lt</c>: which threads it shows, in which order, and what it says of each.</summary>
[Parallelizable(ParallelScope.Children)]
public class ThreadListTests
{
    private const string Stack = """
        nt!KiSwapContext+0x76
        nt!KiSwapThread+0x17d
        nt!KiCommitThreadWait+0x14f
        nt!KeWaitForSingleObject+0x377
        nt!ObWaitForSingleObject+0x91
        nt!NtWaitForSingleObject+0x6a
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtWaitForSingleObject+0x14
        KERNELBASE!WaitForSingleObjectEx+0x98
        KERNEL32!BaseThreadInitThunk+0x14
        ntdll!RtlUserThreadStart+0x21
        """;

    [Test]
    public void Threads_have_the_states_times_and_reasons_that_were_forged(
        [Values("6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.22000")] string layout)
    {
        SystemBuilder system = Program(layout, out ProcessBuilder process);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, $"!lt {process.Pid:x}");

        ulong[] threads = [.. system.Threads.Where(t => t.Process == process).Select(t => t.Address)];
        Assert.That(text, Is.EqualTo($"""
            Process    PID Thread            Id State        Time Reason
            ========== === ================ === ======= ========= ===========
            ledger.exe d40 {threads[0]:x16} d44 Waiting   42s.937 UserRequest
            ledger.exe d40 {threads[1]:x16} d48 Waiting 1m:08.265 WrQueue
            ledger.exe d40 {threads[2]:x16} d4c Waiting     765ms UserRequest
            ledger.exe d40 {threads[3]:x16} d50 Ready      3s.984 -
            ledger.exe d40 {threads[5]:x16} d58 Waiting 6m:30.718 UserRequest

            Thread Count: 5
            Waiting 4 (UserRequest 3, WrQueue 1), Ready 1
            1 thread has ended and is not shown; -z shows it

            """));
    }

    [Test]
    public void Threads_that_have_ended_are_shown_on_request()
    {
        using ForgedFolder forged = new(Program("10.0.19041", out ProcessBuilder process));
        using CommandSession session = forged.Open();

        string all = ForgedFolder.Run(session, $"!lt {process.Address:x} -z");
        JsonElement ended = ForgedFolder.RunJson(session, $"!lt {process.Address:x} -s Terminated");

        Assert.That(all, Does.Match(@"\bd54 Terminated\s+9s.984 -\n").And.Contain("Thread Count: 6\n").And.Not.Contain("-z shows"));
        Assert.That(ended.GetProperty("threads").EnumerateArray().Select(t => t.GetProperty("tid").GetInt32()), Is.EqualTo(new[] { 0xd54 }));
    }

    [Test]
    public void Filters_tell_how_many_of_how_many()
    {
        using ForgedFolder forged = new(Program("10.0.14393", out ProcessBuilder process));
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, $"!lt -p {process.Pid:x} -wr userrequest,WrLpcReply"), Does.Contain("Thread Count: 3 of 5\n"));
        Assert.That(Ids(session, $"!lt d40 -s ready"), Is.EqualTo(new[] { 0xd50 }));
        Assert.That(Ids(session, $"!lt d40 -w"), Is.EqualTo(new[] { 0xd44, 0xd48, 0xd4c, 0xd58 }));
        Assert.That(() => ForgedFolder.Run(session, "!lt d40 -wr Nothing"), Throws.TypeOf<CommandUsageException>());
    }

    [TestCase("time", new[] { 0xd58, 0xd48, 0xd44, 0xd50, 0xd4c })]
    [TestCase("id", new[] { 0xd44, 0xd48, 0xd4c, 0xd50, 0xd58 })]
    // Threads that are equal in a column stay in list order.
    [TestCase("state", new[] { 0xd50, 0xd44, 0xd48, 0xd4c, 0xd58 })]
    [TestCase("Reason", new[] { 0xd44, 0xd4c, 0xd58, 0xd48, 0xd50 })]
    [TestCase("process", new[] { 0xd44, 0xd48, 0xd4c, 0xd50, 0xd58 })]
    public void Threads_are_sorted_by_a_column(string column, int[] expected)
    {
        using ForgedFolder forged = new(Program("10.0.19041", out _));
        using CommandSession session = forged.Open();

        Assert.That(Ids(session, $"!lt d40 -sort {column}"), Is.EqualTo(expected));
    }

    [Test]
    public void A_column_that_is_none_is_told_with_those_that_are()
    {
        using ForgedFolder forged = new("small");
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, "!lt -a -sort priority"),
            Throws.TypeOf<CommandUsageException>().With.Message.Contains("'priority' is no column").And.Message.Contains("reason"));
    }

    [Test]
    public void A_name_means_all_processes_of_that_name_with_or_without_its_ending()
    {
        SystemBuilder system = ScenarioSet.Build("logoff-hang", KernelLayout.BuiltIn("10.0.14393"));
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();
        int threads = system.Threads.Count(t => t.Process.Name == "svchost.exe");

        Assert.That(system.Processes.Count(p => p.Name == "svchost.exe"), Is.GreaterThan(1));
        Assert.That(ForgedFolder.Run(session, "!lt svchost.exe"), Does.Contain($"Thread Count: {threads}\n"));
        Assert.That(ForgedFolder.Run(session, "!lt -p SvcHost"), Does.Contain($"Thread Count: {threads}\n"));
        Assert.That(ForgedFolder.Run(session, "!lt -a"), Does.Contain($"Thread Count: {system.Threads.Count}\n"));
        Assert.That(() => ForgedFolder.Run(session, "!lt svc"), Throws.TypeOf<CommandUsageException>().With.Message.Contains("'svc'"));
    }

    [Test]
    public void The_function_that_waits_is_the_caller_of_the_waiting_machinery()
    {
        SystemBuilder system = Program("10.0.19041", out ProcessBuilder process);
        system.Threads.First(t => t.Tid == 0xd4c).PagedOut();
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, $"!lt {process.Pid:x} -wf");
        JsonElement[] threads = [.. ForgedFolder.RunJson(session, "!lt d40 -wf").GetProperty("threads").EnumerateArray()];

        Assert.That(threads.Select(t => t.GetProperty("waitFunction").GetString()), Is.EqualTo(new[]
        {
            "nt!ObWaitForSingleObject", "nt!ObWaitForSingleObject", null, null, "nt!ObWaitForSingleObject",
        }));
        Assert.That(text, Does.Match(@"d50 Ready\s+3s\.984 -\s+-\n"), "a thread that does not wait has none");
        Assert.That(text, Does.Contain("1 wait function is not known: the kernel stack is paged out"));
        Assert.That(ForgedFolder.RunJson(session, "!lt d40").GetProperty("threads")[0].GetProperty("waitFunction").ValueKind,
            Is.EqualTo(JsonValueKind.Null), "not asked for");
    }

    [Test]
    public void Statistics_count_by_state_and_reason_with_the_longest()
    {
        SystemBuilder system = Program("10.0.17763", out _);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!lt d40 -stats");

        ulong longest = system.Threads.First(t => t.Tid == 0xd58).Address;
        Assert.That(text, Does.Match($@"\nWaiting UserRequest\s+3 +765ms +42s\.937 6m:30\.718 {longest:x16} +8 ledger\.exe d40\n"));
        Assert.That(text, Does.Match(@"\nReady   -\s+1\s+3s\.984 "));
        Assert.That(text, Does.Contain("Thread Count: 5\n"));
    }

    [Test]
    public void A_running_thread_has_no_reason_whatever_its_last_wait_was()
    {
        SystemBuilder system = ScenarioSet.Build("realtime-starvation", KernelLayout.BuiltIn("10.0.19041"));
        ThreadBuilder running = system.Threads.First(t => t.Processor == 1 && !t.IsIdle);
        running.State("Running", TimeSpan.FromSeconds(130), "WrLpcReply");
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!lt rtaudio"), Does.Match($@"{running.Address:x16} +\w+ Running 2m:10\.000 -\n"));
        Assert.That(ForgedFolder.Run(session, "!lt -a -wr WrLpcReply"), Does.StartWith("Thread Count: 0 of"));
        Assert.That(ForgedFolder.Run(session, "!running"), Does.Not.Contain("WrLpcReply"));
    }

    [TestCase("!lt -a")]
    [TestCase("!lt -a -wf")]
    [TestCase("!lt -a -stats")]
    public void Lines_fit(string line)
    {
        using ForgedFolder forged = new("four-hangs");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, line).Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120));
    }

    [Test]
    public void Addresses_alone_are_those_of_the_table_in_its_order()
    {
        using ForgedFolder forged = new(Program("10.0.19041", out _));
        using CommandSession session = forged.Open();
        CommandArguments arguments = CommandArguments.Parse("!lt d40 -sort time /q");

        IReadOnlyList<ulong> addresses = CommandTable.Require(arguments).Run(session, arguments).Addresses;

        IEnumerable<string> table = Regex.Matches(ForgedFolder.Run(session, "!lt d40 -sort time"), "(?m)^ledger.exe d40 ([0-9a-f]{16})")
            .Select(m => m.Groups[1].Value);
        Assert.That(addresses.Select(a => $"{a:x16}").ToArray(), Is.EqualTo(table.ToArray()).And.Length.EqualTo(5));
    }

    private static IEnumerable<int> Ids(CommandSession session, string line) =>
        ForgedFolder.RunJson(session, line).GetProperty("threads").EnumerateArray().Select(t => t.GetProperty("tid").GetInt32());

    /// <summary>A program with six threads; times are those of the clock's ticks.</summary>
    private static SystemBuilder Program(string layout, out ProcessBuilder process)
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn(layout));
        process = system.AddProcess("ledger.exe", 0xd40, null, 1, 0x240);
        FrameList stack = system.Frames(Stack);
        ThreadBuilder Add(uint id) => system.Processes[^1].AddThread(id).Stack(stack);
        Add(0xd44).Waiting("UserRequest", userMode: true, TimeSpan.FromMilliseconds(42_937.5), system.Objects.Event());
        Add(0xd48).Waiting("WrQueue", userMode: true, TimeSpan.FromMilliseconds(68_265.625), process.Queue);
        Add(0xd4c).Waiting("UserRequest", userMode: true, TimeSpan.FromMilliseconds(765.625), system.Objects.Event());
        Add(0xd50).State("Ready", TimeSpan.FromMilliseconds(3_984.375), "WrPreempted");
        process.AddThread(0xd54).Terminated(TimeSpan.FromMilliseconds(9_984.375));
        Add(0xd58).Waiting("UserRequest", userMode: true, TimeSpan.FromMilliseconds(390_718.75), system.Objects.Event());
        return system;
    }
}
