using System.Globalization;

namespace HangAnalysis.Windows.Memory;

/// <summary>What an instruction of ARM64 does for one who follows a number to a call.</summary>
internal enum Arm64Kind
{
    /// <summary>Something else, which goes on to the next instruction.</summary>
    Other,

    /// <summary>movz: a part of a number into a register, of which the rest becomes 0.</summary>
    MoveWide,

    /// <summary>movk: a part of a number into a register, of which the rest stays.</summary>
    MoveKeep,

    /// <summary>ldr of 32 bits from a place near the code.</summary>
    LoadLiteral,

    /// <summary>adrp: the address of a page.</summary>
    Page,

    /// <summary>ldr of 64 bits from a distance to a register.</summary>
    LoadSlot,

    /// <summary>b.cond, cbz, tbz and the like.</summary>
    Conditional,

    /// <summary>bl.</summary>
    Call,

    /// <summary>blr.</summary>
    CallRegister,

    /// <summary>b.</summary>
    Jump,

    /// <summary>br.</summary>
    JumpRegister,

    /// <summary>ret, brk, svc, and what is no instruction.</summary>
    End,
}

/// <summary>An instruction of ARM64, as far as finding a number and the call that takes it needs.</summary>
/// <remarks>Arm Architecture Reference Manual, DDI 0487, chapter C4: all have 32 bits, of which 28 to 25 tell the group.</remarks>
/// <param name="Word">Its bits.</param>
/// <param name="Address">Where it is.</param>
internal readonly record struct Arm64Instruction(uint Word, ulong Address)
{
    private const int ZeroRegister = 31;

    /// <summary>Bytes of every instruction.</summary>
    public const int Size = 4;

    /// <summary>What it does.</summary>
    public Arm64Kind Kind => Word switch
    {
        _ when (Word & 0x7f800000) == 0x52800000 => Arm64Kind.MoveWide,
        _ when (Word & 0x7f800000) == 0x72800000 => Arm64Kind.MoveKeep,
        _ when (Word & 0xff000000) == 0x18000000 => Arm64Kind.LoadLiteral,
        _ when (Word & 0x9f000000) == 0x90000000 => Arm64Kind.Page,
        _ when (Word & 0xffc00000) == 0xf9400000 => Arm64Kind.LoadSlot,
        _ when (Word & 0xfc000000) == 0x94000000 => Arm64Kind.Call,
        _ when (Word & 0xfc000000) == 0x14000000 => Arm64Kind.Jump,
        _ when (Word & 0xfffffc1f) == 0xd63f0000 => Arm64Kind.CallRegister,
        _ when (Word & 0xfffffc1f) == 0xd61f0000 => Arm64Kind.JumpRegister,
        _ when (Word & 0xff000000) == 0x54000000 || (Word & 0x7c000000) == 0x34000000 => Arm64Kind.Conditional,
        // Branches by other registers (ret, authenticated ones) and exceptions, then groups that hold no instruction.
        _ when (Word & 0xfe000000) == 0xd6000000 || (Word & 0xff000000) == 0xd4000000 => Arm64Kind.End,
        _ when (Word >> 25 & 0xf) <= 3 => Arm64Kind.End,
        _ => Arm64Kind.Other,
    };

    /// <summary>The register in bits 4 to 0: mostly the one that is written.</summary>
    public int Target => (int)(Word & 0x1f);

    /// <summary>The register in bits 9 to 5: mostly a base, and the one of blr and br.</summary>
    public int Base => (int)(Word >> 5 & 0x1f);

    /// <summary>Of movz and movk: how far their 16 bits are shifted.</summary>
    public int Shift => (int)(Word >> 21 & 3) * 16;

    /// <summary>Of movz and movk: their 16 bits.</summary>
    public uint Part => Word >> 5 & 0xffff;

    /// <summary>Of adrp, ldr from a literal, b and bl: where they lead.</summary>
    public ulong Destination => Kind switch
    {
        Arm64Kind.Page => unchecked((Address & ~0xffful) + ((ulong)Signed((Word >> 5 & 0x7ffff) << 2 | (Word >> 29 & 3), 21) << 12)),
        Arm64Kind.LoadLiteral => unchecked(Address + (ulong)Signed(Word >> 5 & 0x7ffff, 19) * Size),
        _ => unchecked(Address + (ulong)Signed(Word & 0x3ffffff, 26) * Size),
    };

    /// <summary>Of ldr of 64 bits: the distance to the base.</summary>
    public uint Distance => (Word >> 10 & 0xfff) * sizeof(ulong);

    /// <summary>
    /// Whether it may write a general register; where it says no, it does not. A store writes none but a base that it moves.
    /// </summary>
    public bool MayWrite(int register)
    {
        bool isMemory = (Word & 0x0a000000) == 0x08000000;
        if (!isMemory)
            return Kind != Arm64Kind.Conditional && register == Target;
        bool isPair = (Word & 0x3a000000) == 0x28000000;
        bool isSingle = (Word & 0x3a000000) == 0x38000000;
        // Bits 23 and 22 are 00 in a store, bit 22 is 0 in one of a pair; atomic operations use them otherwise.
        bool isAtomic = isSingle && (Word & 0x01200c00) == 0x00200000;
        bool isStore = isPair ? (Word & 0x00400000) == 0 : isSingle && !isAtomic && (Word & 0x00c00000) == 0;
        if (!isStore && (register == Target || (isPair && register == (int)(Word >> 10 & 0x1f))))
            return true;
        // Bit 23 of a pair and bit 10 of a single one, where it has no register or long distance, move the base; so may vectors.
        bool movesBase = isPair ? (Word & 0x00800000) != 0 : isSingle ? (Word & 0x01200400) == 0x00000400 : (Word & 0x04000000) != 0;
        bool isExclusive = (Word & 0x3f000000) == 0x08000000;
        return (movesBase && register == Base)
            // Exclusive ones load a second register or write whether they succeeded.
            || (isExclusive && (register == (int)(Word >> 16 & 0x1f) || register == (int)(Word >> 10 & 0x1f)));
    }

    /// <summary>The instruction as debuggers write it; of others than those that are told apart, their bits.</summary>
    public string Text => Kind switch
    {
        Arm64Kind.MoveWide => Line("mov", $"{Name(Target)},#{Hex((ulong)Part << Shift)}"),
        Arm64Kind.MoveKeep => Line("movk", $"{Name(Target)},#{Hex(Part)}" + (Shift > 0 ? $",lsl #{Hex((ulong)Shift)}" : "")),
        Arm64Kind.LoadLiteral => Line("ldr", $"w{Target},{Destination:x16}"),
        Arm64Kind.Page => Line("adrp", $"x{Target},{Destination:x16}"),
        Arm64Kind.LoadSlot => Line("ldr", $"x{Target},[{(Base == ZeroRegister ? "sp" : $"x{Base}")}{(Distance > 0 ? $",#{Hex(Distance)}" : "")}]"),
        Arm64Kind.Call => Line("bl", $"{Destination:x16}"),
        Arm64Kind.Jump => Line("b", $"{Destination:x16}"),
        Arm64Kind.CallRegister => Line("blr", $"x{Base}"),
        Arm64Kind.JumpRegister => Line("br", $"x{Base}"),
        _ => Line(".word", $"0x{Word:x8}"),
    };

    private string Name(int register) => $"{(Word >> 31 != 0 ? 'x' : 'w')}{register}";

    private static string Line(string name, string operands) => $"{name,-7} {operands}";

    private static string Hex(ulong value) => value < 10 ? value.ToString(CultureInfo.InvariantCulture) : $"0x{value:X}";

    private static long Signed(uint value, int bits) => (long)value << 64 - bits >> 64 - bits;
}
