using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Stops 0xEF and 0xF4: the victim, its status and the one who ended it are those of the scenario.</summary>
[Parallelizable(ParallelScope.All)]
public class CriticalDeathTests
{
    private static readonly string[] s_layouts = ["6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.20348", "10.0.22000"];

    [TestCaseSource(nameof(s_layouts))]
    public void A_process_that_fails_fast_ended_itself(string layout)
    {
        using CrashScenario scenario = new("critical-own-fault", layout);

        Assert.Multiple(() =>
        {
            Assert.That(scenario.Crash.Blame.Cause, Is.EqualTo(CrashCause.Program));
            Assert.That(scenario.Crash.Blame.Statement,
                Is.EqualTo("svchost.exe failed by itself with 0xc0000409 (fail fast, or a stack buffer overrun)"));
            Assert.That(scenario.Crash.Blame.Certainty, Is.EqualTo(Certainty.Proven));
            Assert.That(scenario.Evidence("Died").Single(), Does.EndWith("svchost.exe e48"));
            Assert.That(scenario.Evidence("Ended by").Single(), Does.StartWith("itself"));
            Assert.That(scenario.Evidence("Critical").Single(), Does.StartWith("it was marked"));
            Assert.That(scenario.Crash.Stacks.Single().Stack.Frames.Select(f => f.Function), Does.Contain("nt!NtTerminateProcess"));
        });
    }

    [TestCaseSource(nameof(s_layouts))]
    public void A_process_that_another_one_ended_was_killed(string layout)
    {
        using CrashScenario scenario = new("critical-killed", layout);

        Assert.That(scenario.Crash.Blame.Statement,
            Is.EqualTo("csrss.exe was ended with 0x1 (ended on purpose, as tools do that end processes) by prockill.exe d04"));
        Assert.That(scenario.Crash.Stacks.Single().Title, Is.EqualTo("thread of prockill.exe that ended it"));
    }

    [TestCase("6.1.7601")]
    [TestCase("10.0.19041")]
    public void A_small_dump_shows_who_died_and_who_killed(string layout)
    {
        using CrashScenario scenario = new("critical-killed", layout, DumpKind.Triage);

        Assert.That(scenario.Crash.Blame.Statement, Does.StartWith("csrss.exe was ended").And.EndWith("by prockill.exe d04"));
    }

    [Test]
    public void A_driver_that_ended_a_process_is_named()
    {
        using CrashScenario scenario = new("critical-driver", "10.0.19041");

        Assert.That((scenario.Crash.Blame.Module!.FileName, scenario.Crash.Blame.Frame!.Displacement), Is.EqualTo(("acmeguard.sys", 0x2c40UL)));
        Assert.That(scenario.Crash.Blame.Statement, Does.Contain("wininit.exe was ended with 0x0").And.Contain("in a thread of System"));
    }

    [TestCaseSource(nameof(s_layouts))]
    public void A_page_that_could_not_be_read_leads_to_the_disk(string layout)
    {
        using CrashScenario scenario = new("critical-inpage", layout);

        Assert.Multiple(() =>
        {
            Assert.That(scenario.Crash.Blame.Cause, Is.EqualTo(CrashCause.Device));
            Assert.That(scenario.Crash.Blame.Module, Is.Null);
            Assert.That(scenario.Meaning(1), Is.EqualTo("a process"));
            Assert.That(scenario.Meaning(3), Is.EqualTo("csrss.exe"));
            Assert.That(scenario.Meaning(4), Is.EqualTo("Terminating critical process 0x%p (%s)"));
            Assert.That(scenario.Evidence("Exit status").Single(), Does.StartWith("0xc0000006 (in-page I/O error"));
        });
    }

    [TestCaseSource(nameof(s_layouts))]
    public void A_thread_has_a_status_of_its_own(string layout)
    {
        using CrashScenario scenario = new("critical-thread", layout);

        Assert.That(scenario.Crash.Blame.Statement, Is.EqualTo("a thread of services.exe failed by itself with 0xc0000005 (access violation)"));
        Assert.That(scenario.Evidence("Died").Single(), Does.StartWith("thread ").And.EndWith("of services.exe 1f8"));
        Assert.That(scenario.Evidence("Critical").Single(), Does.StartWith("it was marked"));
    }
}
