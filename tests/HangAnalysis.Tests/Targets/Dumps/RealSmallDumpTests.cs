using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Dumps;

/// <summary>
/// Real small dumps. What is right is known from outside: build, processors and bug check from the corpus' own notes,
/// driver counts and the kernel's base from the raw fields of the files.
/// </summary>
public class RealSmallDumpTests
{
    private static readonly object[] s_dumps =
    [
        new object[] { "triage_x64.dmp", 19041u, 16, 0x1000007eu, 0x7eu, 0x97, 0xfffff8047ba00000UL, Architecture.X64 },
        new object[] { "triage_arm64.dmp", 22000u, 8, 0x1c8u, 0x1c8u, 0xf5, 0xfffff803f2e00000UL, Architecture.Arm64 },
        new object[] { "real-1e.dmp", 19041u, 12, 0x1eu, 0x1eu, 0xd4, 0xfffff8030b800000UL, Architecture.X64 },
        new object[] { "real-3b_0.dmp", 26100u, 12, 0x3bu, 0x3bu, 0xcc, 0xfffff803cc200000UL, Architecture.X64 },
        new object[] { "real-50_0.dmp", 26100u, 12, 0x50u, 0x50u, 0xd0, 0xfffff80770400000UL, Architecture.X64 },
        new object[] { "real-7e_1.dmp", 19041u, 4, 0x1000007eu, 0x7eu, 0xbd, 0xfffff80081c00000UL, Architecture.X64 },
        new object[] { "real-7e_2.dmp", 19041u, 4, 0x1000007eu, 0x7eu, 0xbc, 0xfffff8025f800000UL, Architecture.X64 },
    ];

    [TestCaseSource(nameof(s_dumps))]
    public void Header_bug_check_and_modules_are_right(
        string file, uint build, int processors, uint rawCode, uint code, int drivers, ulong kernelBase, Architecture architecture)
    {
        using KernelDumpTarget target = KernelDumpTarget.Open(SharedMaterial.Require($"corpus/dumps/{file}"));

        Assert.Multiple(() =>
        {
            Assert.That(target.Description.Architecture, Is.EqualTo(architecture));
            Assert.That(target.Description.OperatingSystem, Is.EqualTo($"Windows 10.0.{build}"));
            Assert.That(target.Description.ProcessorCount, Is.EqualTo(processors));
            Assert.That(target.Description.BugCheck!.RawCode, Is.EqualTo(rawCode));
            Assert.That(target.Description.BugCheck!.Code, Is.EqualTo(code));
            Assert.That(target.Description.Kind, Is.EqualTo("small"));
            Assert.That(target.Description.Damage, Is.Empty);
            Assert.That(target.KernelModules, Has.Count.EqualTo(drivers));
            Assert.That(target.KernelModules[0].Name, Is.EqualTo("nt"));
            Assert.That(target.KernelModules[0].BaseAddress, Is.EqualTo(kernelBase));
            Assert.That(target.KernelModules.Select(m => m.FileName), Has.All.Match(@"^[\x21-\x7e ]+\.\w+$"));
            Assert.That(target.UnloadedModules, Is.Not.Empty);
        });
    }
}
