using System.Text;

namespace HangAnalysis.DumpForge.Linux.Layouts;

/// <summary>
/// Writes types as BTF (Documentation/bpf/btf.rst), the kernel's own or, over a base, the split one of a module.
/// </summary>
public sealed class BtfBuilder
{
    private const int HeaderSize = 24, Variable = 14, Section = 15;
    private readonly BtfBuilder? _base;
    private readonly Dictionary<CType, uint> _ids = [];
    private readonly Dictionary<string, uint> _strings = [];
    private readonly ByteWriter _types = new(), _text = new();
    private readonly Queue<CType> _queue = new();

    public BtfBuilder(BtfBuilder? over = null)
    {
        _base = over;
        StartId = over?.NextId ?? 1;
        TextStart = over?.TextEnd ?? 0;
        NextId = StartId;
        if (over is null)
        {
            _text.U8(0);
            _strings[""] = 0;
        }
    }

    /// <summary>The number of the first type here: 1, or the number of types of the base and one.</summary>
    public uint StartId { get; }

    /// <summary>Where this text begins in the numbering of the base's text.</summary>
    public uint TextStart { get; }

    public uint NextId { get; private set; }

    private uint TextEnd => TextStart + (uint)_text.Length;

    /// <summary>Describes a type and all it needs; says its number.</summary>
    public uint Add(CType type)
    {
        uint id = IdOf(type);
        while (_queue.TryDequeue(out CType? next))
            Write(next);
        return id;
    }

    /// <summary>A variable of a section, as <c>.data..percpu</c> has them.</summary>
    public void AddSection(string name, IReadOnlyList<(string Name, CType Type, uint Offset)> variables)
    {
        uint[] ids = new uint[variables.Count];
        for (int i = 0; i < ids.Length; i++)
        {
            uint type = Add(variables[i].Type);
            ids[i] = NextId++;
            // struct btf_var: linkage 1 is global.
            Head(variables[i].Name, Variable, 0, false, type).U32(1);
        }
        NextId++;
        uint end = variables.Count == 0 ? 0 : variables.Max(variable => variable.Offset + (uint)variable.Type.Resolved.Size);
        Head(name, Section, variables.Count, false, end);
        for (int i = 0; i < ids.Length; i++)
            _types.U32(ids[i]).U32(variables[i].Offset).U32(variables[i].Type.Resolved.Size);
    }

    /// <summary>
    /// One of every kind that readers must step over, so that a wrong length of one is seen in what follows: const,
    /// volatile, restrict, function, declaration tag, type tag, float and 64-bit enumeration.
    /// </summary>
    public void AddOtherKinds(CType integer)
    {
        const int Volatile = 9, Const = 10, Restrict = 11, Func = 12, Prototype = 13, Float = 16, DeclTag = 17, TypeTag = 18,
            Enum64 = 19;
        uint id = Add(integer);
        Head("", Const, 0, false, id);
        Head("", Volatile, 0, false, NextId);
        Head("", Restrict, 0, false, NextId + 1);
        NextId += 3;
        Head("", Prototype, 2, false, id).U32(Text("first")).U32(id).U32(Text("second")).U32(id);
        Head("forged_function", Func, 1, false, NextId);
        Head("forged_tag", DeclTag, 0, false, NextId + 1).U32(-1);
        Head("forged_user", TypeTag, 0, false, id);
        Head("double", Float, 0, false, 8);
        Head("forged_enum64", Enum64, 1, false, 8).U32(Text("FORGED_BIG")).U32(0x89abcdef).U32(0x01234567);
        NextId += 6;
    }

    public byte[] ToBytes()
    {
        ByteWriter bytes = new();
        // struct btf_header; offsets count from its end.
        bytes.U16(0xeb9f).U8(1).U8(0).U32(HeaderSize).U32(0).U32(_types.Length).U32(_types.Length).U32(_text.Length);
        return bytes.Bytes(_types.Written).Bytes(_text.Written).ToArray();
    }

    private uint? Known(CType type) =>
        type.Kind == CKind.Void ? 0 : _ids.TryGetValue(type, out uint id) ? id : _base?.Known(type);

    // Numbers are given at the first mention; the record follows in the same order.
    private uint IdOf(CType type)
    {
        if (Known(type) is { } known)
            return known;
        uint id = _ids[type] = NextId++;
        _queue.Enqueue(type);
        return id;
    }

    private void Write(CType type)
    {
        switch (type.Kind)
        {
            case CKind.Int:
                int encoding = type.IsSigned ? 1 : type.Name == "_Bool" ? 4 : 0;
                Head(type.Name, 1, 0, false, (uint)type.Size).U32((uint)encoding << 24 | (uint)type.Size * 8);
                break;
            case CKind.Array:
                uint element = IdOf(type.Element!), index = IdOf(s_index);
                Head("", 3, 0, false, 0).U32(element).U32(index).U32(type.Count);
                break;
            case CKind.Struct or CKind.Union when type.Members.Count == 0:
                Head(type.Name, 7, 0, type.Kind == CKind.Union, 0);
                break;
            case CKind.Struct or CKind.Union:
                WriteMembers(type);
                break;
            case CKind.Enum:
                Head(type.Name, 6, type.Values.Count, type.Values.Any(value => value.Value < 0), 4);
                foreach ((string name, int value) in type.Values)
                    _types.U32(Text(name)).U32(value);
                break;
            case CKind.Function:
                Head("", 13, 0, false, 0);
                break;
            default:
                Head(type.Name, (int)type.Kind, 0, false, IdOf(type.Element!));
                break;
        }
    }

    private static readonly CType s_index = new(CKind.Int, "__ARRAY_SIZE_TYPE__")
    {
        Size = 4, Alignment = 4, IsPlaced = true,
    };

    private void WriteMembers(CType type)
    {
        bool hasBits = type.Members.Any(member => member.BitSize > 0);
        Head(type.Name, (int)type.Kind, type.Members.Count, hasBits, (uint)type.Size);
        foreach (CMember member in type.Members)
            _types.U32(Text(member.Name)).U32(IdOf(member.Type)).U32((uint)member.BitSize << 24 | (uint)member.BitOffset);
    }

    // struct btf_type: name, then kind (bits 24-28), kind flag (31) and number of entries (0-15), then size or type.
    private ByteWriter Head(string name, int kind, int count, bool flag, uint sizeOrType) =>
        _types.U32(Text(name)).U32((flag ? 1u << 31 : 0) | (uint)kind << 24 | (uint)count).U32(sizeOrType);

    private uint Text(string text)
    {
        if (Lookup(text) is { } known)
            return known;
        uint at = _strings[text] = TextEnd;
        _text.Bytes(Encoding.UTF8.GetBytes(text)).U8(0);
        return at;
    }

    private uint? Lookup(string text) => _strings.TryGetValue(text, out uint at) ? at : _base?.Lookup(text);
}
