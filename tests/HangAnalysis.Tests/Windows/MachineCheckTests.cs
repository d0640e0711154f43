using HangAnalysis.Windows.Crashes;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>
/// Machine check codes in words: the examples are the compound codes of Intel's manual (vol. 3, chapter 16, tables of simple and
/// compound error codes) and statuses that published dumps of 0x124 have.
/// </summary>
public class MachineCheckTests
{
    [TestCase(0xbe00000000800400ul, "Timer", "internal timer")]
    [TestCase(0xbe2000000003110aul, "Cache", "error in the L2 cache on an access")]
    [TestCase(0xb200000000100402ul, "Internal", "internal error of the processor (0x0402)")]
    [TestCase(0xf200000000020005ul, "Internal", "parity inside the processor")]
    [TestCase(0xbe00000000000135ul, "Cache", "L1 data cache on a read of data")]
    [TestCase(0xbe00000000000151ul, "Cache", "L1 instruction cache on an instruction fetch")]
    [TestCase(0xbe0000000000017aul, "Cache", "L2 cache on an eviction")]
    [TestCase(0xbe00000000000014ul, "Translation", "L0 data translation buffer")]
    [TestCase(0xfe0000000000009ful, "Memory", "memory controller reported an error on a read")]
    [TestCase(0xfe000000000000a1ul, "Memory", "(channel 1) reported an error on a write")]
    [TestCase(0xfa00000000070f0ful, "Bus", "a request to the bus on the interconnect timed out")]
    [TestCase(0xb200000000000813ul, "Bus", "this processor's request (a read, memory) failed")]
    [TestCase(0xb200000000000e0bul, "Bus", "input/output error")]
    [TestCase(0xb200000000000000ul, "Other", "no error code")]
    [TestCase(0xb200000000000600ul, "Internal", "(0x0600)")]
    public void The_code_is_told_in_words(ulong status, string kind, string words)
    {
        MachineCheck check = new(status);

        Assert.That(check.Kind.ToString(), Is.EqualTo(kind));
        Assert.That(check.Describe(), Does.Contain(words));
    }

    [Test]
    public void Every_status_has_words()
    {
        for (uint code = 0; code <= 0xffff; code++)
            Assert.That(new MachineCheck(0x8000_0000_0000_0000 | code).Describe(), Is.Not.Empty);
    }

    [TestCase(0xfe00000000000135ul, "uncorrected, processor context lost, further errors were lost, more in MISC")]
    [TestCase(0x8c00004000000135ul, "corrected, reporting was not enabled, more in MISC")]
    [TestCase(0x3e00000000000135ul, "not valid, uncorrected")]
    public void The_flags_are_told(ulong status, string words) =>
        Assert.That(new MachineCheck(status).DescribeFlags(), Does.StartWith(words));
}
