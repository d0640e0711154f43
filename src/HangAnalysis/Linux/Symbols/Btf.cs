using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Linux.Symbols;

/// <summary>
/// The kernel's types as it describes them itself (BTF), or a module's, which continue the kernel's. A layout is asked
/// for by names of types and members; what the kernel does not have is null.
/// </summary>
/// <remarks>
/// Needs CONFIG_DEBUG_INFO_BTF, which distributions set. Structures that are local to one .c file are there too.
/// </remarks>
public sealed class Btf
{
    private readonly BtfTypes _types;
    private readonly Dictionary<uint, BtfStruct?> _structs = [];
    private readonly Dictionary<string, uint> _structIds = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Type, string Path), BtfMember?> _paths = [];

    internal Btf(BtfTypes types) => _types = types;

    /// <summary>No types at all.</summary>
    public static Btf Empty { get; } = new(BtfTypes.Empty);

    /// <summary>Number of types; those of the kernel are not counted for a module. Void, number 0, is none.</summary>
    public int Count => _types.Count;

    internal BtfTypes Types => _types;

    /// <summary>The structure or union of a name, or null.</summary>
    public BtfStruct? FindStruct(string name)
    {
        if (!_structIds.TryGetValue(name, out uint id))
            _structIds[name] = id = _types.Find(name, BtfKind.Struct, BtfKind.Union);
        return StructOf(id);
    }

    /// <summary>The structure of a type number, behind typedefs and qualifiers; null where it is no structure.</summary>
    public BtfStruct? StructOf(uint typeId)
    {
        uint id = Resolve(typeId);
        if (_structs.TryGetValue(id, out BtfStruct? known))
            return known;
        BtfStruct? read = ReadStruct(id);
        _structs[id] = read;
        return read;
    }

    /// <summary>
    /// Whether a structure has a member; a path like <c>sched_info.last_arrival</c> goes through embedded ones.
    /// </summary>
    public bool Has(string type, string path) => FindMember(type, path) is not null;

    /// <summary>Bytes from the start of a structure to a member, or null where there is none.</summary>
    public int? OffsetOf(string type, string path) => FindMember(type, path)?.Offset;

    /// <summary>
    /// The member at the end of a path, its offset counted from the start of <paramref name="type"/>. Pointers are not
    /// followed.
    /// </summary>
    public BtfMember? FindMember(string type, string path)
    {
        if (_paths.TryGetValue((type, path), out BtfMember? known))
            return known;
        BtfMember? found = Follow(FindStruct(type), path);
        _paths[(type, path)] = found;
        return found;
    }

    /// <summary>Size in bytes of a structure, union, typedef, enum or number of this name, or null.</summary>
    public int? SizeOf(string type)
    {
        uint id = _types.Find(type, BtfKind.Struct, BtfKind.Union);
        if (id == 0)
            id = _types.Find(type, BtfKind.Typedef, BtfKind.Int);
        if (id == 0)
            id = _types.Find(type, BtfKind.Enum, BtfKind.Enum64);
        return id == 0 ? null : SizeOf(id);
    }

    /// <summary>Size in bytes of a type; null where it has none.</summary>
    public int? SizeOf(uint typeId)
    {
        uint id = typeId;
        long factor = 1;
        for (int i = 0; i < SymbolLimits.TypeSteps; i++)
        {
            id = Resolve(id);
            if (!_types.TryGet(id, out BtfRecord record))
                return null;
            switch (record.Kind)
            {
                case BtfKind.Pointer:
                    return Fit(factor * 8);
                case BtfKind.Array:
                    factor = Math.Min(factor * record.Extra.Span.UInt32(8), int.MaxValue + 1L);
                    id = record.Extra.Span.UInt32(0);
                    break;
                case BtfKind.Int or BtfKind.Struct or BtfKind.Union or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Float:
                    return Fit(factor * record.Size);
                default:
                    return null;
            }
        }
        return null;
    }

    /// <summary>Number of elements of an array member; null for a member that is no array.</summary>
    public int? CountOf(string type, string path)
    {
        if (FindMember(type, path) is not { } member || !TryGetArray(member.TypeId, out _, out uint count))
            return null;
        return Fit(count);
    }

    /// <summary>Bytes of one element of an array member; null for a member that is no array.</summary>
    public int? ElementSizeOf(string type, string path) =>
        FindMember(type, path) is { } member && TryGetArray(member.TypeId, out uint element, out _) ? SizeOf(element) : null;

    /// <summary>Bytes of a member, the whole of an array; null where it is absent.</summary>
    public int? SizeOf(string type, string path) => FindMember(type, path) is { } member ? SizeOf(member.TypeId) : null;

    /// <summary>The structure that a member is, or that it points to; null for any other member.</summary>
    public BtfStruct? TargetOf(string type, string path)
    {
        if (FindMember(type, path) is not { } member)
            return null;
        uint id = Resolve(member.TypeId);
        bool pointer = _types.TryGet(id, out BtfRecord record) && record.Kind == BtfKind.Pointer;
        return StructOf(pointer ? record.Size : id);
    }

    /// <summary>
    /// The value of an enumerator: of the enum <paramref name="enumName"/>, or of the first that has one of this name.
    /// Null where there is none. What the kernel defines with #define is in no BTF.
    /// </summary>
    public long? FindEnumValue(string enumerator, string? enumName = null)
    {
        Span<byte> wanted = stackalloc byte[SymbolLimits.Name];
        if (!Encoding.UTF8.TryGetBytes(enumerator, wanted, out int length))
            return null;
        wanted = wanted[..length];
        if (enumName is not null)
            return ValueIn(_types.Find(enumName, BtfKind.Enum, BtfKind.Enum64), wanted);
        for (uint id = 1; id < _types.EndId; id++)
            if (_types.KindOf(id) is BtfKind.Enum or BtfKind.Enum64 && ValueIn(id, wanted) is long value)
                return value;
        return null;
    }

    /// <summary>The type behind typedefs, const, volatile, restrict and tags; 0 where they never end.</summary>
    internal uint Resolve(uint id)
    {
        for (int i = 0; i < SymbolLimits.TypeSteps; i++)
        {
            if (!_types.TryGet(id, out BtfRecord record))
                return 0;
            if (record.Kind is not (BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict
                or BtfKind.TypeTag))
                return id;
            id = record.Size;
        }
        return 0;
    }

    private static int? Fit(long size) => size <= int.MaxValue ? (int)size : null;

    private bool TryGetArray(uint typeId, out uint element, out uint count)
    {
        element = count = 0;
        if (!_types.TryGet(Resolve(typeId), out BtfRecord record) || record.Kind != BtfKind.Array)
            return false;
        element = record.Extra.Span.UInt32(0);
        count = record.Extra.Span.UInt32(8);
        return true;
    }

    private BtfMember? Follow(BtfStruct? type, string path)
    {
        long bits = 0;
        while (type is not null)
        {
            int dot = path.IndexOf('.');
            if (type.Find(dot < 0 ? path : path[..dot]) is not { } member)
                return null;
            bits += member.BitOffset;
            if (dot < 0)
                return bits <= int.MaxValue ? member with { BitOffset = (int)bits } : null;
            path = path[(dot + 1)..];
            type = StructOf(member.TypeId);
        }
        return null;
    }

    private BtfStruct? ReadStruct(uint id)
    {
        if (!_types.TryGet(id, out BtfRecord record) || record.Kind is not (BtfKind.Struct or BtfKind.Union)
            || record.Size > int.MaxValue)
            return null;
        List<BtfMember> members = new(record.Members);
        int budget = SymbolLimits.Members;
        Collect(record, 0, 0, members, ref budget);
        string name = Encoding.UTF8.GetString(_types.NameOf(record.Name));
        return new BtfStruct(name, id, (int)record.Size, record.Kind == BtfKind.Union, members);
    }

    private void Collect(in BtfRecord record, long bits, int depth, List<BtfMember> members, ref int budget)
    {
        ReadOnlySpan<byte> raw = record.Extra.Span;
        for (int i = 0; i < record.Members && budget > 0; i++, budget--)
        {
            uint name = raw.UInt32(i * 12);
            uint type = raw.UInt32(i * 12 + 4);
            uint place = raw.UInt32(i * 12 + 8);
            long offset = bits + (record.KindFlag ? place & 0xffffff : place);
            int size = record.KindFlag ? (int)(place >> 24) : 0;
            // Without the flag a bit-field's size is that of its number type (before LLVM 8 and pahole 1.13).
            if (!record.KindFlag)
                offset += BitsOfOldField(type, out size);
            // A structure's size bounds its members; what lies outside is damaged.
            if (offset > Math.Min((long)record.Size * 8 + bits, int.MaxValue))
                continue;
            if (name != 0)
                members.Add(new BtfMember(Encoding.UTF8.GetString(_types.NameOf(name)), (int)offset, size, type));
            else if (depth < SymbolLimits.AnonymousDepth && _types.TryGet(Resolve(type), out BtfRecord inner)
                && inner.Kind is BtfKind.Struct or BtfKind.Union)
                Collect(inner, offset, depth + 1, members, ref budget);
        }
    }

    // The word behind a number type: bits 16 to 23 are its offset, the low byte its bits (btf.rst, BTF_INT_OFFSET,
    // BTF_INT_BITS).
    private int BitsOfOldField(uint type, out int size)
    {
        size = 0;
        if (!_types.TryGet(Resolve(type), out BtfRecord record) || record.Kind != BtfKind.Int)
            return 0;
        uint encoding = record.Extra.Span.UInt32(0);
        int bits = (int)(encoding & 0xff);
        if (bits == record.Size * 8)
            return 0;
        size = bits;
        return (int)(encoding >> 16 & 0xff);
    }

    private long? ValueIn(uint id, ReadOnlySpan<byte> wanted)
    {
        if (!_types.TryGet(id, out BtfRecord record))
            return null;
        int step = record.Kind == BtfKind.Enum64 ? 12 : 8;
        ReadOnlySpan<byte> raw = record.Extra.Span;
        for (int i = 0; i < record.Members; i++)
        {
            ReadOnlySpan<byte> one = raw.Slice(i * step, step);
            if (!_types.NameOf(one.UInt32(0)).SequenceEqual(wanted))
                continue;
            return step == 12 ? (long)BinaryPrimitives.ReadUInt64LittleEndian(one[4..])
                : record.KindFlag ? (int)one.UInt32(4) : one.UInt32(4);
        }
        return null;
    }
}
