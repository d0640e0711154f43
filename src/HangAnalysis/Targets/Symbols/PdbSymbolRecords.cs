using System.Buffers.Binary;

namespace HangAnalysis.Targets.Symbols;

/// <summary>Where a symbol is and what it is called; section 0 where it has no address of its own.</summary>
/// <param name="Name">Name as in the file.</param>
/// <param name="Section">Section, from 1.</param>
/// <param name="Offset">Offset in the section.</param>
/// <param name="IsLocal">Whether the name is known only inside one object file.</param>
internal readonly record struct PdbSymbol(string Name, ushort Section, uint Offset, bool IsLocal)
{
    /// <summary>Section and offset as one number that sorts as they do.</summary>
    public ulong Key => (ulong)Section << 32 | Offset;
}

/// <summary>Reads the symbol records that name an address, from the records of all or of one module.</summary>
/// <remarks>Kinds and fields: llvm.org/docs/PDB/CodeViewSymbols.html; cvinfo.h of microsoft-pdb.</remarks>
internal sealed class PdbSymbolRecords(MsfFile file)
{
    private const int Public = 0x110e;
    private const int GlobalData = 0x110d;
    private const int LocalData = 0x110c;
    private const int ProcedureReference = 0x1125;
    private const int LocalProcedureReference = 0x1127;

    private readonly byte[] _record = new byte[ushort.MaxValue + 2];

    /// <summary>Whether a record of this kind is a function's or a variable's own, in a module.</summary>
    public static bool IsModuleSymbol(ushort kind) => IsProcedure(kind) || IsData(kind);

    /// <summary>Whether a record of this kind is a variable.</summary>
    public static bool IsData(ushort kind) => kind is GlobalData or LocalData;

    /// <summary>Kind and length of the record at an offset; false at the end of the stream.</summary>
    public bool TryReadHeader(int stream, long offset, out ushort kind, out int length)
    {
        Span<byte> header = stackalloc byte[4];
        bool read = file.Read(stream, offset, header) == 4;
        length = read ? BinaryPrimitives.ReadUInt16LittleEndian(header) : 0;
        kind = read ? BinaryPrimitives.ReadUInt16LittleEndian(header[2..]) : (ushort)0;
        return read && length >= 2;
    }

    /// <summary>Name of the record at an offset; empty where its kind names no address.</summary>
    /// <remarks>The bytes last until the next record is read.</remarks>
    public ReadOnlySpan<byte> ReadName(int stream, long offset, out ushort kind)
    {
        CodeViewReader reader = new(Read(stream, offset));
        kind = reader.UInt16();
        int skipped = kind is Public or GlobalData or LocalData or ProcedureReference or LocalProcedureReference ? 10
            : IsProcedure(kind) ? 35 : -1;
        if (skipped < 0)
            return default;
        reader.Skip(skipped);
        return reader.NameBytes();
    }

    /// <summary>Reads a symbol that has an address: a public one, a variable, a function.</summary>
    public bool TryRead(int stream, long offset, out PdbSymbol symbol)
    {
        symbol = default;
        CodeViewReader reader = new(Read(stream, offset));
        ushort kind = reader.UInt16();
        bool isProcedure = IsProcedure(kind);
        if (!isProcedure && kind is not (Public or GlobalData or LocalData))
            return false;
        reader.Skip(isProcedure ? 28 : 4);
        uint address = reader.UInt32();
        ushort section = reader.UInt16();
        if (isProcedure)
            reader.Skip(1);
        string name = reader.Name();
        symbol = new PdbSymbol(name, section, address, kind is LocalData or 0x110f or 0x1146 or 0x1155 or 0x1156);
        return !reader.Failed && section != 0;
    }

    /// <summary>Section and offset of a symbol, without its name; 0 where it has none.</summary>
    public ulong ReadKey(int stream, long offset)
    {
        Span<byte> bytes = stackalloc byte[38];
        int length = file.Read(stream, offset, bytes);
        CodeViewReader reader = new(bytes[..length]);
        reader.Skip(2);
        bool isProcedure = IsProcedure(reader.UInt16());
        reader.Skip(isProcedure ? 28 : 4);
        uint address = reader.UInt32();
        ushort section = reader.UInt16();
        return reader.Failed ? 0 : (ulong)section << 32 | address;
    }

    /// <summary>Reads a reference to a function's record: its module, from 0, and the record's offset there.</summary>
    public bool TryReadReference(int stream, long offset, out int module, out uint recordOffset, out bool isLocal)
    {
        CodeViewReader reader = new(Read(stream, offset));
        ushort kind = reader.UInt16();
        reader.Skip(4);
        recordOffset = reader.UInt32();
        module = reader.UInt16() - 1;
        isLocal = kind == LocalProcedureReference;
        return !reader.Failed && module >= 0 && kind is ProcedureReference or LocalProcedureReference;
    }

    // S_LPROC32, S_GPROC32, their _ID forms, and the _DPC forms of S_LPROC32.
    private static bool IsProcedure(ushort kind) => kind is 0x110f or 0x1110 or 0x1146 or 0x1147 or 0x1155 or 0x1156;

    private ReadOnlySpan<byte> Read(int stream, long offset)
    {
        Span<byte> prefix = stackalloc byte[2];
        if (file.Read(stream, offset, prefix) < 2)
            return default;
        Span<byte> record = _record.AsSpan(0, BinaryPrimitives.ReadUInt16LittleEndian(prefix));
        return file.Read(stream, offset + 2, record) == record.Length ? record : default;
    }
}
