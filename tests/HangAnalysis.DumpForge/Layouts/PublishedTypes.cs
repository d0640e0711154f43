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
        foreach (TypeDefinition type in isX86 ? MemoryTypesX86.Of(build) : MemoryTypes.Of(build))
            yield return type;
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
