namespace HangAnalysis.DumpForge.Layouts;

/// <summary>Types of the memory manager on x86 that the layout files lack.</summary>
/// <remarks>
/// Those of XP and 2003 are as ReactOS, which keeps to 2003, has them in miarm.h and pool.h, and as listings of public symbols
/// show them; later ones are those of x64 with members of half the size, and where the layout files have a member behind such
/// a type, its size comes out right: 34 bytes of _MI_SYSTEM_PTE_TYPE and c of _MM_PAGED_POOL_INFO on 19041.
/// </remarks>
internal static class MemoryTypesX86
{
    private const int Vista = 6000, Seven = 7600, Ten = 10240;
    private const string Short = "unsigned short", Long = "unsigned long";

    public static IEnumerable<TypeDefinition> Of(int build)
    {
        yield return PageList(build);
        yield return PagingFile(build);
        yield return PagedPoolInfo(build);
        if (build < Vista)
            yield return PoolDescriptor();
        // Of Vista no place is known where system page table entries are counted.
        if (build >= Ten)
        {
            yield return MemoryTypes.SystemPteType(0x34, Long, 0x20, 0x30, 0x18);
            yield return SystemPteState();
            yield return VisiblePartition();
            yield return PageLists();
        }
        else if (build >= Seven)
            yield return MemoryTypes.SystemPteType(0x30, Long, 0x1c, 0x20, 0x28);
    }

    private static TypeDefinition PageList(int build) => new("_MMPFNLIST", false, build < Seven ? 0x10 : 0x14,
    [
        new LayoutField("Total", 0, Long), new LayoutField("ListName", 4, Long), new LayoutField("Flink", 8, Long),
        new LayoutField("Blink", 0xc, Long), .. build < Seven ? (LayoutField[])[] : [new LayoutField("Lock", 0x10, Long)],
    ]);

    // Of the flags the bits are known, not their word's place, which is chosen.
    private static TypeDefinition PagingFile(int build) => new("_MMPAGING_FILE", false, build < Vista ? 0x44 : 0x90,
    [
        new LayoutField("Size", 0, Long), new LayoutField("MaximumSize", 4, Long), new LayoutField("MinimumSize", 8, Long),
        new LayoutField("FreeSpace", 0xc, Long),
        // Before Vista the usage of the moment comes before the peak.
        new LayoutField("PeakUsage", build < Vista ? 0x14 : 0x10, Long),
        new LayoutField("PageFileName", build is >= Vista and < Ten ? 0x24 : 0x30, "_UNICODE_STRING"),
        .. build < Ten ? (LayoutField[])[] :
        [
            new LayoutField("WsSwapPagefile", 0x66, $"{Short}:1@4"), new LayoutField("VirtualStorePagefile", 0x66, $"{Short}:1@6"),
        ],
    ]);

    private static TypeDefinition PagedPoolInfo(int build)
    {
        int at = build < Vista ? 0x1c : build < Ten ? 0x34 : 8;
        return new TypeDefinition("_MM_PAGED_POOL_INFO", false, at + 4, [new LayoutField("AllocatedPagedPool", at, Long)]);
    }

    private static TypeDefinition PoolDescriptor() => new("_POOL_DESCRIPTOR", false, 0x1030,
    [
        new LayoutField("PoolType", 0, Long), new LayoutField("PoolIndex", 4, Long), new LayoutField("RunningAllocs", 8, Long),
        new LayoutField("RunningDeAllocs", 0xc, Long), new LayoutField("TotalPages", 0x10, Long),
        new LayoutField("TotalBigPages", 0x14, Long), new LayoutField("Threshold", 0x18, Long),
    ]);

    // The names are the system's; the offsets are chosen within the room that the layout has, which a reader has from the PDB.
    private static TypeDefinition VisiblePartition() => new("_MI_VISIBLE_PARTITION", false, 0xc00,
    [
        new LayoutField("NumberOfPhysicalPages", 8, Long), new LayoutField("NumberOfPagingFiles", 0xc, Long),
        new LayoutField("PagingFile", 0x10, "*_MMPAGING_FILE[16]"), new LayoutField("AvailablePages", 0x60, Long),
        new LayoutField("ResidentAvailablePages", 0x80, Long), new LayoutField("TotalCommittedPages", 0x114, Long),
        new LayoutField("ModifiedPageListHead", 0x120, "_MMPFNLIST"), new LayoutField("TotalCommitLimit", 0x154, Long),
        new LayoutField("SharedCommit", 0x164, Long), new LayoutField("ChargeCommitmentFailures", 0x16c, $"{Long}[4]"),
    ]);

    private static TypeDefinition PageLists() => new("_MI_PARTITION_PAGE_LISTS", false, 0x840,
    [
        new LayoutField("ZeroedPageListHead", 0x80, "_MMPFNLIST"), new LayoutField("FreePageListHead", 0xa0, "_MMPFNLIST"),
        new LayoutField("StandbyPageListByPriority", 0xc0, "_MMPFNLIST[8]"),
    ]);

    private static TypeDefinition SystemPteState() => new("_MI_SYSTEM_PTE_STATE", false, 0x180,
    [
        new LayoutField("SystemViewPteInfo", 0x5c, "_MI_SYSTEM_PTE_TYPE"), new LayoutField("KernelStackPteInfo", 0x90, "_MI_SYSTEM_PTE_TYPE"),
    ]);
}
