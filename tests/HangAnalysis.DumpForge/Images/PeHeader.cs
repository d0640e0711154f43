namespace HangAnalysis.DumpForge.Images;

/// <summary>Writes the headers of a PE32+ or PE32 image (winnt.h; "PE format" in Microsoft's documentation).</summary>
internal static class PeHeader
{
    private const int NewHeader = 0x80;

    /// <summary>Offset of the field OptionalHeader.CheckSum.</summary>
    public const int CheckSumOffset = NewHeader + 24 + 64;

    public static byte[] Build(
        PeImageBuilder image, IReadOnlyList<PeSection> sections, uint[] directories, uint sizeOfImage, uint headerSize)
    {
        ByteWriter header = new();
        header.U16(0x5a4d).Zero(0x3a).U32(NewHeader).Zero(NewHeader - 0x40);
        bool isNarrow = image.Architecture == Layouts.Architecture.X86;
        // IMAGE_FILE_EXECUTABLE_IMAGE, and whether addresses may be large or the machine has 32 bits.
        int characteristics = (isNarrow ? 0x102 : 0x22) | (image.IsDll ? 0x2000 : 0);
        header.U32(0x4550).U16(Machine(image.Architecture)).U16(sections.Count).U32(image.TimeDateStamp).Zero(8)
            .U16(OptionalSize(image)).U16(characteristics);
        uint code = Total(sections, 0x20), data = Total(sections, 0x40);
        header.U16(isNarrow ? 0x10b : 0x20b).U8(14).U8(0).U32(code).U32(data).U32(0).U32(image.EntryPoint)
            .U32(sections[0].Rva);
        if (isNarrow)
            header.U32(sections[^1].Rva).U32((long)image.Base);
        else
            header.U64(image.Base);
        header.U32(PeImage.PageSize).U32(PeImageBuilder.FileAlignment)
            .U16(10).U16(0).U16(10).U16(0).U16(10).U16(0).U32(0)
            .U32(sizeOfImage).U32(headerSize).U32(0).U16(image.Subsystem).U16(0x160);
        // Stack and heap, reserved and committed.
        foreach (uint size in (ReadOnlySpan<uint>)[0x100000, 0x1000, 0x100000, 0x1000])
            if (isNarrow)
                header.U32(size);
            else
                header.U64(size);
        header.U32(0).U32(16);
        foreach (uint directory in directories)
            header.U32(directory);
        foreach (PeSection section in sections)
        {
            int start = header.Length;
            foreach (char c in section.Name)
                header.U8((byte)c);
            uint raw = section.ContentSize + PeImageBuilder.FileAlignment - 1 & ~(PeImageBuilder.FileAlignment - 1u);
            header.Zero(8 - (header.Length - start)).U32(section.VirtualSize).U32(section.Rva).U32(raw)
                .U32(section.FileOffset).Zero(12).U32(section.Characteristics);
        }
        return header.ToArray();
    }

    /// <summary>Size of the optional header.</summary>
    public static int OptionalSize(PeImageBuilder image) => image.Architecture == Layouts.Architecture.X86 ? 224 : 240;

    /// <summary>Number of a machine in headers of images, PDBs and dumps.</summary>
    public static int Machine(Layouts.Architecture architecture) => architecture switch
    {
        Layouts.Architecture.X86 => 0x14c,
        Layouts.Architecture.Arm64 => 0xaa64,
        _ => 0x8664,
    };

    private static uint Total(IReadOnlyList<PeSection> sections, uint flag)
    {
        uint total = 0;
        foreach (PeSection section in sections)
            if ((section.Characteristics & flag) != 0)
                total += section.ContentSize;
        return total;
    }
}
