namespace HangAnalysis.Targets.Unwinding.Arm64;

/// <summary>Decodes the bytes of ARM64 unwind codes.</summary>
/// <remarks>"ARM64 exception handling", section "Unwind codes", of Microsoft's C++ documentation.</remarks>
internal static class Arm64CodeReader
{
    private const byte FirstSaved = 19;

    /// <summary>
    /// Decodes the code at a position and moves behind it; false where the bytes end in it or mean nothing known.
    /// </summary>
    /// <param name="bytes">All codes.</param>
    /// <param name="at">The position.</param>
    /// <param name="code">The code. save_next is <see cref="Arm64Operation.Store"/> of no register: it belongs to the next one.</param>
    public static bool TryRead(ReadOnlySpan<byte> bytes, ref int at, out Arm64Code code)
    {
        code = default;
        if (at >= bytes.Length)
            return false;
        byte first = bytes[at];
        int length = Length(first);
        if (length == 0 || at + length > bytes.Length)
            return false;
        uint word = first;
        for (int i = 1; i < length; i++)
            word = word << 8 | bytes[at + i];
        at += length;
        code = length switch
        {
            1 => Short(first),
            2 => Medium(word),
            4 => new Arm64Code(Arm64Operation.Allocate, Value: (word & 0xff_ffff) * 16),
            _ => AnyRegister(word),
        };
        return true;
    }

    /// <summary>Bytes of a code by its first byte; 0 for one that means nothing known.</summary>
    private static int Length(byte first) => first switch
    {
        < 0xc0 => 1,
        // alloc_z is measured in the vectors of SVE, whose length is not recorded.
        0xdf => 0,
        < 0xe0 => 2,
        0xe0 => 4,
        0xe2 => 2,
        0xe7 => 3,
        >= 0xe1 and <= 0xec or 0xfc => 1,
        _ => 0,
    };

    private static Arm64Code Short(byte code) => code switch
    {
        < 0x20 => new(Arm64Operation.Allocate, Value: code * 16u),
        < 0x40 => new(Arm64Operation.StoreLowering, FirstSaved, 2, Value: (code & 0x1fu) * 8),
        < 0x80 => new(Arm64Operation.Store, CpuContext.Fp, 2, Value: (code & 0x3fu) * 8),
        < 0xc0 => new(Arm64Operation.StoreLowering, CpuContext.Fp, 2, Value: ((code & 0x3fu) + 1) * 8),
        0xe1 => new(Arm64Operation.SetFramePointer),
        0xe4 => new(Arm64Operation.End),
        0xe5 => new(Arm64Operation.EndOfScope),
        0xe6 => new(Arm64Operation.Store),
        0xe8 => new(Arm64Operation.TrapFrame),
        0xe9 => new(Arm64Operation.MachineFrame),
        0xea => new(Arm64Operation.Context),
        // nop, clear_unwound_to_call, pac_sign_lr: the marks of a signed address are taken off wherever it is used.
        _ => new(Arm64Operation.Nothing),
    };

    private static Arm64Code Medium(uint word)
    {
        uint offset = (word & 0x3f) * 8, lowering = offset + 8;
        byte register = (byte)(FirstSaved + (word >> 6 & 0xf));
        return (word >> 8) switch
        {
            < 0xc8 => new(Arm64Operation.Allocate, Value: (word & 0x7ff) * 16),
            < 0xcc => new(Arm64Operation.Store, register, 2, Value: offset),
            < 0xd0 => new(Arm64Operation.StoreLowering, register, 2, Value: lowering),
            < 0xd4 => new(Arm64Operation.Store, register, 1, Value: offset),
            // save_reg_x has four bits of a register and five of an offset.
            < 0xd6 => new(Arm64Operation.StoreLowering, (byte)(FirstSaved + (word >> 5 & 0xf)), 1,
                Value: ((word & 0x1f) + 1) * 8),
            < 0xd8 => new(Arm64Operation.Store, (byte)(FirstSaved + 2 * (word >> 6 & 7)), 1, HasLink: true, offset),
            < 0xda or (>= 0xdc and < 0xde) => new(Arm64Operation.Nothing),
            < 0xdc => new(Arm64Operation.StoreFloatLowering, Value: lowering),
            0xde => new(Arm64Operation.StoreFloatLowering, Value: ((word & 0x1f) + 1) * 8),
            _ => new(Arm64Operation.SetFramePointer, Value: (word & 0xff) * 8),
        };
    }

    /// <summary>save_any_reg: 11100111'0pxrrrrr'ffoooooo.</summary>
    private static Arm64Code AnyRegister(uint word)
    {
        bool isPair = (word & 0x4000) != 0, lowers = (word & 0x2000) != 0;
        uint offset = word & 0x3f;
        bool isInteger = (word & 0xc0) == 0;
        uint bytes = lowers ? (offset + 1) * 16 : isPair || !isInteger && (word & 0xc0) == 0x80 ? offset * 16 : offset * 8;
        if (!isInteger)
            return lowers ? new(Arm64Operation.StoreFloatLowering, Value: bytes) : new(Arm64Operation.Nothing);
        byte register = (byte)(word >> 8 & 0x1f);
        byte count = (byte)(isPair ? 2 : 1);
        // Behind x30 comes no other integer register.
        if (register + count > CpuContext.Sp)
            return new(Arm64Operation.Nothing);
        return new(lowers ? Arm64Operation.StoreLowering : Arm64Operation.Store, register, count, Value: bytes);
    }
}
