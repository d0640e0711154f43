using System.Text.Json;
using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!fems</c>: for which threads the command is run, with what, and what is said of it.</summary>
public class MatchingThreadsCommandTests
{
    private const string Explorer = "ffffab06b8121080", ExplorerProcess = "ffffab06b8137800", Service = "ffffab06b1b28800";

    [TestCase("!fems -k TmXPFlt !why")]
    [TestCase("!fems -k tmxpflt+0x1bce3 why")]
    [TestCase("!fems -k TmXPFlt !HangAnalysis.why ${t}")]
    [TestCase("!fems -k TmXPFlt !why @#Thread")]
    [TestCase("!fems -s Explorer!.*WinMain -k !mex.why")]
    [TestCase("!fems -p ffffab06b8137800 -r ^tmxpflt !why")]
    [TestCase("!fems -k -state Waiting -wr Executive -b \"nt!NtClose+0xcb\" !why")]
    public void The_command_is_run_for_each_thread_whose_stack_has_the_text(string line)
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        string[] lines = ForgedFolder.Run(session, line).Split('\n');
        string[] alone = ForgedFolder.Run(session, $"!why {Explorer}").Split('\n');

        Assert.That(lines[0], Is.EqualTo($"==== {Explorer}  explorer.exe c1c.c20  Waiting 1m:24.906 Executive"));
        Assert.That(lines[1..(alone.Length)], Is.EqualTo(alone[..^1]), "what the command prints by itself");
        Assert.That(lines, Has.Some.EndsWith(": run for 1 thread(s)"));
    }

    [Test]
    public void The_process_can_be_put_into_the_command()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        const string Line = "!fems -k -r NetProfileManUserLogOff|TmXPFlt !us -p ${p} -l 0";
        JsonElement run = ForgedFolder.RunJson(session, Line).GetProperty("runs");
        Assert.That(run.EnumerateArray().Select(r => r.GetProperty("thread").GetString()),
            Is.EqualTo(new[] { $"0x{Service}", $"0x{Explorer}" }), "the longest wait first");
        Assert.That(run[1].GetProperty("output").GetProperty("schema").GetString(), Is.EqualTo("hanganalysis-us/1"));
        Assert.That(run[1].GetProperty("output").GetProperty("threads").GetInt32(), Is.EqualTo(1), "explorer.exe has one thread");
        Assert.That(run[1].GetProperty("error").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public void Threads_are_limited_or_one_for_each_stack()
    {
        using ForgedFolder forged = new("two-roots");
        using CommandSession session = forged.Open();
        JsonElement locks = ForgedFolder.RunJson(session, "!owners").GetProperty("locks");
        int waiters = locks.EnumerateArray().Sum(l => l.GetProperty("waiters").GetArrayLength());
        JsonElement stacks = ForgedFolder.RunJson(session, "!us -k ExpWaitForResource").GetProperty("groups");

        JsonElement all = ForgedFolder.RunJson(session, "!fems -k ExpWaitForResource !why");
        JsonElement two = ForgedFolder.RunJson(session, "!fems -k -l 2 ExpWaitForResource !why");
        JsonElement first = ForgedFolder.RunJson(session, "!fems -k -1 ExpWaitForResource !why");

        Assert.That(all.GetProperty("matching").GetInt32(), Is.EqualTo(waiters));
        Assert.That(all.GetProperty("runs").GetArrayLength(), Is.EqualTo(waiters));
        Assert.That(two.GetProperty("runs").GetArrayLength(), Is.EqualTo(2));
        Assert.That(two.GetProperty("moreThreads").GetInt32(), Is.EqualTo(waiters - 2));
        Assert.That(first.GetProperty("runs").EnumerateArray().Select(r => r.GetProperty("thread").GetString()),
            Is.EqualTo(stacks.EnumerateArray().Select(g => g.GetProperty("threads")[0].GetString())));
        Assert.That(ForgedFolder.Run(session, "!fems -k -l 2 ExpWaitForResource !why"),
            Does.Contain($"!why: run for 2 of {waiters} thread(s) (-l 2)\nThreads matching filter: {waiters} out of "));
        Assert.That(Addresses(session, "!fems -k -l 2 /q ExpWaitForResource !why"), Has.Count.EqualTo(2));
    }

    [Test]
    public void Stacks_are_left_out_by_a_text()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        Assert.That(Addresses(session, "!fems -k -r -e TmXPFlt TmXPFlt|NetProfileMan !why"),
            Is.EqualTo(new[] { Convert.ToUInt64(Service, 16) }));
    }

    [Test]
    public void Without_a_scope_the_current_process_is_meant_and_told_when_nothing_is_found()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();
        session.Evaluator = text => text == "@$proc" ? Convert.ToUInt64(ExplorerProcess, 16) : null;

        Assert.That(Addresses(session, "!fems KiSwapContext !why"), Is.EqualTo(new[] { Convert.ToUInt64(Explorer, 16) }));
        Assert.That(ForgedFolder.Run(session, "!fems NetProfileMan !why"), Is.EqualTo(
            "!why: run for 0 thread(s)\nThreads matching filter: 0 out of 1\n-k looks among all threads of the system\n"));
    }

    [Test]
    public void What_fails_for_one_thread_does_not_end_the_others()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!fems -k -r TmXPFlt|NetProfileMan !why ${t} ${p}");
        JsonElement run = ForgedFolder.RunJson(session, "!fems -k TmXPFlt !why ${t} ${p}").GetProperty("runs")[0];

        Assert.That(text.Split('\n').Count(l => l.Contains("one thread at a time", StringComparison.Ordinal)), Is.EqualTo(2));
        Assert.That(run.GetProperty("error").GetString(), Does.Contain("one thread at a time"));
        Assert.That(run.GetProperty("output").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [TestCase("!fems", "nothing of the stacks that are meant")]
    [TestCase("!fems -k TmXPFlt", "no command for the threads that have 'TmXPFlt'")]
    [TestCase("!fems -k -s TmXPFlt", "no command for the threads that have 'TmXPFlt'")]
    [TestCase("!fems TmXPFlt k", "'k' is no command of this extension")]
    [TestCase("!fems TmXPFlt .thread", "for commands of the debugger: .foreach (t {!us /q -k TEXT})")]
    [TestCase("!fems TmXPFlt !fems nt! !why", "does not run itself")]
    [TestCase("!fems TmXPFlt !why /?", "!why /? explains that command")]
    [TestCase("!fems TmXPFlt !why /q", "stand before the text")]
    [TestCase("!fems TmXPFlt !why /json", "stand before the text")]
    [TestCase("!fems TmXPFlt !why -zzz", "!why: unknown option -zzz")]
    [TestCase("!fems TmXPFlt -k !why", "options stand before the text, a command behind it: '-k' is neither")]
    [TestCase("!fems -zzz TmXPFlt !why", "!fems: unknown option -zzz")]
    [TestCase("!fems -s \"((\" !why", "'((' is no regular expression")]
    [TestCase("!fems -l x TmXPFlt !why", "'x' is no number of threads")]
    [TestCase("!fems -state nonsense TmXPFlt !why", "'nonsense' is no state")]
    public void What_is_wrong_is_told_before_anything_is_run(string line, string expected)
    {
        using ForgedFolder forged = new("small");
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, line),
            Throws.TypeOf<CommandUsageException>().With.Message.Contains(expected).And.Message.Not.Contains("\n"));
    }

    private static List<ulong> Addresses(CommandSession session, string line)
    {
        CommandArguments arguments = CommandArguments.Parse(line);
        return [.. CommandTable.Require(arguments).Run(session, arguments).Addresses];
    }
}
