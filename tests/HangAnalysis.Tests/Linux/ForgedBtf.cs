using System.Text;

namespace HangAnalysis.Tests.Linux;

/// <summary>Writes BTF as Documentation/bpf/btf.rst describes it.</summary>
/// <param name="firstId">Number of the first type: behind those of the kernel for a module.</param>
/// <param name="firstString">Where its names continue those of the kernel.</param>
internal sealed class ForgedBtf(uint firstId = 1, uint firstString = 0)
{
    private readonly List<byte> _types = [];
    private uint _next = firstId;

    private readonly List<byte> _names = firstString == 0 ? [0] : [];

    public uint NextId => _next;

    public uint StringsEnd => firstString + (uint)_names.Count;

    public uint Int(string name, uint size, uint bits = 0) => Add(1, name, 0, false, size, bits == 0 ? size * 8 : bits);

    public uint Pointer(uint target) => Add(2, "", 0, false, target);

    public uint Array(uint element, uint count) => Add(3, "", 0, false, 0, element, 0, count);

    public uint Typedef(string name, uint target) => Add(8, name, 0, false, target);

    public uint Const(uint target) => Add(10, "", 0, false, target);

    public uint Struct(string name, uint size, params (string Name, uint Type, uint Offset)[] members) =>
        Record(4, name, size, false, members);

    public uint Union(string name, uint size, params (string Name, uint Type, uint Offset)[] members) =>
        Record(5, name, size, false, members);

    /// <summary>A structure whose members' offsets are bits, with the size of bit-fields in the high byte.</summary>
    public uint BitStruct(string name, uint size, params (string Name, uint Type, uint Offset)[] members) =>
        Record(4, name, size, true, members);

    public uint Enum(string name, bool signed, params (string Name, int Value)[] values)
    {
        List<uint> extra = [];
        foreach ((string value, int number) in values)
            extra.AddRange([Name(value), (uint)number]);
        return Add(6, name, values.Length, signed, 4, [.. extra]);
    }

    public uint Enum64(string name, params (string Name, ulong Value)[] values)
    {
        List<uint> extra = [];
        foreach ((string value, ulong number) in values)
            extra.AddRange([Name(value), (uint)number, (uint)(number >> 32)]);
        return Add(19, name, values.Length, false, 8, [.. extra]);
    }

    public uint Raw(uint kind, string name, int members, uint sizeOrType, params uint[] extra) =>
        Add(kind, name, members, false, sizeOrType, extra);

    public byte[] Build()
    {
        using MemoryStream file = new();
        using BinaryWriter writer = new(file);
        writer.Write((ushort)0xeb9f);
        writer.Write((ushort)1);
        foreach (int value in (int[])[24, 0, _types.Count, _types.Count, _names.Count])
            writer.Write(value);
        writer.Write(_types.ToArray());
        writer.Write(_names.ToArray());
        return file.ToArray();
    }

    private uint Record(
        uint kind, string name, uint size, bool flag, (string Name, uint Type, uint Offset)[] members)
    {
        List<uint> extra = [];
        foreach ((string member, uint type, uint offset) in members)
            extra.AddRange([Name(member), type, flag ? offset : offset * 8]);
        return Add(kind, name, members.Length, flag, size, [.. extra]);
    }

    private uint Add(uint kind, string name, int members, bool flag, uint sizeOrType, params uint[] extra)
    {
        foreach (uint word in (uint[])[Name(name), kind << 24 | (uint)members | (flag ? 1u << 31 : 0), sizeOrType, .. extra])
            _types.AddRange(BitConverter.GetBytes(word));
        return _next++;
    }

    private uint Name(string name)
    {
        if (name.Length == 0)
            return 0;
        uint offset = StringsEnd;
        _names.AddRange([.. Encoding.UTF8.GetBytes(name), 0]);
        return offset;
    }
}
