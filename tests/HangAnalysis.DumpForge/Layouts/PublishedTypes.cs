namespace HangAnalysis.DumpForge.Layouts;

/// <summary>Types of the x64 kernel that the layout files lack, from where else they are published.</summary>
internal static class PublishedTypes
{
    private const string Byte = "unsigned char", Short = "unsigned short", Long = "unsigned long", Quad = "unsigned long long";

    public static IEnumerable<TypeDefinition> Of(KernelIdentity identity)
    {
        if (identity.Machine != "x64")
            yield break;
        int build = int.Parse(identity.Version.Split('.')[2]);
        if (build >= 14393)
            yield return VisiblePartition(build);
        // SID, SID_AND_ATTRIBUTES and GROUP_AFFINITY of winnt.h.
        yield return new TypeDefinition("_SID_IDENTIFIER_AUTHORITY", false, 6, [new LayoutField("Value", 0, $"{Byte}[6]")]);
        yield return new TypeDefinition("_SID", false, 12,
        [
            new LayoutField("Revision", 0, Byte), new LayoutField("SubAuthorityCount", 1, Byte),
            new LayoutField("IdentifierAuthority", 2, "_SID_IDENTIFIER_AUTHORITY"),
            new LayoutField("SubAuthority", 8, $"{Long}[1]"),
        ]);
        yield return new TypeDefinition("_SID_AND_ATTRIBUTES", false, 16,
            [new LayoutField("Sid", 0, "*void"), new LayoutField("Attributes", 8, Long)]);
        yield return new TypeDefinition("_GROUP_AFFINITY", false, 16,
        [
            new LayoutField("Mask", 0, Quad), new LayoutField("Group", 8, Short), new LayoutField("Reserved", 10, $"{Short}[3]"),
        ]);
        yield return Affinity(build);
        if (build >= 9200)
            yield return FreeList();
        if (build >= 9600)
            yield return InPageSupport(build);
    }

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
        new LayoutField("AvailablePages", 0xc0, Quad),
        new LayoutField("ResidentAvailablePages", 0x100, Quad),
        new LayoutField("TotalCommittedPages", build < 17763 ? 0x3a8 : 0x228, Quad),
        new LayoutField("TotalCommitLimit", build < 17763 ? 0x428 : build < 20348 ? 0x2a8 : 0x318, Quad),
    ]);

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

    // HANDLE_TABLE.FreeLists, which since 8 hold the number of handles. HANDLE_TABLE ends with one of them, 0x40 bytes.
    private static TypeDefinition FreeList() => new("_HANDLE_TABLE_FREE_LIST", false, 0x40,
    [
        new LayoutField("FreeListLock", 0, "_EX_PUSH_LOCK"), new LayoutField("FirstFreeHandleEntry", 8, "*_HANDLE_TABLE_ENTRY"),
        new LayoutField("LastFreeHandleEntry", 0x10, "*_HANDLE_TABLE_ENTRY"), new LayoutField("HandleCount", 0x18, "long"),
        new LayoutField("HighWaterMark", 0x1c, Long), new LayoutField("Reserved", 0x20, $"{Long}[8]"),
    ]);
}
