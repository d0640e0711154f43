namespace HangAnalysis.Targets.Symbols;

/// <summary>The types that have no record: an index below 0x1000 says kind (low byte) and pointer mode.</summary>
/// <remarks>Kinds and modes: llvm.org/docs/PDB/TpiStream.html, "Type Indices". Names are those of C.</remarks>
internal static class PdbSimpleTypes
{
    /// <summary>A type that the symbols do not describe.</summary>
    public static TypeReference Unknown { get; } = new(TypeKind.Base, "", 0);

    /// <summary>The type of a simple index.</summary>
    public static TypeReference Reference(uint index)
    {
        TypeReference direct = Direct((byte)index);
        return (index >> 8 & 0xf) switch
        {
            0 => direct,
            1 or 2 or 3 => new TypeReference(TypeKind.Pointer, "", 2, direct),
            4 or 5 => new TypeReference(TypeKind.Pointer, "", 4, direct),
            6 => new TypeReference(TypeKind.Pointer, "", 8, direct),
            _ => Unknown,
        };
    }

    private static TypeReference Direct(byte kind) => kind switch
    {
        0x03 => Base("void", 0),
        0x08 => Base("HRESULT", 4),
        0x10 or 0x68 or 0x70 => Base("char", 1),
        0x20 or 0x69 => Base("unsigned char", 1),
        0x7c => Base("char8_t", 1),
        0x71 => Base("wchar_t", 2),
        0x7a => Base("char16_t", 2),
        0x7b => Base("char32_t", 4),
        0x11 or 0x72 => Base("short", 2),
        0x21 or 0x73 => Base("unsigned short", 2),
        0x12 => Base("long", 4),
        0x22 => Base("unsigned long", 4),
        0x74 => Base("int", 4),
        0x75 => Base("unsigned int", 4),
        0x13 or 0x76 => Base("long long", 8),
        0x23 or 0x77 => Base("unsigned long long", 8),
        0x14 or 0x78 => Base("__int128", 16),
        0x24 or 0x79 => Base("unsigned __int128", 16),
        0x30 => Base("bool", 1),
        0x31 => Base("bool16", 2),
        0x32 => Base("bool32", 4),
        0x33 => Base("bool64", 8),
        0x46 => Base("half", 2),
        0x40 => Base("float", 4),
        0x41 => Base("double", 8),
        0x42 => Base("long double", 10),
        _ => Unknown,
    };

    private static TypeReference Base(string name, int size) => new(TypeKind.Base, name, size);
}
