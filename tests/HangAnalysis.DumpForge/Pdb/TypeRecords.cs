using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge.Pdb;

/// <summary>
/// Turns a layout into CodeView type records (codes and forms: cvinfo.h in Microsoft's published PDB sources).
/// Structures are referred to through forward references where a pointer leads to them and by their definition where
/// they are embedded, as compilers do; a type that the layout lacks stays a forward reference. Nested anonymous types
/// are <c>&lt;unnamed-tag&gt;</c>, as C compilers call them.
/// </summary>
internal sealed class TypeRecords
{
    private const int LfPointer = 0x1002, LfFieldList = 0x1203, LfBitField = 0x1205, LfIndex = 0x1404;
    private const int LfEnumerate = 0x1502, LfArray = 0x1503, LfStructure = 0x1505, LfUnion = 0x1506;
    private const int LfEnum = 0x1507, LfMember = 0x150d;
    private const int LargestFieldList = 0xf000, ForwardReference = 0x80;
    private const uint FirstIndex = 0x1000, NoType = 0, Quad = 0x23, Long = 0x22, Int = 0x74;
    private readonly KernelLayout _layout;
    private readonly Dictionary<string, uint> _definitions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, uint> _forward = new(StringComparer.Ordinal);
    private readonly Dictionary<(uint, int, int, int), uint> _derived = [];

    public TypeRecords(KernelLayout layout)
    {
        _layout = layout;
        foreach (string name in layout.Enums.Keys.Order(StringComparer.Ordinal))
            DefineEnum(name);
        foreach (string name in layout.Types.Keys.Order(StringComparer.Ordinal))
            Define(name);
    }

    /// <summary>Records with their length and kind, and the hash of each.</summary>
    public List<(byte[] Bytes, uint Hash)> Records { get; } = [];

    private uint Define(string name)
    {
        if (_definitions.TryGetValue(name, out uint known))
            return known;
        TypeDefinition type = _layout.Types[name];
        List<byte[]> members = [];
        foreach (LayoutField field in type.Fields)
        {
            ByteWriter member = new();
            member.U16(LfMember).U16(3).U32(TypeOf(field.Type));
            Number(member, field.Offset);
            members.Add(Padded(member.Text(field.Name)));
        }
        uint fields = FieldList(members);
        ByteWriter record = new();
        record.U16(type.IsUnion ? LfUnion : LfStructure).U16(members.Count).U16(0).U32(fields);
        if (!type.IsUnion)
            record.U32(NoType).U32(NoType);
        Number(record, type.Size);
        string tag = type.IsAnonymous ? "<unnamed-tag>" : name;
        uint index = Add(record.Text(tag), PdbHash.OfName(tag));
        _definitions.Add(name, index);
        return index;
    }

    private void DefineEnum(string name)
    {
        List<byte[]> members = [];
        foreach ((string value, long number) in _layout.Enums[name])
        {
            ByteWriter member = new();
            member.U16(LfEnumerate).U16(3);
            Number(member, number);
            members.Add(Padded(member.Text(value)));
        }
        uint fields = FieldList(members);
        ByteWriter record = new();
        record.U16(LfEnum).U16(members.Count).U16(0).U32(Int).U32(fields).Text(name);
        _definitions.Add(name, Add(record, PdbHash.OfName(name)));
    }

    // A list longer than a record is cut; each part names the next one, which therefore has to come before it.
    private uint FieldList(List<byte[]> members)
    {
        uint next = NoType;
        int end = members.Count;
        do
        {
            int size = 0, start = end;
            while (start > 0 && size + members[start - 1].Length <= LargestFieldList)
                size += members[--start].Length;
            ByteWriter record = new();
            record.U16(LfFieldList);
            for (int i = start; i < end; i++)
                record.Bytes(members[i]);
            if (next != NoType)
                record.U16(LfIndex).U16(0).U32(next);
            next = Add(record, null);
            end = start;
        }
        while (end > 0);
        return next;
    }

    private uint TypeOf(TypeText type)
    {
        uint index = type.Pointers == 0 ? Embedded(type.Name) : Target(type.Name);
        for (int i = 0; i < type.Pointers; i++)
            index = PointerTo(index);
        int size = type.Pointers > 0 ? _layout.PointerSize : ElementSize(type.Name);
        for (int i = type.Dimensions.Length - 1; i >= 0; i--)
        {
            size *= type.Dimensions[i];
            uint element = index;
            int bytes = size;
            index = Derived((element, LfArray, bytes, 0), () =>
            {
                ByteWriter record = new();
                record.U16(LfArray).U32(element).U32(_layout.PointerSize == 8 ? Quad : Long);
                Number(record, bytes);
                return record.U8(0);
            });
        }
        if (type.BitLength == 0)
            return index;
        uint unit = index;
        return Derived((unit, LfBitField, type.BitLength, type.BitPosition), () => new ByteWriter()
            .U16(LfBitField).U32(unit).U8((byte)type.BitLength).U8((byte)type.BitPosition));
    }

    private int ElementSize(string name) =>
        _layout.Types.ContainsKey(name) || _layout.Enums.ContainsKey(name)
            ? _layout.Size(name)
            : TypeText.SimpleSize(name) ?? 0;

    private uint Embedded(string name) =>
        Simple(name) ?? (_layout.Types.ContainsKey(name) ? Define(name)
            : _definitions.TryGetValue(name, out uint defined) ? defined
            : Forward(name));

    private uint Target(string name)
    {
        if (Simple(name) is { } simple)
            return simple;
        bool isAnonymous = _layout.Types.TryGetValue(name, out TypeDefinition? type) && type.IsAnonymous;
        return isAnonymous ? Define(name) : _layout.Enums.ContainsKey(name) ? _definitions[name] : Forward(name);
    }

    private uint Forward(string name)
    {
        if (_forward.TryGetValue(name, out uint known))
            return known;
        bool isUnion = _layout.Types.TryGetValue(name, out TypeDefinition? type) && type.IsUnion;
        ByteWriter record = new();
        record.U16(isUnion ? LfUnion : LfStructure).U16(0).U16(ForwardReference).U32(NoType);
        if (!isUnion)
            record.U32(NoType).U32(NoType);
        uint index = Add(record.U16(0).Text(name), null);
        _forward.Add(name, index);
        return index;
    }

    private uint PointerTo(uint target) =>
        // Simple types have pointers to them among the simple types; everything else needs a record.
        target < 0x100
            ? target | (_layout.PointerSize == 8 ? 0x600u : 0x400u)
            // Kind of the pointer, and from bit 13 its size.
            : Derived((target, LfPointer, 0, 0), () => new ByteWriter().U16(LfPointer).U32(target)
                .U32(_layout.PointerSize == 8 ? 0x1000c : 0x800a));

    private uint Derived((uint, int, int, int) key, Func<ByteWriter> record)
    {
        if (!_derived.TryGetValue(key, out uint index))
            _derived.Add(key, index = Add(record(), null));
        return index;
    }

    private static uint? Simple(string name) => name switch
    {
        "void" => 0x03,
        "char" => 0x10,
        "unsigned char" => 0x20,
        "bool" => 0x30,
        "short" => 0x11,
        "unsigned short" => 0x21,
        "wchar" => 0x71,
        "long" => 0x12,
        "unsigned long" => 0x22,
        "int" => Int,
        "unsigned int" => 0x75,
        "long long" => 0x13,
        "unsigned long long" => Quad,
        "float" => 0x40,
        "double" => 0x41,
        _ => null,
    };

    // A number is itself below 0x8000, else the code of its width and then the number.
    private static void Number(ByteWriter record, long value)
    {
        if (value is >= 0 and < 0x8000)
            record.U16((int)value);
        else if (value is >= 0 and <= 0xffff)
            record.U16(0x8002).U16((int)value);
        else if (value is >= 0 and <= 0xffffffff)
            record.U16(0x8004).U32(value);
        else if (value is >= int.MinValue and < 0)
            record.U16(0x8003).U32(value);
        else
            record.U16(0x8009).U64((ulong)value);
    }

    // Padding bytes are f3 f2 f1, counting down to the boundary.
    private static byte[] Padded(ByteWriter record)
    {
        for (int rest = (4 - record.Length % 4) % 4; rest > 0; rest--)
            record.U8((byte)(0xf0 + rest));
        return record.ToArray();
    }

    // Definitions are found by the hash of their name, all other records by that of their bytes.
    private uint Add(ByteWriter content, uint? nameHash)
    {
        ByteWriter record = new();
        record.U16(0).Bytes(content.Written);
        byte[] bytes = Padded(record);
        bytes[0] = (byte)(bytes.Length - 2);
        bytes[1] = (byte)(bytes.Length - 2 >> 8);
        Records.Add((bytes, nameHash ?? PdbHash.OfBytes(bytes)));
        return FirstIndex + (uint)Records.Count - 1;
    }
}
