namespace HangAnalysis.DumpForge.Layouts;

/// <summary>Types of the memory manager on x64 that the layout files lack.</summary>
internal static class MemoryTypes
{
    private const string Short = "unsigned short", Long = "unsigned long", Quad = "unsigned long long";

    public static IEnumerable<TypeDefinition> Of(int build)
    {
        if (build >= 14393)
        {
            yield return VisiblePartition(build);
            yield return PageLists();
            yield return SystemPteState(build);
        }
        yield return PageList();
        yield return PagingFile(build);
        yield return SystemPteType(build);
        yield return PagedPoolInfo(build);
    }

    // The offsets are those that memory triage uses; they were compared with the field order in public PDBs and with values
    // in dumps.
    private static TypeDefinition VisiblePartition(int build) => new("_MI_VISIBLE_PARTITION", false, 0x1200,
    [
        new LayoutField("NumberOfPhysicalPages", 0x10, Quad),
        new LayoutField("NumberOfPagingFiles", 0x18, Long),
        new LayoutField("PagingFile", 0x20, "*_MMPAGING_FILE[16]"),
        new LayoutField("AvailablePages", 0xc0, Quad),
        new LayoutField("ResidentAvailablePages", 0x100, Quad),
        new LayoutField("ModifiedPageListHead", build < 17763 ? 0x3c0 : 0x240, "_MMPFNLIST"),
        new LayoutField("TotalCommittedPages", build < 17763 ? 0x3a8 : 0x228, Quad),
        new LayoutField("TotalCommitLimit", build < 17763 ? 0x428 : build < 20348 ? 0x2a8 : 0x318, Quad),
        new LayoutField("ChargeCommitmentFailures", build < 17763 ? 0x448 : build < 20348 ? 0x2d8 : 0x358, $"{Long}[4]"),
        // The count of shared commit moved here from the visible state.
        .. build < 17763 ? (LayoutField[])[] : [new LayoutField("SharedCommit", build < 20348 ? 0x2c8 : 0x338, Quad)],
    ]);

    // The names are the system's; the offsets are chosen, which a reader has from the PDB.
    private static TypeDefinition PageLists() => new("_MI_PARTITION_PAGE_LISTS", false, 0xc00,
    [
        new LayoutField("ZeroedPageListHead", 0x100, "_MMPFNLIST"), new LayoutField("FreePageListHead", 0x140, "_MMPFNLIST"),
        new LayoutField("StandbyPageListByPriority", 0x180, "_MMPFNLIST[8]"),
    ]);

    private static TypeDefinition PageList() => new("_MMPFNLIST", false, 0x28,
    [
        new LayoutField("Total", 0, Quad), new LayoutField("ListName", 8, Long), new LayoutField("Flink", 0x10, Quad),
        new LayoutField("Blink", 0x18, Quad), new LayoutField("Lock", 0x20, Quad),
    ]);

    // Of the flags the bits are known, not their word's place, which is chosen.
    private static TypeDefinition PagingFile(int build) => new("_MMPAGING_FILE", false, 0x120,
    [
        new LayoutField("Size", 0, Quad), new LayoutField("MaximumSize", 8, Quad), new LayoutField("MinimumSize", 0x10, Quad),
        new LayoutField("FreeSpace", 0x18, Quad), new LayoutField("PeakUsage", 0x20, Quad),
        new LayoutField("PageFileName", build < 9200 ? 0x48 : build < 14393 ? 0x70 : 0x60, "_UNICODE_STRING"),
        .. build < 9200 ? (LayoutField[])[] :
        [
            new LayoutField("WsSwapPagefile", 0xcc, $"{Short}:1@{(build < 14393 ? 5 : 4)}"),
            new LayoutField("VirtualStorePagefile", 0xcc, $"{Short}:1@6"),
        ],
    ]);

    private static TypeDefinition SystemPteType(int build) => build switch
    {
        < 9200 => SystemPteType(0x48, Long, 0x30, 0x34, 0x3c),
        < 17763 => SystemPteType(0x68, Quad, 0x40, build < 14393 ? 0x58 : 0x60, 0x28),
        < 22000 => SystemPteType(0x60, Quad, 0x38, 0x58, 0x28),
        _ => SystemPteType(0x58, Quad, 0x30, 0x50, 0x20),
    };

    internal static TypeDefinition SystemPteType(int size, string count, int total, int free, int failures) =>
        new("_MI_SYSTEM_PTE_TYPE", false, size,
        [
            new LayoutField("TotalSystemPtes", total, count), new LayoutField("TotalFreeSystemPtes", free, count),
            new LayoutField("PteFailures", failures, Long),
        ]);

    private static TypeDefinition SystemPteState(int build)
    {
        int view = build < 17763 ? 0xd8 : build < 20348 ? 0xb8 : 0xc0;
        List<LayoutField> fields = [new LayoutField("SystemViewPteInfo", view, "_MI_SYSTEM_PTE_TYPE")];
        if (build >= 17763)
            fields.Add(new LayoutField("KernelStackPteInfo", build is >= 20348 and < 22000 ? 0x120 : 0x118, "_MI_SYSTEM_PTE_TYPE"));
        return new TypeDefinition("_MI_SYSTEM_PTE_STATE", false, build < 17763 ? 0x1c0 : build < 20348 ? 0x200 : 0x280, fields);
    }

    private static TypeDefinition PagedPoolInfo(int build)
    {
        int at = build < 14393 ? 0x60 : build < 18326 ? 0x30 : 0x10;
        return new TypeDefinition("_MM_PAGED_POOL_INFO", false, at + 8, [new LayoutField("AllocatedPagedPool", at, Quad)]);
    }
}
