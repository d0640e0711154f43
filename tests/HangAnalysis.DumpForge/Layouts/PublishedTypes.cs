namespace HangAnalysis.DumpForge.Layouts;

/// <summary>Types of the kernel that the layout files lack, from where else they are published.</summary>
internal static class PublishedTypes
{
    private const string Byte = "unsigned char", Short = "unsigned short", Long = "unsigned long", Quad = "unsigned long long";

    public static IEnumerable<TypeDefinition> Of(KernelIdentity identity)
    {
        int build = int.Parse(identity.Version.Split('.')[2]);
        bool isX86 = identity.Machine == "x86";
        int pointer = isX86 ? 4 : 8;
        if (build >= 14393 && !isX86)
        {
            yield return VisiblePartition(build);
            yield return PageLists();
            yield return SystemPteState(build);
        }
        if (!isX86)
        {
            yield return PageList();
            yield return PagingFile(build);
            yield return SystemPteType(build);
            yield return PagedPoolInfo(build);
        }
        // SID, SID_AND_ATTRIBUTES and GROUP_AFFINITY of winnt.h.
        yield return new TypeDefinition("_SID_IDENTIFIER_AUTHORITY", false, 6, [new LayoutField("Value", 0, $"{Byte}[6]")]);
        yield return new TypeDefinition("_SID", false, 12,
        [
            new LayoutField("Revision", 0, Byte), new LayoutField("SubAuthorityCount", 1, Byte),
            new LayoutField("IdentifierAuthority", 2, "_SID_IDENTIFIER_AUTHORITY"),
            new LayoutField("SubAuthority", 8, $"{Long}[1]"),
        ]);
        yield return new TypeDefinition("_SID_AND_ATTRIBUTES", false, 2 * pointer,
            [new LayoutField("Sid", 0, "*void"), new LayoutField("Attributes", pointer, Long)]);
        if (isX86)
        {
            yield return Descriptor();
            // 32 processors and one group; before 7 an affinity is a number.
            if (build >= 7600)
            {
                yield return GroupAffinity(4);
                yield return OneGroup();
            }
            if (build >= 9200)
                yield return FreeList(4);
            yield break;
        }
        yield return GroupAffinity(8);
        yield return Affinity(build);
        if (build >= 9200)
            yield return FreeList(8);
        if (build >= 9600)
            yield return InPageSupport(build);
    }

    private static TypeDefinition GroupAffinity(int pointer) => new("_GROUP_AFFINITY", false, pointer + 8,
    [
        new LayoutField("Mask", 0, pointer == 8 ? Quad : Long), new LayoutField("Group", pointer, Short),
        new LayoutField("Reserved", pointer + 2, $"{Short}[3]"),
    ]);

    private static TypeDefinition OneGroup() => new("_KAFFINITY_EX", false, 12,
    [
        new LayoutField("Count", 0, Short), new LayoutField("Size", 2, Short), new LayoutField("Reserved", 4, Long),
        new LayoutField("Bitmap", 8, $"{Long}[1]"),
    ]);

    // What the processor's lgdt and lidt load, with padding before it (Intel SDM volume 3).
    private static TypeDefinition Descriptor() => new("_DESCRIPTOR", false, 8,
        [new LayoutField("Pad", 0, Short), new LayoutField("Limit", 2, Short), new LayoutField("Base", 4, Long)]);

    // The thread that reads and the file that is read, as in the symbols of 9600 to 22000.
    private static TypeDefinition InPageSupport(int build) => new("_MMINPAGE_SUPPORT", false, 0x120,
    [
        new LayoutField("Thread", build < 14393 ? 0x70 : 0x98, "*_ETHREAD"),
        new LayoutField("FilePointer", build < 14393 ? 0x90 : build < 20348 ? 0xc0 : 0xc8, "*_FILE_OBJECT"),
    ]);

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

    private static TypeDefinition SystemPteType(int size, string count, int total, int free, int failures) =>
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

    // One word for each group of processors: 4 groups, since 8 up to 20, since 20348 up to 32. That is the room that
    // KPROCESS.Affinity has in each layout.
    private static TypeDefinition Affinity(int build)
    {
        int groups = build < 9200 ? 4 : build < 20348 ? 20 : 32;
        List<LayoutField> fields =
            [new LayoutField("Count", 0, Short), new LayoutField("Size", 2, Short), new LayoutField("Reserved", 4, Long)];
        fields.Add(new LayoutField("Bitmap", 8, groups == 32 ? $"{Quad}[1]" : $"{Quad}[{groups}]"));
        if (groups == 32)
            fields.Add(new LayoutField("StaticBitmap", 8, $"{Quad}[32]"));
        return new TypeDefinition("_KAFFINITY_EX", false, 8 + 8 * groups, fields);
    }

    // HANDLE_TABLE.FreeLists, which since 8 hold the number of handles. HANDLE_TABLE ends with one of them, 0x40 bytes; on
    // x86 only the first 0x14 of them belong to it.
    private static TypeDefinition FreeList(int pointer)
    {
        List<LayoutField> fields =
        [
            new LayoutField("FreeListLock", 0, "_EX_PUSH_LOCK"),
            new LayoutField("FirstFreeHandleEntry", pointer, "*_HANDLE_TABLE_ENTRY"),
            new LayoutField("LastFreeHandleEntry", 2 * pointer, "*_HANDLE_TABLE_ENTRY"),
            new LayoutField("HandleCount", 3 * pointer, "long"), new LayoutField("HighWaterMark", 3 * pointer + 4, Long),
        ];
        if (pointer == 8)
            fields.Add(new LayoutField("Reserved", 0x20, $"{Long}[8]"));
        return new TypeDefinition("_HANDLE_TABLE_FREE_LIST", false, pointer == 8 ? 0x40 : 0x14, fields);
    }
}
