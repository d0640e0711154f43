using HangAnalysis.Targets;
using HangAnalysis.Windows.Crashes;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Which processors have which instructions: facts of the makers' manuals, by well-known models.</summary>
public class ProcessorFeatureTests
{
    // Core 2 (Penryn), Nehalem, Westmere, first Atom, Goldmont, Sandy Bridge, Haswell, Pentium 4.
    [TestCase("POPCNT", 6, 0x17, false)]
    [TestCase("POPCNT", 6, 0x1a, true)]
    [TestCase("SSE4_2", 6, 0x1c, false)]
    [TestCase("POPCNT", 6, 0x5c, true)]
    [TestCase("AVX", 6, 0x2c, false)]
    [TestCase("AVX", 6, 0x5c, false)]
    [TestCase("AVX2", 6, 0x2a, false)]
    [TestCase("POPCNT", 0xf, 4, false)]
    [TestCase("SSE2", 6, 0x17, true)]
    // Cheap models of these do not have them, and a hypervisor may hide them: not known.
    [TestCase("AVX", 6, 0x2a, null)]
    [TestCase("AVX2", 6, 0x3c, null)]
    [TestCase("AMX_TILE", 6, 0x3c, null)]
    public void Of_intel(string feature, int family, int model, bool? has) =>
        Assert.That(ProcessorFeatures.Has(feature, new ProcessorIdentity("GenuineIntel", family, model, 0)), Is.EqualTo(has));

    // K8, Barcelona, Bulldozer, Zen.
    [TestCase("POPCNT", 0xf, false)]
    [TestCase("POPCNT", 0x10, true)]
    [TestCase("AVX", 0x10, false)]
    [TestCase("AVX", 0x15, true)]
    [TestCase("AVX512F", 0x17, false)]
    [TestCase("AVX512F", 0x19, null)]
    public void Of_amd(string feature, int family, bool? has) =>
        Assert.That(ProcessorFeatures.Has(feature, new ProcessorIdentity("AuthenticAMD", family, 1, 0)), Is.EqualTo(has));

    [Test]
    public void Of_others_nothing_is_said() =>
        Assert.That(ProcessorFeatures.Has("POPCNT", new ProcessorIdentity("CentaurHauls", 6, 0x0f, 0)), Is.Null);

    [Test]
    public void The_identity_of_a_real_core_2_is_read_from_its_block()
    {
        // CpuType 6, CpuID 1, CpuStep 170a: as in two real small dumps.
        ProcessorIdentity? identity = ProcessorIdentity.FromBlock([6, 1, 0x0a, 0x17], "GenuineIntel"u8);

        Assert.That(identity, Is.EqualTo(new ProcessorIdentity("GenuineIntel", 6, 0x17, 0xa)));
        Assert.That(ProcessorIdentity.FromBlock([0, 0, 0, 0], default), Is.Null);
    }
}
