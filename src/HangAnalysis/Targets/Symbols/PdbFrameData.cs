using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Frame data of x86 code in a PDB: records with programs (FRAMEDATA, Visual C++ 7 and later) and the older FPO_DATA, which
/// kernels have for code written in assembler. Read at the first question.
/// </summary>
/// <remarks>
/// Formats: FPO_DATA of winnt.h, FRAMEDATA of Microsoft's cvinfo.h, the PDB's streams of llvm.org/docs/PDB. Records lie in
/// order of the addresses that the linker gave.
/// </remarks>
internal sealed class PdbFrameData
{
    private const int SizesSize = 16, ProgramsSize = 32;
    private const int Limit = 64 * 1024 * 1024;

    /// <summary>Records that are looked at backwards: those of one function's prolog lie inside each other.</summary>
    private const int MostNested = 64;

    private readonly PdbNames _names;
    private readonly Table _sizes, _programs;

    public PdbFrameData(MsfFile file, PdbDebugInfo debugInfo)
    {
        _names = new PdbNames(file);
        _sizes = new Table(Read(file, debugInfo.SizesStream), SizesSize);
        byte[] programs = Read(file, debugInfo.ProgramsStream);
        // Object files have a relocated word before the records, which some linkers keep.
        int rest = programs.Length % ProgramsSize;
        _programs = new Table(rest == sizeof(uint) ? programs[rest..] : programs, ProgramsSize);
    }

    /// <summary>What is recorded of the code at an address of the linker's; programs before sizes.</summary>
    public bool TryFind(uint address, out X86FrameData frame)
    {
        ReadOnlySpan<byte> record = _programs.Find(address);
        if (!record.IsEmpty && _names.Find(U32(record, 0x14)) is { Length: > 0 } program)
        {
            frame = new X86FrameData(X86FrameKind.Program, U32(record, 8), U16(record, 0x1a), U32(record, 0xc), false, program);
            return true;
        }
        frame = default;
        record = _sizes.Find(address);
        if (record.IsEmpty)
            return false;
        // cbProlog 8 bits, cbRegs 3, fHasSEH, fUseBP, reserved, cbFrame 2.
        int bits = U16(record, 0xe);
        const uint Word = 4;
        X86FrameKind kind = (bits >> 14) switch
        {
            0 => X86FrameKind.Omitted,
            1 => X86FrameKind.Trap,
            2 => X86FrameKind.TaskGate,
            _ => X86FrameKind.FramePointer,
        };
        frame = new X86FrameData(kind, unchecked(U32(record, 8) * Word), (uint)(bits >> 8 & 7) * Word, U16(record, 0xc) * Word,
            (bits >> 12 & 1) != 0, "");
        return true;
    }

    private static byte[] Read(MsfFile file, int stream) => stream < 0 ? [] : file.ReadWhole(stream, Limit) ?? [];

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ushort U16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    /// <summary>Records of one size that begin with a start address and a length.</summary>
    private sealed class Table
    {
        private readonly byte[] _bytes;
        private readonly int _size;
        private readonly uint[] _starts;
        private readonly int[] _order;

        public Table(byte[] bytes, int size)
        {
            (_bytes, _size) = (bytes, size);
            _starts = new uint[bytes.Length / size];
            _order = new int[_starts.Length];
            for (int i = 0; i < _starts.Length; i++)
                (_starts[i], _order[i]) = (U32(bytes, i * size), i);
            // Of records with one start the later ones hold for less of the prolog: they keep their order.
            Array.Sort(_order, (a, b) => _starts[a] != _starts[b] ? _starts[a].CompareTo(_starts[b]) : a.CompareTo(b));
            uint[] sorted = Array.ConvertAll(_order, i => _starts[i]);
            _starts = sorted;
        }

        /// <summary>The record that begins last of those that hold an address; empty where none does.</summary>
        public ReadOnlySpan<byte> Find(uint address)
        {
            int low = 0;
            int high = _starts.Length;
            while (low < high)
            {
                int middle = (low + high) >>> 1;
                if (_starts[middle] <= address)
                    low = middle + 1;
                else
                    high = middle;
            }
            for (int i = low - 1; i >= 0 && i >= low - MostNested; i--)
            {
                ReadOnlySpan<byte> record = _bytes.AsSpan(_order[i] * _size, _size);
                if (address - _starts[i] < U32(record, sizeof(uint)))
                    return record;
            }
            return default;
        }
    }
}

/// <summary>The table of strings of a PDB: the stream that its directory of names calls <c>/names</c>.</summary>
/// <remarks>Formats: llvm.org/docs/PDB/PdbStream.html (named stream map) and the string table of llvm's PDBStringTable.</remarks>
internal sealed class PdbNames(MsfFile file)
{
    private const int InfoStream = 1, InfoHeader = 28, TableHeader = 12;
    private const uint Signature = 0xeffe_effe;
    private const int MapLimit = 1024 * 1024, TableLimit = 64 * 1024 * 1024, LongestProgram = 1024;

    private readonly Dictionary<uint, string> _known = [];
    private byte[]? _table;

    /// <summary>The string at an offset of the table; empty where there is none.</summary>
    public string Find(uint offset)
    {
        if (_known.TryGetValue(offset, out string? text))
            return text;
        _table ??= ReadTable();
        text = "";
        if (offset < _table.Length)
        {
            ReadOnlySpan<byte> rest = _table.AsSpan((int)offset);
            int end = rest[..Math.Min(rest.Length, LongestProgram)].IndexOf((byte)0);
            text = end <= 0 ? "" : Encoding.Latin1.GetString(rest[..end]);
        }
        _known.Add(offset, text);
        return text;
    }

    private byte[] ReadTable()
    {
        int stream = FindStream("/names"u8);
        byte[] bytes = stream < 0 ? [] : file.ReadWhole(stream, TableLimit) ?? [];
        if (bytes.Length < TableHeader || U32(bytes, 0) != Signature)
            return [];
        uint size = Math.Min(U32(bytes, 8), (uint)(bytes.Length - TableHeader));
        return bytes[TableHeader..(TableHeader + (int)size)];
    }

    /// <summary>A hash table behind a buffer of names: counts, the words of two bit maps, then pairs {name, stream}.</summary>
    private int FindStream(ReadOnlySpan<byte> name)
    {
        byte[] bytes = file.ReadWhole(InfoStream, MapLimit) ?? [];
        if (bytes.Length < InfoHeader + sizeof(uint))
            return -1;
        uint namesSize = U32(bytes, InfoHeader);
        long at = InfoHeader + sizeof(uint) + (long)namesSize;
        if (at + 2 * sizeof(uint) > bytes.Length)
            return -1;
        ReadOnlySpan<byte> names = bytes.AsSpan(InfoHeader + sizeof(uint), (int)namesSize);
        uint count = U32(bytes, (int)at);
        at += 2 * sizeof(uint);
        for (int map = 0; map < 2; map++)
        {
            if (at + sizeof(uint) > bytes.Length)
                return -1;
            at += sizeof(uint) + (long)U32(bytes, (int)at) * sizeof(uint);
        }
        for (uint i = 0; i < count && at + 2 * sizeof(uint) <= bytes.Length; i++, at += 2 * sizeof(uint))
        {
            uint key = U32(bytes, (int)at);
            if (key < names.Length && names[(int)key..].StartsWith(name)
                && (key + name.Length >= names.Length || names[(int)key + name.Length] == 0))
                return (int)Math.Min(U32(bytes, (int)at + sizeof(uint)), int.MaxValue);
        }
        return -1;
    }

    private static uint U32(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));
}
