namespace HangAnalysis.Linux.Symbols;

/// <summary>What an ORC entry says how to find the caller: ORC_TYPE_* of either numbering.</summary>
internal enum OrcType
{
    Undefined,
    End,
    Call,
    Registers,
    PartialRegisters,
}

/// <summary>
/// Base of an ORC entry's frame address: ORC_REG_* of arch/x86/include/asm/orc_types.h, the same since 4.14.
/// </summary>
internal enum OrcRegister
{
    Undefined = 0,
    PreviousSp = 1,
    Dx = 2,
    Di = 3,
    Bp = 4,
    Sp = 5,
    R10 = 6,
    R13 = 7,
    BpIndirect = 8,
    SpIndirect = 9,
}

/// <summary>One ORC entry.</summary>
/// <param name="Type">How the caller is found.</param>
/// <param name="SpRegister">What the frame address counts from.</param>
/// <param name="SpOffset">Added to it.</param>
/// <param name="BpRegister">Where the caller's RBP is.</param>
/// <param name="BpOffset">Offset of that place.</param>
/// <param name="IsSignal">Whether the next frame's address is where the processor was, and no return address.</param>
internal readonly record struct OrcEntry(
    OrcType Type, OrcRegister SpRegister, short SpOffset, OrcRegister BpRegister, short BpOffset, bool IsSignal);

/// <summary>Where the fields of an ORC entry are, taken from BTF: 6.1, 6.3 and 6.4 have different ones.</summary>
internal sealed class OrcFormat
{
    /// <summary>Bytes of an entry.</summary>
    public const int EntrySize = 6;

    private readonly Field _spOffset;
    private readonly Field _bpOffset;
    private readonly Field _spRegister;
    private readonly Field _bpRegister;
    private readonly Field _type;
    private readonly Field? _end;
    private readonly Field? _signal;

    private OrcFormat(Btf types, BtfStruct entry)
    {
        _spOffset = Field.Of(types, entry, "sp_offset") ?? default;
        _bpOffset = Field.Of(types, entry, "bp_offset") ?? default;
        _spRegister = Field.Of(types, entry, "sp_reg") ?? default;
        _bpRegister = Field.Of(types, entry, "bp_reg") ?? default;
        _type = Field.Of(types, entry, "type") ?? default;
        _end = Field.Of(types, entry, "end");
        _signal = Field.Of(types, entry, "signal");
    }

    private bool IsComplete => _spOffset.Bits == 16 && _bpOffset.Bits == 16 && _spRegister.Bits > 0 && _bpRegister.Bits > 0
        && _type.Bits > 0;

    /// <summary>The layout that BTF gives, or null where it has no struct orc_entry or one of another kind.</summary>
    public static OrcFormat? From(Btf types)
    {
        if (types.FindStruct("orc_entry") is not { Size: EntrySize } entry)
            return null;
        OrcFormat format = new(types, entry);
        return format.IsComplete ? format : null;
    }

    /// <summary>Takes an entry apart.</summary>
    public OrcEntry Decode(ReadOnlySpan<byte> entry)
    {
        ulong bits = entry.UInt32(0) | (ulong)entry[4] << 32 | (ulong)entry[5] << 40;
        OrcType type = TypeOf((int)_type.Of(bits), _end is { } end && end.Of(bits) != 0);
        bool signal = _signal is { } field ? field.Of(bits) != 0 : type is OrcType.Registers or OrcType.PartialRegisters;
        return new OrcEntry(type, (OrcRegister)_spRegister.Of(bits), (short)_spOffset.Of(bits),
            (OrcRegister)_bpRegister.Of(bits), (short)_bpOffset.Of(bits), signal);
    }

    // Since 6.4 three bits hold the type and two of its values took the place of the bit `end` and of sp_reg 0.
    private OrcType TypeOf(int type, bool end)
    {
        if (_type.Bits >= 3)
            return type <= (int)OrcType.PartialRegisters ? (OrcType)type : OrcType.Undefined;
        return end ? OrcType.End : type switch
        {
            0 => OrcType.Call,
            1 => OrcType.Registers,
            2 => OrcType.PartialRegisters,
            _ => OrcType.Undefined,
        };
    }

    private readonly record struct Field(int Start, int Bits)
    {
        public static Field? Of(Btf types, BtfStruct entry, string name)
        {
            if (entry.Find(name) is not { } member)
                return null;
            int bits = member.BitSize > 0 ? member.BitSize : (types.SizeOf(member.TypeId) ?? 0) * 8;
            bool fits = bits is > 0 and <= 16 && member.BitOffset + bits <= EntrySize * 8;
            return fits ? new Field(member.BitOffset, bits) : null;
        }

        public uint Of(ulong entry) => (uint)(entry >> Start) & (1u << Bits) - 1;
    }
}
