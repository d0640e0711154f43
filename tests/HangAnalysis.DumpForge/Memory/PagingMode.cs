namespace HangAnalysis.DumpForge.Memory;

/// <summary>How a processor's page tables are built.</summary>
/// <param name="IndexBits">Bits of an address that each level takes.</param>
/// <param name="TopShift">Position of the bits that the top level takes.</param>
/// <param name="EntrySize">Bytes of an entry.</param>
/// <param name="AddressBits">Bits of an address; the upper half of all addresses is the kernel's.</param>
public sealed record PagingMode(int IndexBits, int TopShift, int EntrySize, int AddressBits)
{
    /// <summary>Flags of entries that lead to the kernel's and a process's pages: present, writable, accessed, dirty, user.</summary>
    public (ulong Kernel, ulong User) Flags { get; private init; } = (0x63, 0x67);

    /// <summary>Flags of a top-level entry where they differ from the others.</summary>
    public ulong? TopFlags { get; private init; }

    /// <summary>x64, with four or five levels.</summary>
    public static PagingMode X64(int levels) => new(9, 12 + 9 * (levels - 1), 8, 64);

    /// <summary>x86 with physical address extension: four entries of 1 GB, which have no flags but "present".</summary>
    public static PagingMode Pae { get; } = new(9, 30, 8, 32) { TopFlags = 1 };

    /// <summary>x86 with two levels of entries of 4 bytes.</summary>
    public static PagingMode TwoLevels { get; } = new(10, 22, 4, 32);

    /// <summary>
    /// ARM64 as Windows has it: pages of 4 KB, four levels, one root whose halves the two table registers point at. Flags:
    /// table or page, inner shareable, accessed; 0x40 for user mode.
    /// </summary>
    public static PagingMode Arm64 { get; } = new(9, 39, 8, 64) { Flags = (0x703, 0x743) };

    /// <summary>Number of levels.</summary>
    public int Levels => (TopShift - 12) / IndexBits + 1;

    /// <summary>Size of a pointer in bytes.</summary>
    public int PointerSize => AddressBits / 8;

    /// <summary>Whether an address is the kernel's.</summary>
    public bool IsKernel(ulong va) => va >> AddressBits - 1 != 0;

    /// <summary>Number of entries of the top level.</summary>
    public int TopEntries => 1 << Math.Min(IndexBits, (AddressBits == 64 ? TopShift + IndexBits : AddressBits) - TopShift);
}
