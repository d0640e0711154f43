using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Stops that name a thread, a lock, a queue, a process or a processor: the verdict is what that one waits for.</summary>
[Parallelizable(ParallelScope.All)]
public class HungThreadTests
{
    [TestCase("hung-power-transition", "stop 0xa0 INTERNAL_POWER_ERROR: a power transition did not end in time: ")]
    [TestCase("hung-resource", "stop 0x1cc EXRESOURCE_TIMEOUT_LIVEDUMP: a live dump: ERESOURCE ")]
    [TestCase("hung-thread-pool", "stop 0x1c5 IO_THREADPOOL_DEADLOCK_LIVEDUMP: ")]
    [TestCase("hung-health-check", "stop 0x9e USER_MODE_HEALTH_MONITOR: process ")]
    [TestCase("hung-health-check-live", "stop 0x1c9: a live dump: a process did not pass a health check: ")]
    [TestCase("hung-live-1f5", "stop 0x1f5")]
    [TestCase("hung-synthetic", "stop 0x1ca SYNTHETIC_WATCHDOG_TIMEOUT: the whole system did not go on: ")]
    public void The_first_line_says_what_the_stop_was_and_the_waits_follow(string name, string start)
    {
        using CrashScenario scenario = new(name, "10.0.19041");

        Assert.That(scenario.Verdict.Summary, Does.StartWith(start).And.Contain("acmescan.sys"));
        Assert.That(scenario.Run("!hangwhy"), Does.StartWith("HANG  stop 0x"));
    }

    [TestCase("hung-power-transition", 3)]
    [TestCase("hung-resource", 0)]
    [TestCase("hung-thread-pool", 1)]
    [TestCase("hung-health-check", 0)]
    [TestCase("hung-health-check-live", 0)]
    public void Without_the_parameter_the_larger_hang_is_told(string name, int parameter)
    {
        SystemBuilder system = ScenarioSet.Build(name, KernelLayout.BuiltIn("10.0.19041"));
        system.Options.BugCheckParameters[parameter] = 0;

        using CrashScenario scenario = new(system);

        Assert.That(scenario.Verdict.Culprit!.Module.FileName, Is.EqualTo("litepipe.sys"));
    }

    [TestCase("hung-standby-1", "deepest idle state")]
    [TestCase("hung-standby", "a device")]
    [TestCase("hung-standby-3", "vetoed")]
    public void The_reason_of_a_standby_report_is_told(string name, string words)
    {
        using CrashScenario scenario = new(name, "10.0.19041");

        Assert.That(scenario.Meaning(1), Does.Contain(words));
    }

    [Test]
    public void A_reason_that_is_not_documented_is_not_made_up()
    {
        using CrashScenario scenario = new("hung-standby-4", "10.0.19041");

        Assert.That(scenario.Meaning(1), Is.Null);
    }

    [Test]
    public void A_lock_that_was_not_released_is_told_with_its_owner()
    {
        using CrashScenario scenario = new("hung-resource", "10.0.19041");

        Assert.Multiple(() =>
        {
            Assert.That(scenario.Meaning(3), Is.EqualTo("17 times"));
            Assert.That(scenario.Meaning(4), Is.EqualTo("30 s"));
            Assert.That(scenario.Evidence("Waiters").Single(), Is.EqualTo("1"));
            Assert.That(scenario.Evidence("Thread")[0], Does.StartWith("owner of the lock: ").And.Contain("portal.exe"));
            Assert.That(scenario.Crash.Stacks.Select(s => s.Title), Is.EqualTo(new[] { "owner of the lock", "thread that waited too long" }));
        });
    }

    [Test]
    public void A_queue_that_stands_still_is_told_with_its_threads()
    {
        using CrashScenario scenario = new("hung-thread-pool", "10.0.19041");

        Assert.That(scenario.Evidence("Queue").Single(), Does.EndWith(": 12 items wait, 2 of 2 threads are blocked"));
    }

    [Test]
    public void A_thread_that_goes_round_in_a_display_driver_accuses_it()
    {
        using CrashScenario scenario = new("hung-display", "6.1.7601");

        Assert.That((scenario.Crash.Blame.Module!.FileName, scenario.Crash.Blame.Frame!.Displacement), Is.EqualTo(("acmegfx.sys", 0x4c21UL)));
        Assert.That(scenario.Meaning(3), Is.EqualTo("acmegfx.sys"));
    }

    [TestCase("6.1.7601")]
    [TestCase("10.0.22000")]
    public void A_processor_that_took_the_NMI_shows_where_it_was(string layout)
    {
        using CrashScenario scenario = new("hung-clock", layout);

        Assert.That(scenario.Crash.Blame.Statement, Does.StartWith("processor 1 does not take interrupts while it is in acmeraid.sys"));
        Assert.That(scenario.Crash.Blame.Certainty, Is.EqualTo(Certainty.Inferred));
        Assert.That(scenario.Evidence("Stuck").Single(), Does.Contain("acmeraid+0x2190"));
    }

    [Test]
    public void Registers_that_are_older_accuse_nobody()
    {
        using CrashScenario scenario = new("hung-clock-dead", "10.0.19041");

        Assert.That((scenario.Crash.Blame.Cause, scenario.Verdict.Culprit), Is.EqualTo((CrashCause.Unknown, (object?)null)));
        Assert.That(scenario.Crash.Unknown.Single(u => u.What == "what processor 1 did").Why, Does.Contain("did not take the NMI"));
    }
}
