using System.Buffers.Binary;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// The type records of a PDB by index and by name. One pass over the stream, made at the first lookup, keeps four bytes
/// for each record and eight for each name of a definition; records themselves are read again when needed. The pass is
/// preferred to the stream's own hash tables: it costs milliseconds for a kernel's PDB and does not depend on further
/// streams that may be damaged.
/// </summary>
/// <remarks>Format: llvm.org/docs/PDB/TpiStream.html and CodeViewTypes.html.</remarks>
internal sealed class PdbTypeStream
{
    /// <summary>Type indices below this are simple types and have no record.</summary>
    public const uint FirstIndex = 0x1000;

    /// <summary>A structure or class (LF_CLASS, LF_STRUCTURE, LF_INTERFACE).</summary>
    public static bool IsClass(ushort leaf) => leaf is 0x1504 or 0x1505 or 0x1519;

    /// <summary>LF_UNION.</summary>
    public const ushort Union = 0x1506;

    /// <summary>LF_ENUM.</summary>
    public const ushort Enumeration = 0x1507;

    private const int Stream = 2;
    private const int HeaderSize = 56;
    private const ushort ForwardReference = 0x80;
    private const ushort HasUniqueName = 0x200;
    private const uint UniqueNameSalt = 0x9e3779b9;

    private readonly MsfFile _file;
    private readonly byte[] _record = new byte[ushort.MaxValue + 2];
    private uint[]? _offsets;
    private uint _firstIndex = FirstIndex;
    private NameIndex _names = NameIndex.Empty;

    public PdbTypeStream(MsfFile file) => _file = file;

    /// <summary>A structure, union or enumeration record, without its members.</summary>
    public readonly record struct Tag(
        ushort Leaf, bool IsForward, uint FieldList, uint Underlying, long Size, string Name, string UniqueName);

    /// <summary>
    /// The bytes of a record after its length, starting with the leaf; empty where there is none. Valid until the next
    /// call.
    /// </summary>
    public ReadOnlySpan<byte> Record(uint index)
    {
        uint[] offsets = _offsets ?? BuildIndex();
        if (index < _firstIndex || index - _firstIndex >= (uint)offsets.Length)
            return default;
        return ReadRecord(offsets[index - _firstIndex]);
    }

    /// <summary>Reads a structure, union or enumeration; null where the index names something else.</summary>
    public Tag? FindTag(uint index)
    {
        ReadOnlySpan<byte> record = Record(index);
        return record.Length == 0 ? null : ReadTag(record);
    }

    /// <summary>The definition of an enumeration, or of a structure or union, by name; 0 where absent.</summary>
    public uint FindDefinition(string name, bool enumeration)
    {
        _ = _offsets ?? BuildIndex();
        foreach (uint index in _names.Find(NameIndex.Hash(name)))
            if (FindTag(index) is { IsForward: false } tag && tag.Name == name
                && tag.Leaf == Enumeration == enumeration)
                return index;
        return 0;
    }

    /// <summary>The definition that a forward reference stands for; 0 where the PDB has none.</summary>
    public uint ResolveForward(Tag forward)
    {
        if (forward.UniqueName.Length == 0)
            return FindDefinition(forward.Name, forward.Leaf == Enumeration);
        foreach (uint index in _names.Find(NameIndex.Hash(forward.UniqueName) ^ UniqueNameSalt))
            if (FindTag(index) is { IsForward: false } tag && tag.UniqueName == forward.UniqueName)
                return index;
        return 0;
    }

    private static Tag? ReadTag(ReadOnlySpan<byte> record)
    {
        CodeViewReader reader = new(record);
        ushort leaf = reader.UInt16();
        uint underlying = 0;
        long size = 0;
        if (!IsClass(leaf) && leaf is not (Union or Enumeration))
            return null;
        reader.Skip(2);
        ushort properties = reader.UInt16();
        if (leaf == Enumeration)
            underlying = reader.UInt32();
        uint fields = reader.UInt32();
        if (IsClass(leaf))
            reader.Skip(8);
        if (leaf != Enumeration)
            size = reader.Number();
        string name = reader.Name();
        if (reader.Failed)
            return null;
        string unique = (properties & HasUniqueName) != 0 ? reader.Name() : "";
        bool forward = (properties & ForwardReference) != 0;
        return new Tag(leaf, forward, fields, underlying, size is < 0 or > int.MaxValue ? 0 : size, name, unique);
    }

    private ReadOnlySpan<byte> ReadRecord(uint offset)
    {
        Span<byte> prefix = stackalloc byte[2];
        if (_file.Read(Stream, offset, prefix) < 2)
            return default;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(prefix);
        Span<byte> record = _record.AsSpan(0, length);
        return length >= 2 && _file.Read(Stream, offset + 2L, record) == length ? record : default;
    }

    private uint[] BuildIndex()
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        if (_file.Read(Stream, 0, header) < HeaderSize)
            return _offsets = [];
        long at = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        _firstIndex = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        long end = Math.Min(at + BinaryPrimitives.ReadUInt32LittleEndian(header[16..]), _file.StreamSize(Stream));
        if (_firstIndex < FirstIndex)
            return _offsets = [];

        List<uint> offsets = [];
        NameIndex.Builder names = new();
        while (at + 4 <= end)
        {
            ReadOnlySpan<byte> record = ReadRecord((uint)at);
            if (record.Length == 0)
                break;
            uint index = _firstIndex + (uint)offsets.Count;
            offsets.Add((uint)at);
            AddNames(names, record, index);
            at += 2 + record.Length;
        }

        _names = names.Build();
        return _offsets = [.. offsets];
    }

    // Reads the same fields as ReadTag, without making strings: this runs for every record of the stream.
    private static void AddNames(NameIndex.Builder names, ReadOnlySpan<byte> record, uint index)
    {
        CodeViewReader reader = new(record);
        ushort leaf = reader.UInt16();
        if (!IsClass(leaf) && leaf is not (Union or Enumeration))
            return;
        reader.Skip(2);
        ushort properties = reader.UInt16();
        if ((properties & ForwardReference) != 0)
            return;
        reader.Skip(IsClass(leaf) ? 12 : leaf == Union ? 4 : 8);
        if (leaf != Enumeration)
            reader.Number();
        ReadOnlySpan<byte> name = reader.NameBytes();
        if (reader.Failed)
            return;
        names.Add(NameIndex.Hash(name), index);
        if ((properties & HasUniqueName) == 0)
            return;
        ReadOnlySpan<byte> unique = reader.NameBytes();
        if (!reader.Failed)
            names.Add(NameIndex.Hash(unique) ^ UniqueNameSalt, index);
    }
}
