using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Dumps that somebody forced: the first line says how, and the hang under it is the verdict.</summary>
[Parallelizable(ParallelScope.All)]
public class ForcedStopTests
{
    [TestCase("forced-keyboard", "dump forced by keyboard (i8042prt.sys): ")]
    [TestCase("forced-nmi", "dump forced by NMI (operator or hardware): ")]
    [TestCase("forced-power-button", "dump forced by the power button, held for 7,000 ms: ")]
    [TestCase("forced-debugger", "dump forced by a debugger (.crash): ")]
    [TestCase("forced-notmyfault", "dump forced with NotMyFault (notmyfault64.exe): ")]
    [TestCase("forced-notmyfault-driver", "dump forced with NotMyFault (myfault.sys): ")]
    [TestCase("forced-live", "live dump of a running system: ")]
    [TestCase("forced-deaddead", "dump forced with code 0xDEADDEAD, by a tool or a driver: ")]
    [TestCase("forced-snapshot", "snapshot of a running system: ")]
    public void The_first_line_says_who_forced_it_and_what_hangs(string name, string start)
    {
        foreach (string layout in (string[])["6.1.7601", "10.0.19041", "10.0.22000"])
        {
            using CrashScenario scenario = new(name, layout);

            Assert.That(scenario.Verdict.Summary, Does.StartWith(start).And.Contain("acmescan.sys"), layout);
            Assert.That(scenario.Run("!hangwhy"), Does.StartWith($"HANG  {start}"), layout);
            Assert.That(scenario.Stop.IsForced, Is.True);
        }
    }

    [Test]
    public void Nobody_is_blamed_for_a_stop_that_was_asked_for()
    {
        foreach (string name in (string[])["forced-keyboard", "forced-nmi", "forced-notmyfault", "forced-deaddead"])
        {
            using CrashScenario scenario = new(name, "10.0.19041");

            Assert.That((scenario.Crash.Blame.Cause, scenario.Crash.Blame.Module), Is.EqualTo((CrashCause.Forced, (ModuleFacts?)null)), name);
        }
    }

    [Test]
    public void An_NMI_may_be_the_hardwares_and_what_it_interrupted_is_told()
    {
        using CrashScenario scenario = new("forced-nmi", "6.3.9600");

        Assert.Multiple(() =>
        {
            Assert.That(scenario.Meaning(1), Is.EqualTo("that of every NMI, whoever sent it"));
            Assert.That(scenario.Evidence("Processor"), Is.EqualTo(new[] { "0, in nt!PspSystemThreadStartup+0x41, System 4", "1 idle" }));
            Assert.That(scenario.Crash.Unknown.Select(u => u.What), Does.Contain("who sent the NMI"));
            Assert.That(scenario.Crash.Advice.Single(), Does.Contain("WHEA").And.Contain("iLO"));
        });
    }

    [Test]
    public void A_driver_that_forced_nothing_is_not_taken_for_NotMyFault()
    {
        using CrashScenario scenario = new("crash-triage", "10.0.19041", DumpKind.Triage);

        Assert.That((scenario.Stop.IsForced, scenario.Stop.IsHang, scenario.Stop.Preface), Is.EqualTo((false, false, (string?)null)));
    }

    [Test]
    public void Hardware_that_contradicts_itself_is_told_of_a_forced_stop_too_and_the_waits_still_follow()
    {
        SystemBuilder system = ScenarioSet.Build("forced-notmyfault-driver", KernelLayout.BuiltIn("10.0.19041"));
        ForgedModule driver = system.Modules.ByName("myfault");
        // mov eax,dword ptr [ffffce0e40018800], where ffffce0e40010800 was reported.
        driver.Code[0x1981] = [0xa1, 0x00, 0x88, 0x01, 0x40, 0x0e, 0xce, 0xff, 0xff];

        using CrashScenario scenario = new(system);

        Assert.That(scenario.Crash.Blame.Cause, Is.EqualTo(CrashCause.Hardware));
        Assert.That(scenario.Verdict.Class, Is.EqualTo(VerdictClass.StuckInDriver));
        Assert.That(scenario.Verdict.Summary, Does.StartWith("dump forced with NotMyFault"));
    }

    [Test]
    public void A_header_whose_stop_the_kernel_knows_nothing_of_is_a_tools()
    {
        SystemBuilder system = ScenarioSet.Build("forced-notmyfault-driver", KernelLayout.BuiltIn("10.0.19041"));
        ThreadBuilder current = system.Threads.Single(t => t.Processor == 0 && !t.IsIdle);
        current.Stack(system.Frames("nt!NtQueryPerformanceCounter+0x2b\nnt!KiSystemServiceCopyEnd+0x13\nntdll!NtQueryPerformanceCounter+0x14"));
        system.Finish();
        system.Kernel.WriteUInt64(system.Variables["KiBugCheckData"], 0);

        using CrashScenario scenario = new(system);

        Assert.That(scenario.Verdict.Summary, Does.StartWith("snapshot of a running system (the kernel has recorded no stop; 0xd1"));
        Assert.That(scenario.Verdict.Class, Is.EqualTo(VerdictClass.StuckInDriver));
    }

    [Test]
    public void A_system_that_had_stopped_before_its_snapshot_is_a_crash()
    {
        SystemBuilder system = ScenarioSet.Build("forced-snapshot", KernelLayout.BuiltIn("10.0.19041"));
        system.Finish();
        system.Kernel.WriteUInt64(system.Variables["KiBugCheckData"], 0x1a);
        system.Kernel.WriteUInt64(system.Variables["KiBugCheckData"] + 8, 0x41790);

        using CrashScenario scenario = new(system);

        Assert.That((scenario.Stop.IsForced, scenario.Stop.Name), Is.EqualTo((false, "MEMORY_MANAGEMENT")));
        Assert.That(scenario.Stop.Record, Does.EndWith("recorded by the kernel; the file's header has none"));
        Assert.That(scenario.Verdict.Class, Is.EqualTo(VerdictClass.Crash));
    }

    /// <summary>A real small dump of ARM64: code and parameters are in its header, 7,000 ms among them.</summary>
    [Test]
    public void A_real_dump_by_the_power_button_is_recognised()
    {
        using CommandSession session = new(KernelDumpTarget.Open(SharedMaterial.Require("corpus/dumps/triage_arm64.dmp")));

        StopFacts stop = session.Windows.Stop!;

        Assert.Multiple(() =>
        {
            Assert.That((stop.IsForced, stop.Preface), Is.EqualTo((true, "dump forced by the power button, held for 7,000 ms")));
            Assert.That(session.Windows.Crash!.Blame.Cause, Is.EqualTo(CrashCause.Forced));
            Assert.That(session.Windows.Crash.Parameters[0].Meaning!.ToString(), Is.EqualTo("7,000 ms"));
            Assert.That(HangAnalyzer.Analyze(session.System).Summary, Does.StartWith("dump forced by the power button, held for 7,000 ms, but "));
        });
    }
}
