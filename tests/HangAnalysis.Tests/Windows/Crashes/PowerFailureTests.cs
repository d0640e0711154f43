using HangAnalysis.Analysis;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Stop 0x9F: the request, its age, its stack of devices and its holder are those of the scenario.</summary>
[Parallelizable(ParallelScope.All)]
public class PowerFailureTests
{
    private static readonly string[] s_layouts = ["6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.20348", "10.0.22000"];

    [TestCaseSource(nameof(s_layouts))]
    public void The_driver_at_the_current_location_has_the_request(string layout)
    {
        using CrashScenario scenario = new("power-irp-driver", layout);
        // Builds before 9600 record the age, but their symbols do not say where.
        bool hasAge = layout != "6.1.7601";

        Assert.Multiple(() =>
        {
            Assert.That(scenario.Crash.Blame.Module!.FileName, Is.EqualTo("acmenic.sys"));
            Assert.That(scenario.Crash.Blame.Certainty, Is.EqualTo(Certainty.Inferred), "its device may be what does not answer");
            Assert.That(scenario.Evidence("Device").Single(), Is.EqualTo(@"PCI\VEN_1AF4&DEV_1041\3&13c0b0c5&0&18, service acmenic"));
            Assert.That(scenario.Evidence("Request").Single(), Does.EndWith(@"currently at \Driver\acmenic"));
            Assert.That(scenario.Evidence("Stack"), Has.Count.EqualTo(2));
            Assert.That(scenario.Evidence("Stack")[0], Does.Contain("acmenic.sys").And.EndWith("<- has the request"));
            Assert.That(scenario.Evidence("Stack")[1], Does.Contain(@"\Driver\pci").And.EndWith("(physical device)"));
            Assert.That(scenario.Evidence("Also"), Has.Count.EqualTo(1), "requests that wait for wake are as they should be");
            Assert.That(scenario.Crash.RuledOut.Single(r => r.What == "power").Why, Does.StartWith("3 requests"));
            if (hasAge)
            {
                Assert.That(scenario.Evidence("Request").Single(), Does.Contain("set D3, for 5m:00.000"));
                Assert.That(scenario.Evidence("Also").Single(), Does.Contain(@"set D0, for 2s.000, currently at \Driver\pci"));
            }
            else
                Assert.That(scenario.Evidence("Request").Single(), Does.Contain("for an unknown time"));
        });
    }

    [TestCase("6.1.7601")]
    [TestCase("10.0.19041")]
    public void A_small_dump_is_enough(string layout)
    {
        using CrashScenario scenario = new("power-irp-driver", layout, DumpKind.Triage);

        Assert.That(scenario.Verdict.Class, Is.EqualTo(VerdictClass.Crash));
        Assert.That(scenario.Verdict.Culprit!.Module.FileName, Is.EqualTo("acmenic.sys"));
        Assert.That(scenario.Evidence("Stack"), Has.Count.EqualTo(2));
    }

    [TestCaseSource(nameof(s_layouts))]
    public void A_class_driver_waits_for_the_port_driver_below_it(string layout)
    {
        using CrashScenario scenario = new("power-irp-disk", layout);

        Assert.Multiple(() =>
        {
            Assert.That(scenario.Crash.Blame.Module!.FileName, Is.EqualTo("acmeraid.sys"));
            Assert.That(scenario.Crash.Blame.Statement, Does.Contain(@"below \Driver\disk"));
            Assert.That(scenario.Evidence("Stack").Select(l => l.Split(' ')[1]),
                Is.EqualTo(new[] { @"\Driver\partmgr", @"\Driver\disk", @"\Driver\ACPI", @"\Driver\acmeraid" }));
            Assert.That(scenario.Evidence("Stack")[1], Does.EndWith("<- has the request"));
            Assert.That(scenario.Evidence("Also").Single(), Does.EndWith(@"currently at \Driver\acmeraid"));
        });
    }

    [Test]
    public void Drivers_of_Windows_stand_for_their_device()
    {
        using CrashScenario scenario = new("power-irp-microsoft", "10.0.19041");

        Assert.That((scenario.Crash.Blame.Cause, scenario.Crash.Blame.Module), Is.EqualTo((CrashCause.Device, (ModuleFacts?)null)));
        Assert.That(scenario.Verdict.Summary, Does.Contain("Prod_SSD").And.Contain("2m:00.000").And.Contain(@"\Driver\storahci"));
    }

    [TestCaseSource(nameof(s_layouts))]
    public void A_thread_that_is_inside_a_driver_with_the_request_decides(string layout)
    {
        using CrashScenario scenario = new("power-irp-thread", layout);

        Assert.Multiple(() =>
        {
            Assert.That(scenario.Crash.Blame.Module!.FileName, Is.EqualTo("usbguard.sys"));
            Assert.That(scenario.Crash.Blame.Certainty, Is.EqualTo(Certainty.Proven));
            Assert.That(scenario.Crash.Blame.Frame!.Displacement, Is.EqualTo(0x2a14));
            Assert.That(scenario.Crash.Stacks.Single().Title, Is.EqualTo("thread that sends the request"));
        });
    }

    [TestCaseSource(nameof(s_layouts))]
    public void The_chain_begins_with_the_thread_that_has_the_Plug_and_Play_lock(string layout)
    {
        using CrashScenario scenario = new("power-pnp-lock", layout);

        Verdict verdict = scenario.Verdict;

        Assert.That(verdict.Summary, Does.StartWith("stop 0x9f DRIVER_POWER_STATE_FAILURE").And.Contain("acmescan.sys"));
        Assert.That(verdict.Chains, Has.Count.EqualTo(2), "the other hang is told, too");
        Assert.That(scenario.Meaning(2), Is.EqualTo("600 s"));
    }

    [Test]
    public void Lists_that_are_damaged_and_devices_in_a_ring_end()
    {
        SystemBuilder system = HangAnalysis.DumpForge.Scenarios.ScenarioSet.Build(
            "power-irp-driver", HangAnalysis.DumpForge.Layouts.KernelLayout.BuiltIn("10.0.19041"));
        system.Finish();
        ulong pdo = system.Options.BugCheckParameters[1];
        KernelStruct lowest = system.Struct("_DEVICE_OBJECT", pdo);
        KernelStruct top = system.Struct("_DEVICE_OBJECT", lowest.Get("AttachedDevice"));
        top.Set("AttachedDevice", pdo);
        system.Struct("_DEVOBJ_EXTENSION", lowest.Get("DeviceObjectExtension")).Set("AttachedTo", top.Address);
        system.Kernel.WriteUInt64(system.Nt.Variable("PopIrpList", 16), 0x1234);

        using CrashScenario scenario = new(system);

        Assert.That(scenario.Evidence("Stack"), Has.Count.EqualTo(2));
        Assert.That(scenario.Crash.Blame.Module!.FileName, Is.EqualTo("acmenic.sys"));
    }
}
