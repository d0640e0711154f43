using System.Numerics;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Whether a value differs from what it should be by one bit, as memory with an error makes it.</summary>
/// <remarks>
/// One dump is a hint: software sets single bits too. The same bit in two dumps of one machine is evidence (two real dumps of one
/// machine have bit 37 alone in a page table entry that should be zero, a third dereferences 0x2000000068 [DUMP]).
/// </remarks>
internal static class BitTest
{
    /// <summary>Bits of a virtual address of x64 that repeat bit 47.</summary>
    private const int FirstSignBit = 47;

    /// <summary>An address below this is a null pointer with the offset of a field.</summary>
    private const ulong NullRegion = 0x1_0000;

    /// <summary>The bit in which a value differs from another; null where they are equal, or differ in more.</summary>
    public static int? Differs(ulong actual, ulong expected) =>
        BitOperations.PopCount(actual ^ expected) == 1 ? BitOperations.TrailingZeroCount(actual ^ expected) : null;

    /// <summary>
    /// The bit that makes an address of x64 one that no page table can hold: with it turned, the bits above 47 all are as bit 47.
    /// Null where the address is one, where more than one bit is wrong, and for bit 47: a pointer of the kernel whose upper half was
    /// cut off by software looks so.
    /// </summary>
    public static int? BreaksCanonical(ulong address)
    {
        ulong high = address >> FirstSignBit;
        const ulong AllSet = (1UL << 64 - FirstSignBit) - 1;
        return (Differs(high, 0) ?? Differs(high, AllSet)) is > 0 and var bit ? FirstSignBit + bit : null;
    }

    /// <summary>
    /// The bit that stands alone above a null pointer with a small offset: 0x2000000068 is 0x68 and bit 37. Null for other values.
    /// </summary>
    public static int? StandsAlone(ulong value)
    {
        const int LowestBit = 32;
        ulong high = value & ~(NullRegion - 1);
        return BitOperations.IsPow2(high) && BitOperations.TrailingZeroCount(high) is var bit && bit >= LowestBit && bit < FirstSignBit
            ? bit
            : null;
    }
}
