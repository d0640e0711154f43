using System.Globalization;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Makes layouts of a PDB's type records. Every walk is bounded twice, by depth and by a number of records, because a
/// damaged record can name any other, itself included.
/// </summary>
/// <remarks>Leaves and their fields: llvm.org/docs/PDB/CodeViewTypes.html; cvinfo.h of microsoft-pdb.</remarks>
internal sealed class PdbTypes(MsfFile file)
{
    // The deepest real nesting of bases, arrays, pointers and modifiers is below ten.
    private const int MaximumDepth = 24;
    // A field list is a chain of records of up to 64 KB; the largest enumerations have a few dozen.
    private const int MaximumRecords = 4_096;
    private const int MaximumFields = 100_000;

    private readonly PdbTypeStream _stream = new(file);
    private int _records;

    /// <summary>A structure or union by name.</summary>
    public TypeLayout? FindType(string name)
    {
        uint index = FindByName(name, enumeration: false);
        if (index == 0 || _stream.FindTag(index) is not { } tag)
            return null;
        List<FieldLayout> fields = [];
        _records = 0;
        AddFields(fields, tag.FieldList, 0, 0);
        return new TypeLayout(name, (int)tag.Size, fields);
    }

    /// <summary>An enumeration by name.</summary>
    public EnumLayout? FindEnum(string name)
    {
        uint index = FindByName(name, enumeration: true);
        if (index == 0 || _stream.FindTag(index) is not { } tag)
            return null;
        Dictionary<string, long> values = [];
        uint list = tag.FieldList;
        for (_records = 0; list != 0 && _records < MaximumRecords; _records++)
            list = AddValues(values, _stream.Record(list));
        SignValues(values, tag.Underlying);
        return new EnumLayout(name, values);
    }

    // clang writes a negative value of a signed enumeration as an unsigned number of its size.
    private static void SignValues(Dictionary<string, long> values, uint underlying)
    {
        if (underlying is not (0x10 or 0x11 or 0x12 or 0x68 or 0x70 or 0x72 or 0x74))
            return;
        int unused = 64 - PdbSimpleTypes.Reference(underlying).Size * 8;
        foreach ((string name, long value) in values)
            values[name] = value << unused >> unused;
    }

    private static bool IsAnonymous(string name) =>
        name.Contains("<unnamed-", StringComparison.Ordinal) || name.Contains("<anonymous-", StringComparison.Ordinal)
        || name.Contains("__unnamed", StringComparison.Ordinal);

    // An anonymous type's name may be one of thousands alike: "#index" after it says which.
    private string UniqueName(uint index, string name, bool enumeration) =>
        IsAnonymous(name) && _stream.FindDefinition(name, enumeration) != index ? $"{name}#{index:x}" : name;

    private uint FindByName(string name, bool enumeration)
    {
        int mark = name.LastIndexOf('#');
        if (mark > 0 && IsAnonymous(name)
            && uint.TryParse(name.AsSpan(mark + 1), NumberStyles.AllowHexSpecifier, null, out uint index)
            && _stream.FindTag(index) is { IsForward: false } tag
            && tag.Leaf == PdbTypeStream.Enumeration == enumeration
            && name.AsSpan(0, mark).SequenceEqual(tag.Name))
            return index;
        return _stream.FindDefinition(name, enumeration);
    }

    private void AddFields(List<FieldLayout> fields, uint list, long at, int depth)
    {
        while (list != 0 && depth < MaximumDepth && _records++ < MaximumRecords)
        {
            // A record's bytes last until the next record is read, and fields' types are records.
            byte[] record = _stream.Record(list).ToArray();
            CodeViewReader reader = new(record);
            list = 0;
            if (reader.UInt16() != 0x1203)
                return;
            while (reader.Remaining > 2 && fields.Count < MaximumFields)
            {
                SkipPadding(ref reader);
                ushort leaf = reader.UInt16();
                switch (leaf)
                {
                    case 0x1400 or 0x151a: // LF_BCLASS, LF_BINTERFACE
                        reader.Skip(2);
                        uint baseClass = reader.UInt32();
                        long baseOffset = reader.Number();
                        if (!reader.Failed && Definition(baseClass) is { } tag)
                            AddFields(fields, tag.FieldList, at + baseOffset, depth + 1);
                        break;
                    case 0x150d: // LF_MEMBER
                        reader.Skip(2);
                        uint type = reader.UInt32();
                        long offset = at + reader.Number();
                        string name = reader.Name();
                        if (!reader.Failed && offset is >= 0 and <= int.MaxValue)
                            fields.Add(MakeField(name, (int)offset, type));
                        break;
                    case 0x1404: // LF_INDEX
                        reader.Skip(2);
                        list = reader.UInt32();
                        break;
                    default:
                        if (!SkipMember(ref reader, leaf))
                            return;
                        break;
                }
            }
        }
    }

    private PdbTypeStream.Tag? Definition(uint index)
    {
        PdbTypeStream.Tag? tag = _stream.FindTag(index);
        if (tag is not { IsForward: true } forward)
            return tag;
        uint definition = _stream.ResolveForward(forward);
        return definition == 0 ? null : _stream.FindTag(definition);
    }

    private FieldLayout MakeField(string name, int offset, uint type)
    {
        CodeViewReader reader = new(_stream.Record(type));
        if (reader.UInt16() != 0x1205) // LF_BITFIELD
            return new FieldLayout(name, offset, Reference(type, 0));
        uint storage = reader.UInt32();
        byte length = reader.Byte();
        byte position = reader.Byte();
        return new FieldLayout(name, offset, Reference(storage, 0), position, length);
    }

    private TypeReference Reference(uint index, int depth)
    {
        if (index < PdbTypeStream.FirstIndex)
            return PdbSimpleTypes.Reference(index);
        CodeViewReader reader = new(_stream.Record(index));
        ushort leaf = reader.UInt16();
        if (depth >= MaximumDepth)
            return PdbSimpleTypes.Unknown;
        if (PdbTypeStream.IsClass(leaf) || leaf is PdbTypeStream.Union or PdbTypeStream.Enumeration)
            return TagReference(index, depth);
        switch (leaf)
        {
            case 0x1001: // LF_MODIFIER
                return Reference(reader.UInt32(), depth + 1);
            case 0x1002: // LF_POINTER
                uint target = reader.UInt32();
                int size = (int)(reader.UInt32() >> 13 & 0x3f);
                return new TypeReference(TypeKind.Pointer, "", size, Reference(target, depth + 1));
            case 0x1503: // LF_ARRAY
                uint elementIndex = reader.UInt32();
                reader.Skip(4);
                long bytes = reader.Number();
                if (reader.Failed || bytes is < 0 or > int.MaxValue)
                    return PdbSimpleTypes.Unknown;
                TypeReference element = Reference(elementIndex, depth + 1);
                int count = element.Size > 0 ? (int)bytes / element.Size : 0;
                return new TypeReference(TypeKind.Array, "", (int)bytes, element, count);
            case 0x1205: // LF_BITFIELD
                return Reference(reader.UInt32(), depth + 1);
            case 0x150a: // LF_ALIAS
                return Reference(reader.UInt32(), depth + 1);
            case 0x1008 or 0x1009: // LF_PROCEDURE, LF_MFUNCTION
                return new TypeReference(TypeKind.Function, "", 0);
            default:
                return PdbSimpleTypes.Unknown;
        }
    }

    private TypeReference TagReference(uint index, int depth)
    {
        if (_stream.FindTag(index) is not { } tag)
            return PdbSimpleTypes.Unknown;
        bool enumeration = tag.Leaf == PdbTypeStream.Enumeration;
        TypeKind kind = enumeration ? TypeKind.Enumeration : TypeKind.Structure;
        if (tag.IsForward)
        {
            index = _stream.ResolveForward(tag);
            if (index == 0 || _stream.FindTag(index) is not { } definition)
                return new TypeReference(kind, tag.Name, 0);
            tag = definition;
        }

        int size = enumeration ? Reference(tag.Underlying, depth + 1).Size : (int)tag.Size;
        return new TypeReference(kind, UniqueName(index, tag.Name, enumeration), size);
    }

    private static uint AddValues(Dictionary<string, long> values, ReadOnlySpan<byte> record)
    {
        CodeViewReader reader = new(record);
        if (reader.UInt16() != 0x1203)
            return 0;
        while (reader.Remaining > 2 && values.Count < MaximumFields)
        {
            SkipPadding(ref reader);
            ushort leaf = reader.UInt16();
            reader.Skip(2);
            if (leaf == 0x1404)
                return reader.UInt32();
            if (leaf != 0x1502) // LF_ENUMERATE
                return 0;
            long value = reader.Number();
            string name = reader.Name();
            if (!reader.Failed)
                values[name] = value;
        }

        return 0;
    }

    // Members are aligned by bytes LF_PAD0 + n, of which the first says how many there are.
    private static void SkipPadding(ref CodeViewReader reader)
    {
        while (reader.Remaining > 0 && reader.Peek() >= 0xf0)
            reader.Skip(1);
    }

    private static bool SkipMember(ref CodeViewReader reader, ushort leaf)
    {
        ushort attributes = reader.UInt16();
        reader.Skip(4);
        switch (leaf)
        {
            case 0x1409: // LF_VFUNCTAB
            case 0x150b: // LF_FRIENDCLS
                break;
            case 0x1401 or 0x1402: // LF_VBCLASS, LF_IVBCLASS
                reader.Skip(4);
                reader.Number();
                reader.Number();
                break;
            case 0x1511: // LF_ONEMETHOD: an introducing virtual one has its slot's offset before the name
                if ((attributes >> 2 & 7) is 4 or 6)
                    reader.Skip(4);
                reader.NameBytes();
                break;
            case 0x150e or 0x150f or 0x1510 or 0x1512 or 0x150c: // LF_STMEMBER, _METHOD, _NESTTYPE(EX), _FRIENDFCN
                reader.NameBytes();
                break;
            default:
                return false;
        }

        return !reader.Failed;
    }
}
