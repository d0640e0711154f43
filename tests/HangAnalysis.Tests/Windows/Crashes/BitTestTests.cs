using HangAnalysis.Windows.Crashes;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Single bits: what one real machine had (bit 37 in two page table entries and in a pointer), and what is none.</summary>
public class BitTestTests
{
    [TestCase(0x2000000000UL, 0UL, 37)]
    [TestCase(0xfffff80000000008UL, 0xfffff80000000000UL, 3)]
    [TestCase(5UL, 5UL, null)]
    [TestCase(6UL, 5UL, null)]
    public void A_difference_of_one_bit_is_its_number(ulong actual, ulong expected, int? bit) =>
        Assert.That(BitTest.Differs(actual, expected), Is.EqualTo(bit));

    [TestCase(0x2000000068UL, 37)]
    [TestCase(0x0000100000000000UL, 44)]
    // Two bits; a small number; a pointer of user mode; bit 47, which makes an address none.
    [TestCase(0x3000000068UL, null)]
    [TestCase(0x68UL, null)]
    [TestCase(0x7ffe12345678UL, null)]
    [TestCase(0x800000000000UL, null)]
    public void A_bit_above_a_null_pointer_is_told(ulong value, int? bit) =>
        Assert.That(BitTest.StandsAlone(value), Is.EqualTo(bit));

    [TestCase(0xff7fab06b0044000UL, 55)]
    [TestCase(0x7fffab06b0044000UL, 63)]
    [TestCase(0x0010000012345678UL, 52)]
    [TestCase(0xffffab06b0044000UL, null)]
    [TestCase(0x00007ffe12345678UL, null)]
    // Text in the place of a pointer has more than one bit wrong.
    [TestCase(0x4141414141414141UL, null)]
    [TestCase(0x0000f80012345678UL, null)]
    public void A_bit_that_makes_an_address_none_is_told(ulong address, int? bit) =>
        Assert.That(BitTest.BreaksCanonical(address), Is.EqualTo(bit));
}
