using HangAnalysis.DumpForge.Images;

namespace HangAnalysis.DumpForge.Pdb;

/// <summary>
/// Writes the DBI stream (format: LLVM's "The PDB DBI Stream"): one module that all sections belong to.
/// </summary>
internal static class DbiStream
{
    public static byte[] Write(PdbBuilder pdb, IReadOnlyList<PeSection> sections, byte[] names, int moduleSymbols)
    {
        (int globals, int publics, int records, int headers, int module) = PdbBuilder.Streams;
        byte[] modules = Modules(sections, module, moduleSymbols);
        byte[] contributions = Contributions(sections);
        byte[] map = SectionMap(sections);
        // Source files: one module with none.
        byte[] files = new ByteWriter().U16(1).U16(0).U16(0).U16(0).ToArray();
        // Streams for other debug data; only the section headers are there.
        ByteWriter optional = new();
        for (int i = 0; i < 11; i++)
            optional.U16(i == 5 ? headers : i == 0 && pdb.HasFrameData ? PdbBuilder.OldFrames
                : i == 9 && pdb.HasFrameData ? PdbBuilder.NewFrames : 0xffff);

        // Flags 2: private symbols are stripped.
        ByteWriter stream = new();
        stream.U32(0xffffffff).U32(19990903).U32(pdb.Age).U16(globals).U16(0x8e0b)
            .U16(publics).U16(0).U16(records).U16(0)
            .U32(modules.Length).U32(contributions.Length).U32(map.Length).U32(files.Length).U32(0).U32(0)
            .U32(optional.Length).U32(names.Length).U16(2).U16(pdb.Machine).U32(0);
        return stream.Bytes(modules).Bytes(contributions).Bytes(map).Bytes(files).Bytes(names).Bytes(optional.Written)
            .ToArray();
    }

    private static byte[] Modules(IReadOnlyList<PeSection> sections, int stream, int symbolSize)
    {
        ByteWriter module = new();
        module.U32(0);
        Contribution(module, 1, sections[0]);
        module.U16(0).U16(stream).U32(symbolSize).U32(0).U32(0).U16(0).U16(0).U32(0).U32(0).U32(0);
        return module.Text("* Linker *").Text("").Align(4).ToArray();
    }

    private static byte[] Contributions(IReadOnlyList<PeSection> sections)
    {
        ByteWriter list = new();
        list.U32(0xeffe0000 + 19970605);
        for (int i = 0; i < sections.Count; i++)
            Contribution(list, i + 1, sections[i]);
        return list.ToArray();
    }

    private static void Contribution(ByteWriter list, int segment, PeSection section) =>
        list.U16(segment).U16(0).U32(0).U32(section.VirtualSize).U32(section.Characteristics)
            .U16(0).U16(0).U32(0).U32(0);

    private static byte[] SectionMap(IReadOnlyList<PeSection> sections)
    {
        ByteWriter map = new();
        map.U16(sections.Count + 1).U16(sections.Count + 1);
        for (int i = 0; i < sections.Count; i++)
        {
            uint flags = sections[i].Characteristics;
            int access = (flags >> 30 & 1) != 0 ? 1 : 0;
            access |= flags >> 31 != 0 ? 2 : 0;
            access |= (flags & 0x20000000) != 0 ? 4 : 0;
            map.U16(0x108 | access).U16(0).U16(0).U16(i + 1).U16(0xffff).U16(0xffff)
                .U32(0).U32(sections[i].VirtualSize);
        }
        // The last entry stands for absolute addresses.
        map.U16(0x208).U16(0).U16(0).U16(sections.Count + 1).U16(0xffff).U16(0xffff).U32(0).U32(0xffffffff);
        return map.ToArray();
    }
}
