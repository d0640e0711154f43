namespace HangAnalysis.Linux.Stops;

/// <summary>What the number of an address that failed says.</summary>
internal static class BadAddress
{
    /// <summary>
    /// The first page is never mapped: an address in it is a NULL pointer, or a member of what one points to.
    /// </summary>
    public const ulong NullPage = 4096;

    /// <summary>Whether it is a NULL pointer, or a member of what one points to.</summary>
    public static bool IsNull(ulong address) => address < NullPage;

    /// <summary>Whether no page table can map it: the bits above those that are translated are not all alike.</summary>
    public static bool IsNonCanonical(ulong address, int levels)
    {
        int bits = levels == 5 ? 57 : 48;
        long top = (long)address >> (bits - 1);
        return top is not 0 and not -1;
    }

    /// <summary>What the number says, as a sentence without its stop; null where it says nothing.</summary>
    /// <remarks>include/linux/poison.h; ERR_PTR() makes the numbers just below 0.</remarks>
    public static string? Describe(ulong address, int levels)
    {
        const ulong MostErrors = 4095;
        if (address == 0)
            return "a NULL pointer";
        if (address < NullPage)
            return $"0x{address:x} bytes behind a NULL pointer, as a member of a structure is";
        if (address >= unchecked(0 - MostErrors))
            return $"an error code {unchecked((long)address)} that was taken for a pointer, or something just before NULL";
        if ((address & 0xffff_ffff_ffff_0000) == 0xdead_0000_0000_0000)
            return "an entry of a list that was taken off it before (LIST_POISON)";
        if (HasByte(address, 0x6b))
            return "freed memory of the slab allocator (POISON_FREE): it was used after it was freed";
        if (HasByte(address, 0x5a))
            return "memory that was never written (POISON_INUSE)";
        if (IsNonCanonical(address, levels))
            return "no address at all: its upper bits are not alike (not canonical), as of text or other data taken for a pointer";
        return address >> 63 == 0 ? "an address of user programs: the kernel must not use it so" : null;
    }

    /// <summary>Whether the upper seven bytes are all one value: a small number may have been added.</summary>
    private static bool HasByte(ulong address, byte value) => address >> 16 == value * 0x0101_0101_0101UL;
}
