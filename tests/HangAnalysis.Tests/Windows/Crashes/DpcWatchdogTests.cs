using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Stop 0x133: the procedure call, the samples and the holder are those of the scenario.</summary>
[Parallelizable(ParallelScope.All)]
public class DpcWatchdogTests
{
    private static readonly string[] s_sampling = ["10.0.14393", "10.0.17763", "10.0.19041", "10.0.20348", "10.0.22000"];

    [Test]
    public void The_procedure_call_that_ran_is_told_with_its_time()
    {
        using CrashScenario scenario = new("dpc-watchdog-single", "10.0.19041");

        Assert.Multiple(() =>
        {
            Assert.That(scenario.Crash.Blame.Frame!.Displacement, Is.EqualTo(0x6d12));
            Assert.That(scenario.Evidence("Processor").Single(), Is.EqualTo("0, in the deferred procedure call acmewifi+0x7180 for 20s.015"));
            // 0x501 ticks of 1/64 s.
            Assert.That(scenario.Meaning(2), Is.EqualTo("1,281 ticks, 20s.015"));
            Assert.That(scenario.Meaning(4), Is.EqualTo("signature is right"));
        });
    }

    [TestCaseSource(nameof(s_sampling))]
    public void The_sampled_stacks_name_the_driver_and_not_the_stack_of_the_stop(string layout)
    {
        using CrashScenario scenario = new("dpc-watchdog-samples", layout);

        Assert.Multiple(() =>
        {
            Assert.That(scenario.Crash.Blame.Module!.FileName, Is.EqualTo("acmefw.sys"));
            Assert.That(scenario.Crash.Blame.Certainty, Is.EqualTo(Certainty.Inferred));
            Assert.That(scenario.Evidence("Samples").Single(),
                Is.EqualTo("12 stacks that the watchdog took: acmefw.sys in 10, tcpip.sys in 10, fastdisk.sys in 1, storport.sys in 1"));
            Assert.That(scenario.Crash.Stacks.Select(s => s.Title), Is.EqualTo(new[]
            {
                "watchdog sample 1 of 12, and 9 alike", "watchdog sample 4 of 12", "watchdog sample 8 of 12", "processor that stopped",
            }), "the three kinds of stacks in the order in which they were first seen");
            Assert.That(scenario.Crash.Stacks[1].Stack.Frames.Select(f => f.Text), Is.EqualTo(new[]
            {
                "fastdisk+0x1d12", "storport!RaidpAdapterDpcRoutine+0x72", "nt!KiExecuteAllDpcs+0x2e7", "nt!KiRetireDpcList+0x1f4",
            }), "without the clock interrupt that took the sample");
        });
    }

    [Test]
    public void Without_the_block_the_processor_says_where_the_samples_are()
    {
        SystemBuilder system = ScenarioSet.Build("dpc-watchdog-samples", KernelLayout.BuiltIn("10.0.19041"));
        system.Finish();
        system.Kernel.WriteUInt32(system.Options.BugCheckParameters[2], 0);

        using CrashScenario scenario = new(system);

        Assert.That(scenario.Meaning(3), Is.EqualTo("not in the dump, or of another kind"));
        Assert.That(scenario.Crash.Blame.Module!.FileName, Is.EqualTo("acmefw.sys"));
        // What lies behind the place of the next sample is not known to belong to the array.
        Assert.That(scenario.Evidence("Samples").Single(), Does.StartWith("7 stacks"));
    }

    [Test]
    public void Kernels_that_keep_no_samples_accuse_nobody()
    {
        using CrashScenario scenario = new("dpc-watchdog-samples", "6.3.9600");

        Assert.That((scenario.Crash.Blame.Cause, scenario.Verdict.Culprit), Is.EqualTo((CrashCause.Unknown, (object?)null)));
        Assert.That(scenario.Crash.Unknown.Single(u => u.What.Contains("sampled")).Why, Does.Contain("keeps none"));
    }

    [TestCase("6.1.7601")]
    [TestCase("10.0.14393")]
    [TestCase("10.0.22000")]
    public void A_processor_that_spins_accuses_the_one_that_has_the_lock(string layout)
    {
        using CrashScenario scenario = new("dpc-watchdog-spin", layout);

        Assert.That(scenario.Crash.Blame.Module!.FileName, Is.EqualTo("acmeraid.sys"));
        Assert.That(scenario.Evidence("Spin").Single(), Does.Match("it spins for lock [0-9a-f]{16}; processor 2 has it, which is in acmeraid\\+0x2190"));
        Assert.That(scenario.Crash.Stacks[0].Title, Is.EqualTo("processor 2, which has the lock"));
    }
}
