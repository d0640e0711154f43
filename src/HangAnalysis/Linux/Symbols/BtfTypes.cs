using System.Runtime.CompilerServices;
using HangAnalysis.Targets.Symbols;

namespace HangAnalysis.Linux.Symbols;

/// <summary>
/// The records of one BTF section, of the kernel or of a module: where each type is, and what its header says.
/// Types stay bytes; only their positions are kept.
/// </summary>
/// <remarks>
/// Format: Documentation/bpf/btf.rst. A module's types continue the numbers of the kernel's, and so do its names.
/// </remarks>
// AggressiveOptimization: as for KallsymsNames.
internal sealed class BtfTypes
{
    private const ushort Magic = 0xeb9f;
    private const int RecordHeader = 12;
    private const uint ShortInfoMask = 0xffff;

    private readonly byte[] _data;
    private readonly int[] _positions;
    private readonly int _strings;
    private readonly int _stringBytes;
    private readonly uint _firstString;
    private readonly BtfTypes? _base;
    private NameIndex? _index;

    private BtfTypes(
        byte[] data, int[] positions, int strings, int stringBytes, uint firstId, uint firstString, BtfTypes? baseTypes)
    {
        _data = data;
        _positions = positions;
        _strings = strings;
        _stringBytes = stringBytes;
        FirstId = firstId;
        _firstString = firstString;
        _base = baseTypes;
    }

    /// <summary>No types.</summary>
    public static BtfTypes Empty { get; } = new([], [], 0, 0, 1, 0, null);

    /// <summary>Number of the first type of this section: 1 for the kernel's, as 0 is void.</summary>
    public uint FirstId { get; }

    /// <summary>Number of types of this section.</summary>
    public int Count => _positions.Length;

    /// <summary>Number behind the last type.</summary>
    public uint EndId => FirstId + (uint)_positions.Length;

    /// <summary>Finds the types of the kernel.</summary>
    public static BtfTypes? ParseKernel(byte[] data, out string why) => Parse(data, null, 1, 0, out why);

    /// <summary>Finds the types of a section; null, with the reason, for what is none.</summary>
    /// <param name="data">The section.</param>
    /// <param name="baseTypes">The kernel's types, for a module's.</param>
    /// <param name="firstId">Number of a module's first type.</param>
    /// <param name="firstString">Where a module's names continue those of the kernel.</param>
    /// <param name="why">What is wrong, or that some types could not be read; empty otherwise.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static BtfTypes? Parse(byte[] data, BtfTypes? baseTypes, uint firstId, uint firstString, out string why)
    {
        ReadOnlySpan<byte> bytes = data;
        why = "it has no BTF header";
        if (data.Length < 24 || (bytes[0] | bytes[1] << 8) != Magic)
            return null;
        uint header = bytes.UInt32(4);
        long types = (long)header + bytes.UInt32(8);
        long typesEnd = types + bytes.UInt32(12);
        long strings = (long)header + bytes.UInt32(16);
        long stringsEnd = strings + bytes.UInt32(20);
        why = "its BTF header points outside of it";
        if (header < 24 || types >= data.Length || strings >= data.Length)
            return null;
        int end = (int)Math.Min(typesEnd, data.Length);
        int[] positions = new int[(end - (int)types) / RecordHeader];
        int count = 0;
        int position = (int)types;
        while (end - position >= RecordHeader)
        {
            long next = position + RecordHeader + ExtraBytes(bytes.UInt32(position + 4));
            if (next > end)
                break;
            positions[count++] = position;
            position = (int)next;
        }
        Array.Resize(ref positions, count);
        why = position == typesEnd && stringsEnd <= data.Length ? "" : $"only {count} types are readable";
        int stringBytes = (int)(Math.Min(stringsEnd, data.Length) - strings);
        return new BtfTypes(data, positions, (int)strings, stringBytes, firstId, firstString, baseTypes);
    }

    /// <summary>The kind of a type; None for void and for what is not there.</summary>
    public BtfKind KindOf(uint id) => Header(id, out _, out uint info, out _) ? (BtfKind)(info >> 24 & 0x1f) : BtfKind.None;

    /// <summary>
    /// Name, count of members, kind flag and size (or the number of the type that it refers to) of a type.
    /// </summary>
    public bool TryGet(uint id, out BtfRecord record)
    {
        record = default;
        BtfTypes owner = OwnerOf(id);
        if (!owner.Header(id, out uint name, out uint info, out uint size))
            return false;
        int extra = owner._positions[id - owner.FirstId] + RecordHeader;
        record = new BtfRecord((BtfKind)(info >> 24 & 0x1f), name, (int)(info & ShortInfoMask), info >> 31 != 0, size,
            owner._data.AsMemory(extra, ExtraBytes(info)));
        return true;
    }

    /// <summary>The bytes of a name; none for one that is not there.</summary>
    public ReadOnlySpan<byte> NameOf(uint offset)
    {
        if (offset < _firstString)
            return _base is null ? [] : _base.NameOf(offset);
        return BulkReading.NameAt(_data.AsSpan(_strings, _stringBytes), offset - _firstString);
    }

    /// <summary>
    /// The first type of a name and of one of two kinds, of this section and then of the kernel's; 0 for none.
    /// </summary>
    public uint Find(string name, BtfKind kind, BtfKind otherKind)
    {
        _index ??= BuildIndex();
        Span<byte> wanted = stackalloc byte[SymbolLimits.Name];
        if (!System.Text.Encoding.UTF8.TryGetBytes(name, wanted, out int length))
            return 0;
        wanted = wanted[..length];
        foreach (uint id in _index.Find(NameIndex.Hash(wanted)))
        {
            if (Header(id, out uint nameOffset, out uint info, out _) && NameOf(nameOffset).SequenceEqual(wanted)
                && (BtfKind)(info >> 24 & 0x1f) is BtfKind found && (found == kind || found == otherKind))
                return id;
        }
        return _base?.Find(name, kind, otherKind) ?? 0;
    }

    // Only kinds that are looked up by name: a name of a function or a parameter would make the table four times as large.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private NameIndex BuildIndex()
    {
        NameIndex.Builder builder = new();
        for (uint id = FirstId; id < EndId; id++)
        {
            Header(id, out uint name, out uint info, out _);
            if (name != 0 && (BtfKind)(info >> 24 & 0x1f) is BtfKind.Struct or BtfKind.Union or BtfKind.Enum
                or BtfKind.Enum64 or BtfKind.Typedef or BtfKind.Int)
                builder.Add(NameIndex.Hash(NameOf(name)), id);
        }
        return builder.Build();
    }

    private BtfTypes OwnerOf(uint id) => id < FirstId && _base is not null ? _base : this;

    private bool Header(uint id, out uint name, out uint info, out uint size)
    {
        name = info = size = 0;
        if (id < FirstId)
            return _base is not null && _base.Header(id, out name, out info, out size);
        if (id >= EndId)
            return false;
        ReadOnlySpan<byte> record = _data.AsSpan(_positions[id - FirstId], RecordHeader);
        name = record.UInt32(0);
        info = record.UInt32(4);
        size = record.UInt32(8);
        return true;
    }

    private static int ExtraBytes(uint info)
    {
        int members = (int)(info & ShortInfoMask);
        return (BtfKind)(info >> 24 & 0x1f) switch
        {
            BtfKind.Int or BtfKind.Variable or BtfKind.DeclarationTag => 4,
            BtfKind.Array => 12,
            BtfKind.Struct or BtfKind.Union or BtfKind.DataSection or BtfKind.Enum64 => 12 * members,
            BtfKind.Enum or BtfKind.FunctionPrototype => 8 * members,
            _ => 0,
        };
    }
}

/// <summary>One type as it is written.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Name">Offset of its name.</param>
/// <param name="Members">Number of members, enumerators or parameters.</param>
/// <param name="KindFlag">
/// For a structure: offsets of members hold the size of bit-fields; for an enum: values are signed.
/// </param>
/// <param name="Size">Size in bytes, or the number of the type that it refers to.</param>
/// <param name="Extra">What follows the header.</param>
internal readonly record struct BtfRecord(
    BtfKind Kind, uint Name, int Members, bool KindFlag, uint Size, ReadOnlyMemory<byte> Extra);
