using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!owners</c>, <c>!deadlocks</c> and <c>!why</c> on systems whose locks are known.</summary>
public class WaitCommandTests
{
    [Test]
    public void Owners_lists_each_contended_lock_the_most_awaited_first()
    {
        using ForgedFolder forged = new("two-roots");
        using CommandSession session = forged.Open();

        JsonElement locks = ForgedFolder.RunJson(session, "!owners").GetProperty("locks");

        Assert.That(locks.EnumerateArray().Select(l => l.GetProperty("waiters").GetArrayLength()), Is.EqualTo(new[] { 12, 2 }));
        JsonElement truth = forged.Truth.GetProperty("chains")[0].GetProperty("links");
        Assert.That(locks[0].GetProperty("address").GetString(), Is.EqualTo(truth[1].GetProperty("address").GetString()));
        Assert.That(locks[0].GetProperty("owners")[0].GetProperty("address").GetString(),
            Is.EqualTo(truth[2].GetProperty("address").GetString()));
        Assert.That(locks[0].GetProperty("oldest").GetString(), Is.EqualTo("4m:55.000"));
        string text = ForgedFolder.Run(session, "!owners");
        Assert.That(text, Does.Contain("2 contended locks").And.Contain("2 of 62 ERESOURCEs are contended"));
        Assert.That(ForgedFolder.Run(session, "!owners -k mutant"), Is.EqualTo("0 contended locks of kind mutant\n"));
    }

    [Test]
    public void Owners_of_one_lock_tells_every_waiter_and_of_a_thread_the_locks_that_it_has()
    {
        using ForgedFolder forged = new("two-roots");
        using CommandSession session = forged.Open();
        JsonElement truth = forged.Truth.GetProperty("chains")[0].GetProperty("links");
        string address = truth[1].GetProperty("address").GetString()!;

        string detail = ForgedFolder.Run(session, $"!owners {address}");
        Assert.That(detail.Split('\n').Count(l => l.Contains("exclusive access to ERESOURCE", StringComparison.Ordinal)), Is.EqualTo(12));
        Assert.That(detail, Does.Contain($"dt nt!_ERESOURCE {address[2..]}").And.Contain("owned exclusively by thread"));

        string held = ForgedFolder.Run(session, $"!owners {truth[2].GetProperty("address").GetString()}");
        Assert.That(held, Does.Contain(address[2..]).And.Contain("1 contended lock that"));
        Assert.That(ForgedFolder.Run(session, "!owners 1234"), Does.StartWith("no thread waits for a lock at"));
    }

    [Test]
    public void Deadlocks_draws_the_circle_once_and_counts_what_is_behind()
    {
        using ForgedFolder forged = new("circle-victims");
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, "!deadlocks");
        string text = ForgedFolder.Run(session, "!deadlocks");

        Assert.That(report.GetProperty("deadlocks").GetArrayLength(), Is.EqualTo(1));
        Assert.That(report.GetProperty("deadlocks")[0].GetProperty("links").GetArrayLength(), Is.EqualTo(7));
        Assert.That(report.GetProperty("deadlocks")[0].GetProperty("blockedThreads").GetInt32(), Is.EqualTo(23));
        Assert.That(text, Does.Contain("3 threads in a circle, 20 more threads behind").And.Contain("(again: the circle closes)")
            .And.Contain("dt nt!_KMUTANT"));
    }

    [Test]
    public void Without_a_circle_the_number_of_steps_is_told()
    {
        using ForgedFolder forged = new("diamond");
        using CommandSession session = forged.Open();

        // Five waiters and three owners.
        Assert.That(ForgedFolder.Run(session, "!deadlocks"), Is.EqualTo("no deadlock among 8 steps of waits\n"));
    }

    [Test]
    public void Why_follows_the_chain_of_the_truth_to_its_end_and_names_the_driver()
    {
        using ForgedFolder forged = new("diamond");
        using CommandSession session = forged.Open();
        JsonElement truth = forged.Truth.GetProperty("chains")[0].GetProperty("links");

        JsonElement why = ForgedFolder.RunJson(session, $"!why {truth[0].GetProperty("address").GetString()}");

        List<string> way = [];
        for (JsonElement node = why.GetProperty("tree"); ; node = node.GetProperty("waits")[0])
        {
            way.Add(node.GetProperty("address").GetString()!);
            if (node.GetProperty("waits").GetArrayLength() == 0)
                break;
        }
        Assert.That(way, Is.EqualTo(truth.EnumerateArray().Select(l => l.GetProperty("address").GetString()).SkipLast(1)));
        Assert.That(why.GetProperty("summary").GetString(), Does.Contain("scanflt.sys (Fabrikam Scan Ltd.)"));
    }

    [Test]
    public void Why_of_a_thread_in_a_circle_says_so_and_of_an_idle_one_that_nobody_is_to_blame()
    {
        using ForgedFolder forged = new("self-deadlock");
        using CommandSession session = forged.Open();
        ulong idle = session.System.Threads.First(t => t.Role == WaitRole.Idle).Address.Value;

        Assert.That(ForgedFolder.Run(session, "!why"), Does.Contain("lead into a circle").And.Contain("(again: the circle closes)"));
        Assert.That(ForgedFolder.Run(session, $"!why {idle:x}"), Does.Contain("for nobody that is recorded").And.Contain("waits for work"));
        Assert.That(() => ForgedFolder.Run(session, "!why 1234567"), Throws.TypeOf<CommandUsageException>());
    }

    [Test]
    public void All_evidence_has_the_command_of_each_step_and_further_chains_in_full()
    {
        using ForgedFolder forged = new("two-roots");
        using CommandSession session = forged.Open();

        string brief = ForgedFolder.Run(session, "!hangwhy");
        string verbose = ForgedFolder.Run(session, "!hangwhy -v");

        Assert.That(brief, Does.Contain("Also        mailer.exe … quotaflt.sys: 3 threads"));
        Assert.That(brief, Does.Contain("11 more threads wait for it, the longest 4m:54.000"));
        Assert.That(brief, Does.Contain("look for a newer scanflt.sys than 3.4.0.2 from Fabrikam Scan Ltd."));
        Assert.That(brief, Does.Not.Contain("dt nt!_ERESOURCE"));
        Assert.That(verbose.Split('\n').Count(l => l.Trim().StartsWith("dt nt!_ERESOURCE", StringComparison.Ordinal)), Is.GreaterThanOrEqualTo(2));
        Assert.That(verbose, Does.Contain("Stack of the root thread"));
        Assert.That(ForgedFolder.Run(session, "!hangwhy -all"), Is.EqualTo(brief), "nothing was left out before");
        Assert.That(verbose.Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120));
    }
}
