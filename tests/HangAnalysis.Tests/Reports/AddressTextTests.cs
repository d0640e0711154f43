using HangAnalysis.Reports;
using NUnit.Framework;

namespace HangAnalysis.Tests.Reports;

public class AddressTextTests
{
    [TestCase("thread 0000000089100b00 of System", "thread 89100b00 of System")]
    [TestCase("0x0000000089100b00, (00000000f8a00010)", "0x89100b00, (f8a00010)")]
    [TestCase("dt nt!_KTHREAD 0000000089100b00 WaitBlock", "dt nt!_KTHREAD 89100b00 WaitBlock")]
    [TestCase("0000000000000000", "00000000")]
    [TestCase("ffffffff89100b00", "ffffffff89100b00")]
    [TestCase("{00000000-0000-0000-0000-000000000000}", "{00000000-0000-0000-0000-000000000000}")]
    [TestCase("00000000000000001", "00000000000000001")]
    [TestCase("x0000000089100b00", "x0000000089100b00")]
    [TestCase("00000000 rows", "00000000 rows")]
    public void Of_a_32_bit_system_addresses_have_eight_digits(string text, string expected) =>
        Assert.That(AddressText.Narrow(text), Is.EqualTo(expected));
}
