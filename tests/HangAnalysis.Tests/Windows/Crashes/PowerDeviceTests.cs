using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Stop 0x9F of the types that name a device and no overdue request: the driver of that device, and what it did.</summary>
[Parallelizable(ParallelScope.All)]
public class PowerDeviceTests
{
    // Which parameter is the device object is documented for each type; a directed transition names the lowest device of the stack.
    [TestCase("power-device-freed", 2, Certainty.Inferred, "freed a device")]
    [TestCase("power-device-next", 3, Certainty.Inferred, "without PoStartNextPowerIrp")]
    [TestCase("power-device-next-500", 4, Certainty.Inferred, "without PoStartNextPowerIrp")]
    [TestCase("power-directed-timeout", 2, Certainty.Candidate, "directed power transition")]
    public void The_driver_of_the_device_is_told(string name, int parameter, Certainty certainty, string deed)
    {
        foreach (string layout in (string[])["5.2.3790", "6.1.7601", "10.0.19041", "x86:10.0.19041"])
        {
            using CrashScenario scenario = new(name, layout);

            Assert.Multiple(() =>
            {
                Assert.That(scenario.Crash.Blame.Module?.FileName, Is.EqualTo("acmenic.sys"), layout);
                Assert.That(scenario.Crash.Blame.Certainty, Is.EqualTo(certainty), layout);
                Assert.That(scenario.Crash.Blame.Statement, Does.Contain(deed), layout);
                Assert.That(scenario.Meaning(parameter), Does.EndWith(certainty == Certainty.Candidate ? @" of \Driver\pci" : @" of \Driver\acmenic"), layout);
                Assert.That(scenario.Evidence("Stack"), Has.Some.Contains(@"\Driver\acmenic"), layout);
            });
        }
    }

    [TestCase("6.1.7601")]
    [TestCase("x86:6.1.7601")]
    public void A_failed_callback_names_nobody_and_its_direction_is_told(string layout)
    {
        using CrashScenario scenario = new("power-directed-callback", layout);

        Assert.That(scenario.Crash.Blame.Module, Is.Null);
        Assert.That(scenario.Meaning(3), Is.EqualTo("directed power down"));
    }
}
