using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>The page tables of x86-64 Linux: four or five levels of 512 entries, pages of 4 KB, 2 MB and 1 GB.</summary>
/// <remarks>
/// Entries that are not present are followed in one case: bit 8 (_PAGE_PROTNONE, set in no swap entry) keeps the page in
/// place for NUMA balancing and mprotect. Since 4.18 such an entry holds the page number with all bits inverted (against the
/// L1 terminal fault: arch/x86/include/asm/pgtable-invert.h).
/// </remarks>
internal sealed class LinuxPageTables(VmcoreMemory physical, ulong root, int levels, ulong encryptionMask) : PageTables
{
    private const ulong PageNumberMask = 0x000f_ffff_ffff_f000;
    private const ulong Present = 1;
    private const ulong LargePage = 0x80;
    private const ulong ProtNone = 0x100;

    private readonly ulong _mask = PageNumberMask & ~encryptionMask;
    private readonly int _topShift = levels == 5 ? 48 : 39;

    /// <inheritdoc/>
    public override bool TryTranslate(ulong address, out ulong physicalAddress)
    {
        physicalAddress = 0;
        int signShift = 63 - (_topShift + 8);
        if ((ulong)((long)(address << signShift) >> signShift) != address)
            return false;
        ulong table = root & _mask;
        for (int shift = _topShift; ; shift -= 9)
        {
            if (!physical.TryReadEntry64(table + (address >> shift & 511) * 8, out ulong entry))
                return false;
            bool isPage = shift == 12 || (shift is 21 or 30 && (entry & LargePage) != 0);
            if ((entry & Present) == 0)
            {
                if (!isPage || (entry & ProtNone) == 0)
                    return false;
                entry = (~entry & _mask) >> 12 < physical.EndPage ? ~entry : entry;
            }
            table = entry & _mask;
            if (isPage)
            {
                ulong inside = (1UL << shift) - 1;
                physicalAddress = (table & ~inside) | (address & inside);
                return true;
            }
        }
    }
}
