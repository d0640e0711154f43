using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge.Pdb;

/// <summary>
/// Writes a PDB (MSF 7.00) as Microsoft's symbol server has them for the kernel: full types and public symbols, one
/// module, no lines and no private symbols.
/// </summary>
public sealed class PdbBuilder(Guid guid, int age, IReadOnlyList<PeSection> sections)
{
    private const int TypeHashes = 5, ItemHashes = 6, Names = 7, SectionHeaders = 8, GlobalStream = 9;
    private const int PublicStream = 10, SymbolRecords = 11, ModuleStream = 12;

    /// <summary>Streams of frame data, which only PDBs of x86 have.</summary>
    internal const int OldFrames = 13, NewFrames = 14;
    private readonly List<PeSymbol> _publics = [];
    private readonly List<(string Name, uint Rva, uint Type)> _globals = [];

    /// <summary>Types to describe; null for none.</summary>
    public KernelLayout? Types { get; set; }

    /// <summary>Machine, as in a file header.</summary>
    public int Machine { get; set; } = 0x8664;

    /// <summary>Functions, whose frames a PDB of x86 describes.</summary>
    internal IReadOnlyList<(uint Rva, uint Length, FunctionFrame Frame)> Functions { get; init; } = [];

    /// <summary>Whether the PDB has frame data.</summary>
    internal bool HasFrameData => Machine == 0x14c;

    /// <summary>A PDB that fits an image, with all of its symbols as publics.</summary>
    public static PdbBuilder ForImage(PeImage image, KernelLayout? types = null)
    {
        PdbBuilder builder = new(image.PdbGuid, image.PdbAge, image.Sections) { Types = types };
        builder._publics.AddRange(image.Symbols);
        return builder;
    }

    public PdbBuilder AddPublic(string name, uint rva, bool isFunction)
    {
        _publics.Add(new PeSymbol(name, rva, isFunction));
        return this;
    }

    /// <summary>Adds a global variable (S_GDATA32); the type is a number of a simple type, 0 for none.</summary>
    public PdbBuilder AddGlobal(string name, uint rva, uint simpleType = 0)
    {
        _globals.Add((name, rva, simpleType));
        return this;
    }

    public byte[] Build()
    {
        (byte[] types, byte[] typeHashes) = TypeStream.Write(
            Types is null ? [] : new TypeRecords(Types).Records, TypeHashes);
        (byte[] items, byte[] itemHashes) = TypeStream.Write([], ItemHashes);
        SymbolTable symbols = new();
        byte[] publics = symbols.Publics(_publics.Select(s =>
        {
            (int segment, uint offset) = Locate(s.Rva);
            return (s.Name, segment, offset, s.IsFunction);
        }));
        byte[] globals = symbols.Globals(_globals.Select(s =>
        {
            (int segment, uint offset) = Locate(s.Rva);
            return (s.Name, segment, offset, s.Type);
        }));
        FrameDataStreams? frames = HasFrameData ? new FrameDataStreams(Functions) : null;
        byte[] names = frames?.Names() ?? EmptyNames();
        ByteWriter module = new();
        module.U32(4).U16(22).U16(0x1101).U32(0).Text("* Linker *").Align(4);
        module.PatchU16(4, module.Length - 6);
        int moduleSymbols = module.Length;
        module.U32(0);
        return MsfWriter.Write(
        [
            [], Information(), types, DbiStream.Write(this, sections, names, moduleSymbols), items,
            typeHashes, itemHashes, names, Headers(), globals, publics, symbols.Records, module.ToArray(),
            .. frames is null ? (byte[][])[] : [frames.Old, frames.New],
        ]);
    }

    internal int Age => age;

    internal static (int Globals, int Publics, int Records, int Headers, int Module) Streams =>
        (GlobalStream, PublicStream, SymbolRecords, SectionHeaders, ModuleStream);

    private (int Segment, uint Offset) Locate(uint rva)
    {
        for (int i = 0; i < sections.Count; i++)
            if (rva >= sections[i].Rva && rva - sections[i].Rva < sections[i].VirtualSize)
                return (i + 1, rva - sections[i].Rva);
        throw new ArgumentException($"RVA {rva:x} lies in no section");
    }

    private byte[] Information()
    {
        ByteWriter stream = new();
        stream.U32(20000404).U32(0x5f000000).U32(age).Bytes(guid.ToByteArray());
        // The map of named streams: its strings, then a hash table of 8 places with linear probing that holds one
        // entry.
        int place = (ushort)PdbHash.OfName("/names") % 8;
        stream.U32(7).Text("/names").U32(1).U32(8).U32(1).U32(1 << place).U32(0).U32(0).U32(Names).U32(0);
        return stream.U32(20140508).ToArray();
    }

    private static byte[] EmptyNames() =>
        new ByteWriter().U32(0xeffeeffe).U32(1).U32(1).U8(0).U32(1).U32(0).U32(0).ToArray();

    private byte[] Headers()
    {
        ByteWriter headers = new();
        foreach (PeSection section in sections)
        {
            int start = headers.Length;
            foreach (char c in section.Name)
                headers.U8((byte)c);
            headers.Zero(8 - (headers.Length - start)).U32(section.VirtualSize).U32(section.Rva)
                .U32(section.ContentSize + 0x1ff & ~0x1ffu).U32(section.FileOffset).Zero(12)
                .U32(section.Characteristics);
        }
        return headers.ToArray();
    }
}
