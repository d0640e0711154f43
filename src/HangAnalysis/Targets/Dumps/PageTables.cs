namespace HangAnalysis.Targets.Dumps;

/// <summary>Physical memory to walk page tables in: a dump's pages, or a debugger's.</summary>
internal interface IPhysicalMemory
{
    /// <summary>One more than the highest page number that can be present.</summary>
    ulong EndPage { get; }

    /// <summary>Reads an aligned 8-byte value: an entry of a page table.</summary>
    bool TryReadEntry64(ulong physicalAddress, out ulong value);

    /// <summary>Reads an aligned 4-byte value: an entry of a page table of x86 without PAE.</summary>
    bool TryReadEntry32(ulong physicalAddress, out uint value)
    {
        bool read = TryReadEntry64(physicalAddress & ~7UL, out ulong both);
        value = (uint)(both >> ((int)(physicalAddress & 4) * 8));
        return read;
    }
}

/// <summary>Translates virtual addresses by the page tables that the dump holds.</summary>
internal abstract class PageTables
{
    /// <summary>
    /// The physical address of a virtual one; false where no table maps it or a table is not in the dump.
    /// Whether the page itself is in the dump is another question.
    /// </summary>
    public abstract bool TryTranslate(ulong address, out ulong physicalAddress);
}

/// <summary>x64: four or five levels of 512 entries, pages of 4 KB, 2 MB and 1 GB.</summary>
/// <remarks>
/// An entry without the valid bit is still followed where Windows keeps the page in memory "in transition": on the way
/// to the disk or back, with its content in place. Debuggers read those pages. The format of such an entry
/// (_MMPTE_TRANSITION in nt's public symbols): Valid bit 0 clear, Prototype bit 10 clear, Transition bit 11 set, the page
/// number at bit 12. Since Windows 10 1803 invalid entries may have high page-number bits inverted (against the L1
/// terminal fault; SwizzleBit, bit 4, tells of it in _MMPTE_SOFTWARE): those bits lie beyond the physical memory, so a
/// page number that is too high is tried again without them.
/// </remarks>
internal sealed class X64PageTables(IPhysicalMemory physical, ulong directoryTableBase, int levels) : PageTables
{
    private const ulong PageNumberMask = 0x000f_ffff_ffff_f000;
    private const ulong Valid = 1;
    private const ulong LargePage = 0x80;
    private const ulong Prototype = 0x400;
    private const ulong Transition = 0x800;

    private readonly ulong _root = directoryTableBase & PageNumberMask;
    private readonly int _topShift = levels == 5 ? 48 : 39;

    /// <summary>Mask of the page-number bits that real memory of this machine can have.</summary>
    private readonly ulong _presentMask = ToMask(physical.EndPage) << 12 | 0xfff;

    /// <inheritdoc/>
    public override bool TryTranslate(ulong address, out ulong physicalAddress)
    {
        physicalAddress = 0;
        int signShift = 63 - (_topShift + 8);
        if ((ulong)((long)(address << signShift) >> signShift) != address)
            return false;
        ulong table = _root;
        for (int shift = _topShift; shift >= 12; shift -= 9)
        {
            if (!physical.TryReadEntry64(table + (address >> shift & 511) * 8, out ulong entry))
                return false;
            if ((entry & Valid) == 0)
            {
                if ((entry & (Prototype | Transition)) != Transition)
                    return false;
                table = entry & PageNumberMask;
                if (table >> 12 >= physical.EndPage)
                    table &= _presentMask;
            }
            else
            {
                table = entry & PageNumberMask;
                if (shift is 21 or 30 && (entry & LargePage) != 0)
                {
                    ulong inside = (1UL << shift) - 1;
                    physicalAddress = (table & ~inside) | (address & inside);
                    return true;
                }
            }
        }
        physicalAddress = table | (address & 0xfff);
        return true;
    }

    private static ulong ToMask(ulong endPage) =>
        endPage == 0 ? 0 : ulong.MaxValue >> System.Numerics.BitOperations.LeadingZeroCount(endPage);
}

/// <summary>x86 with PAE: four directory pointers, then 512 entries of 8 bytes; pages of 4 KB and 2 MB.</summary>
internal sealed class X86PaePageTables(IPhysicalMemory physical, ulong directoryTableBase) : PageTables
{
    private const ulong PageNumberMask = 0x000f_ffff_ffff_f000;

    /// <inheritdoc/>
    public override bool TryTranslate(ulong address, out ulong physicalAddress)
    {
        physicalAddress = 0;
        uint va = (uint)address;
        ulong pointer = (directoryTableBase & 0xffff_ffe0) + (va >> 30) * 8UL;
        if (!physical.TryReadEntry64(pointer, out ulong entry) || (entry & 1) == 0
            || !physical.TryReadEntry64((entry & PageNumberMask) + (va >> 21 & 511) * 8UL, out entry) || (entry & 1) == 0)
            return false;
        if ((entry & 0x80) != 0)
        {
            physicalAddress = (entry & PageNumberMask & ~0x1f_ffffUL) | (va & 0x1f_ffff);
            return true;
        }
        if (!physical.TryReadEntry64((entry & PageNumberMask) + (va >> 12 & 511) * 8UL, out entry)
            || ((entry & 1) == 0 && (entry & 0xc00) != 0x800))
            return false;
        physicalAddress = (entry & PageNumberMask) | (va & 0xfff);
        return true;
    }
}

/// <summary>x86 without PAE: two levels of 1,024 entries of 4 bytes; pages of 4 KB and 4 MB.</summary>
internal sealed class X86PageTables(IPhysicalMemory physical, ulong directoryTableBase) : PageTables
{
    /// <inheritdoc/>
    public override bool TryTranslate(ulong address, out ulong physicalAddress)
    {
        physicalAddress = 0;
        uint va = (uint)address;
        if (!physical.TryReadEntry32((directoryTableBase & 0xffff_f000) + (va >> 22) * 4UL, out uint entry) || (entry & 1) == 0)
            return false;
        if ((entry & 0x80) != 0)
        {
            physicalAddress = (entry & 0xffc0_0000) | (va & 0x3f_ffff);
            return true;
        }
        if (!physical.TryReadEntry32((entry & 0xffff_f000) + (va >> 12 & 1023) * 4UL, out entry)
            || ((entry & 1) == 0 && (entry & 0xc00) != 0x800))
            return false;
        physicalAddress = (entry & 0xffff_f000) | (va & 0xfff);
        return true;
    }
}

/// <summary>ARM64: four levels of 512 entries, pages of 4 KB, blocks of 2 MB and 1 GB.</summary>
/// <remarks>
/// Windows uses one root page for both halves of the address space (seen in a real small dump: TTBR1 = TTBR0 + 0x800,
/// T0SZ = T1SZ = 17), so that bits 39 to 47 of any address index it as on x64.
/// </remarks>
internal sealed class Arm64PageTables(IPhysicalMemory physical, ulong directoryTableBase) : PageTables
{
    private const ulong PageNumberMask = 0x0000_ffff_ffff_f000;

    /// <inheritdoc/>
    public override bool TryTranslate(ulong address, out ulong physicalAddress)
    {
        physicalAddress = 0;
        if ((ulong)((long)(address << 16) >> 16) != address)
            return false;
        ulong table = directoryTableBase & PageNumberMask;
        for (int shift = 39; shift >= 12; shift -= 9)
        {
            if (!physical.TryReadEntry64(table + (address >> shift & 511) * 8, out ulong entry) || (entry & 1) == 0)
                return false;
            table = entry & PageNumberMask;
            if (shift is 21 or 30 && (entry & 2) == 0)
            {
                ulong inside = (1UL << shift) - 1;
                physicalAddress = (table & ~inside) | (address & inside);
                return true;
            }
        }
        physicalAddress = table | (address & 0xfff);
        return true;
    }
}
