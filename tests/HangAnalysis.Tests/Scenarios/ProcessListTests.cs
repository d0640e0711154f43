using System.Text.Json;
using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!tl</c> on systems whose threads' states are known.</summary>
public class ProcessListTests
{
    /// <summary>
    /// How many threads of a scenario do what: the numbers that the scenarios put in, such as 12 and 2 threads at one ERESOURCE
    /// each; also with layouts that have other wait reasons and structures.
    /// </summary>
    [TestCase("two-roots", "10.0.14393", "locks", 14)]
    [TestCase("pushlock-crowd", "10.0.14393", "locks", 769)]
    [TestCase("mutant-deadlock", "6.1.7601", "locks", 2)]
    [TestCase("mutant-deadlock", "10.0.22000", "locks", 2)]
    [TestCase("critsec-deadlock", "10.0.17763", "locks", 2)]
    [TestCase("logoff-hang", "10.0.14393", "replies", 1)]
    [TestCase("stuck-io", "10.0.14393", "requests", 1)]
    [TestCase("pagein-disk", "10.0.19041", "memory", 6)]
    [TestCase("memory-exhausted", "6.3.9600", "memory", 2)]
    [TestCase("suspended-owner", "10.0.14393", "suspended", 1)]
    [TestCase("realtime-starvation", "10.0.14393", "ready", 1)]
    [TestCase("realtime-starvation", "10.0.14393", "running", 1)]
    public void Threads_are_counted_by_what_they_do(string scenario, string layout, string column, int expected)
    {
        using ForgedFolder forged = new(scenario, layout);
        using CommandSession session = forged.Open();

        JsonElement list = ForgedFolder.RunJson(session, "!tl");

        Assert.That(list.GetProperty("totals").GetProperty(column).GetInt32(), Is.EqualTo(expected));
        Assert.That(list.GetProperty("processes").EnumerateArray()
            .Sum(p => p.GetProperty("threads").GetProperty(column).GetInt32()), Is.EqualTo(expected));
    }

    [TestCase("mutant-deadlock", "c40,c80")]
    [TestCase("critsec-deadlock", "c40")]
    [TestCase("realtime-starvation", "c40")]
    [TestCase("process-end-stuck", "c44")]
    [TestCase("logoff-hang", "3a4,c1c")]
    [TestCase("explorer-desktop", "")]
    public void What_is_worth_a_look_is_marked(string scenario, string expected)
    {
        using ForgedFolder forged = new(scenario);
        using CommandSession session = forged.Open();

        IEnumerable<string> marked = ForgedFolder.RunJson(session, "!tl").GetProperty("processes").EnumerateArray()
            .Where(p => p.GetProperty("noteworthy").GetBoolean()).Select(p => $"{p.GetProperty("pid").GetUInt64():x}");

        Assert.That(string.Join(',', marked), Does.StartWith(expected));
        Assert.That(marked.Any(), Is.EqualTo(expected.Length > 0));
    }

    [Test]
    public void The_published_chain_shows_in_two_rows()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        string[] lines = ForgedFolder.Run(session, "!tl -b").Split('\n');

        Assert.That(Words(lines[0]), Is.EqualTo("!! PID Address Name Ses Thr Rn Ry Bk Lc IO Pg Su Oldest"));
        Assert.That(Words(lines[2]), Does.StartWith("!! 3a4 ffffab06")
            .And.EndsWith("svchost.exe(LocalService) 0 1 . . . 1 . . . 1m:25.406"));
        Assert.That(Words(lines[3]), Is.EqualTo("!! c1c ffffab06b8137800 explorer.exe 1 1 . . . . . . . 1m:24.906"));
        Assert.That(lines, Has.Some.StartsWith("2 of 26 processes with 2 threads"));
    }

    [Test]
    public void Exited_processes_are_counted_and_shown_only_when_asked_for()
    {
        using ForgedFolder forged = new("idle");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!tl");
        Assert.That(text, Does.Not.Contain("setup.exe")
            .And.Contain("1 exited process(es) that are still listed are not shown: -z"));
        Assert.That(ForgedFolder.Run(session, "!tl -z"), Does.Contain("setup.exe (exited)").And.Not.Contain("not shown"));
        JsonElement json = ForgedFolder.RunJson(session, "!tl setup");
        Assert.That(json.GetProperty("processes").GetArrayLength(), Is.Zero);
        Assert.That(json.GetProperty("exitedNotShown").GetInt32(), Is.EqualTo(1));
    }

    [Test]
    public void Any_column_sorts_and_an_unknown_one_lists_them()
    {
        using ForgedFolder forged = new("explorer-desktop", "6.3.9600");
        using CommandSession session = forged.Open();

        // Explorer has 47 threads, netsvcs 16, the system process 12 (the forge's own numbers).
        Assert.That(Names("!tl -sort thr").Take(3), Is.EqualTo(new[] { "explorer.exe", "svchost.exe", "System" }));
        Assert.That(Names("!tl -sort PID").First(), Is.EqualTo("System"));
        Assert.That(Names("!tl -sort Name").First(), Is.EqualTo("csrss.exe"));
        Assert.That(Names("!tl -mem -sort Commit").First(), Is.EqualTo("explorer.exe"));
        Assert.That(Names("!tl -proc -sort Created").Last(), Is.EqualTo("dllhost.exe"));
        Assert.That(() => ForgedFolder.Run(session, "!tl -sort Handles"), Throws.TypeOf<CommandUsageException>()
            .With.Message.Contain("there are !!, PID, Address, Name, Ses, Thr, Rn, Ry, Bk, Lc, IO, Pg, Su, Oldest"));
        Assert.That(() => ForgedFolder.Run(session, "!tl -mem -proc"), Throws.TypeOf<CommandUsageException>());

        IEnumerable<string> Names(string line) => ForgedFolder.RunJson(session, line).GetProperty("processes").EnumerateArray()
            .Select(p => p.GetProperty("name").GetString()!);
    }

    [Test]
    public void Name_session_and_hosted_services_choose()
    {
        using ForgedFolder forged = new("explorer-desktop", "10.0.19041");
        using CommandSession session = forged.Open();

        Assert.That(Count("!tl"), Is.EqualTo(21));
        Assert.That(Count("!tl svchost"), Is.EqualTo(6));
        Assert.That(Count("!tl RPCSS"), Is.EqualTo(1));
        Assert.That(Count("!tl -s 1"), Is.EqualTo(9));
        Assert.That(Count("!tl -s 0"), Is.EqualTo(11));
        Assert.That(Count("!tl -s none"), Is.EqualTo(1));
        Assert.That(Count("!tl -s 7"), Is.Zero);
        Assert.That(() => Count("!tl -s first"), Throws.TypeOf<CommandUsageException>());

        int Count(string line) => ForgedFolder.RunJson(session, line).GetProperty("processes").GetArrayLength();
    }

    [TestCase("6.1.7601")]
    [TestCase("6.3.9600")]
    [TestCase("10.0.14393")]
    [TestCase("10.0.22000")]
    public void Memory_and_programs_are_tables_of_their_own(string layout)
    {
        using ForgedFolder forged = new("explorer-desktop", layout);
        using CommandSession session = forged.Open();

        string memory = ForgedFolder.Run(session, "!tl -mem");
        string program = ForgedFolder.Run(session, "!tl -proc");

        Assert.That(Words(memory.Split('\n').Single(l => l.Contains("explorer.exe", StringComparison.Ordinal))),
            Does.EndWith("47 2 TB 145.94 MB 157.1 MB 58.53 MB 1.34 MB 91.5 KB"));
        Assert.That(Words(program.Split('\n').Single(l => l.Contains("explorer.exe", StringComparison.Ordinal))),
            Does.EndWith(@"2017-07-10 08:39:08.606 UTC C:\Windows\Explorer.EXE"));
        Assert.That((memory + program).Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120));
        JsonElement plain = ForgedFolder.RunJson(session, "!tl explorer").GetProperty("processes")[0];
        Assert.That(plain.GetProperty("memory").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(plain.GetProperty("commandLine").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public void A_small_dump_says_that_it_holds_one_process()
    {
        using ForgedFolder forged = new("crash-triage");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!tl"), Does.Contain("1 of 1 processes with 1 thread")
            .And.Contain("holds the crashing thread and its process, and not the system's"));
        Assert.That(ForgedFolder.Run(session, "!tl -mem"), Does.Contain("1 of 1 processes"));
    }

    private static string Words(string line) => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
