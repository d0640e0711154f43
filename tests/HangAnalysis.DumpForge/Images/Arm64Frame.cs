namespace HangAnalysis.DumpForge.Images;

/// <summary>Shapes of ARM64 prologs. In all of them FP points at the saved FP and LR of the caller.</summary>
public enum Arm64FrameKind
{
    /// <summary>stp fp, lr, [sp, #-Size]!; mov fp, sp</summary>
    Plain,

    /// <summary>stp x19, x20, [sp, #-0x10]!; stp fp, lr, [sp, #-rest]!; mov fp, sp: the one that packed unwind data describe.</summary>
    Packed,

    /// <summary>stp x19, x20, [sp, #-0x20]!; stp x21, x22, [sp, #0x10]; stp fp, lr, [sp, #-rest]!; mov fp, sp</summary>
    Saving,

    /// <summary>stp x19, x20, [sp, #-0x20]!; stp fp, lr, [sp, #0x10]; add fp, sp, #0x10; sub sp, sp, #rest</summary>
    Allocating,

    /// <summary>KiSwapContext: x19 to x24 from the stack pointer up, FP at 30 and LR at 38.</summary>
    SwitchContext,
}

/// <summary>
/// Frame of an ARM64 function: its code and its unwind data, which have to agree (format: Microsoft's "ARM64 exception
/// handling").
/// </summary>
public sealed class Arm64Frame(Arm64FrameKind kind, int size) : FunctionFrame(false, [])
{
    private const uint Nop = 0xd503201f, Return = 0xd65f03c0, SetFp = 0x910003fd;
    private const int Fp = 29, Lr = 30, Sp = 31, Word = 4;

    // Packed data have eleven bits for the length in words.
    private const int LargestPacked = 0x7ff * Word;

    public Arm64FrameKind Kind { get; } = kind;

    /// <inheritdoc/>
    public override int Size => Kind == Arm64FrameKind.SwitchContext ? 0x40 : size;

    /// <inheritdoc/>
    public override int Extent => Size;

    /// <summary>Where FP points, from the stack pointer in the body.</summary>
    public int FramePointerAt => Kind switch
    {
        Arm64FrameKind.Allocating => Size - 0x20 + 0x10,
        Arm64FrameKind.SwitchContext => 0x30,
        _ => 0,
    };

    /// <summary>Whether packed unwind data describe a function of this length.</summary>
    public bool IsPacked(uint length) => Kind == Arm64FrameKind.Packed && length <= LargestPacked;

    /// <summary>The second word of a function table entry that needs no more data.</summary>
    public uint PackedData(uint length) =>
        // Flag 1, length, two integer registers, CR 3 (chained: FP and LR are saved), frame size.
        1 | length / Word << 2 | 2u << 16 | 3u << 21 | (uint)Size / 16 << 23;

    /// <summary>Machine code of the function.</summary>
    public byte[] Code(uint rva, int length)
    {
        if (rva % Word != 0 || length % Word != 0)
            throw new ArgumentException($"the ARM64 function at {rva:x} is not aligned");
        (uint[] prolog, uint[] epilog) = Instructions();
        int rest = length / Word - prolog.Length - epilog.Length;
        if (rest < 0)
            throw new ArgumentException($"the function at {rva:x} is too short for its frame");
        ByteWriter code = new();
        foreach (uint one in prolog)
            code.U32(one);
        for (int i = 0; i < rest; i++)
            code.U32(Nop);
        foreach (uint one in epilog)
            code.U32(one);
        return code.ToArray();
    }

    /// <summary>The record of unwind codes: those of the prolog backwards, then those of the one epilog at the end.</summary>
    public byte[] UnwindData(int length)
    {
        ByteWriter codes = new();
        if (Kind is Arm64FrameKind.Allocating)
            AllocateCode(codes, Size - 0x20);
        // set_fp, or add_fp with its distance in units of eight.
        if (Kind is Arm64FrameKind.Allocating or Arm64FrameKind.SwitchContext)
            codes.U8(0xe2).U8((byte)(Kind == Arm64FrameKind.SwitchContext ? 6 : 2));
        else
            codes.U8(0xe1);
        SaveCodes(codes);
        codes.U8(0xe4);
        int epilog = codes.Length;
        if (Kind is Arm64FrameKind.Allocating)
            AllocateCode(codes, Size - 0x20);
        SaveCodes(codes);
        codes.U8(0xe4);
        while (codes.Length % Word != 0)
            codes.U8(0xe3);
        // Bit 21: one epilog at the end, whose first code the next five bits tell.
        ByteWriter data = new();
        data.U32((uint)length / Word | 1u << 21 | (uint)epilog << 22 | (uint)(codes.Length / Word) << 27);
        return data.Bytes(codes.Written).ToArray();
    }

    private void SaveCodes(ByteWriter codes)
    {
        switch (Kind)
        {
            case Arm64FrameKind.Plain:
                FpLrCode(codes, Size);
                break;
            case Arm64FrameKind.Packed:
                FpLrCode(codes, Size - 0x10);
                PairCode(codes, 0x10);
                break;
            case Arm64FrameKind.Saving:
                FpLrCode(codes, Size - 0x20);
                // save_regp x21, [sp, #0x10]
                codes.U8(0xc8).U8(2 << 6 | 2);
                PairCode(codes, 0x20);
                break;
            case Arm64FrameKind.Allocating:
                // save_fplr [sp, #0x10]
                codes.U8(0x40 | 2);
                PairCode(codes, 0x20);
                break;
            default:
                // save_fplr [sp, #0x30]; save_regp x23, [sp, #0x20]; save_regp x21, [sp, #0x10]
                codes.U8(0x40 | 6).U8(0xc9).U8(4).U8(0xc8).U8(2 << 6 | 2);
                PairCode(codes, 0x40);
                break;
        }
    }

    // save_fplr_x: stp fp, lr, [sp, #-bytes]!
    private static void FpLrCode(ByteWriter codes, int bytes) => codes.U8((byte)(0x80 | bytes / 8 - 1));

    // save_regp_x: stp x19, x20, [sp, #-bytes]!
    private static void PairCode(ByteWriter codes, int bytes) => codes.U8(0xcc).U8((byte)(bytes / 8 - 1));

    // alloc_s
    private static void AllocateCode(ByteWriter codes, int bytes) => codes.U8((byte)(bytes / 16));

    private (uint[] Prolog, uint[] Epilog) Instructions() => Kind switch
    {
        Arm64FrameKind.Plain => ([StoreBefore(Fp, Lr, Size), SetFp], [LoadAfter(Fp, Lr, Size), Return]),
        Arm64FrameKind.Packed => (
            [StoreBefore(19, 20, 0x10), StoreBefore(Fp, Lr, Size - 0x10), SetFp],
            [LoadAfter(Fp, Lr, Size - 0x10), LoadAfter(19, 20, 0x10), Return]),
        Arm64FrameKind.Saving => (
            [StoreBefore(19, 20, 0x20), Store(21, 22, 0x10), StoreBefore(Fp, Lr, Size - 0x20), SetFp],
            [LoadAfter(Fp, Lr, Size - 0x20), Load(21, 22, 0x10), LoadAfter(19, 20, 0x20), Return]),
        Arm64FrameKind.Allocating => (
            [StoreBefore(19, 20, 0x20), Store(Fp, Lr, 0x10), Add(Fp, 0x10), Subtract(Size - 0x20)],
            [Add(Sp, Size - 0x20), Load(Fp, Lr, 0x10), LoadAfter(19, 20, 0x20), Return]),
        _ => (
            [StoreBefore(19, 20, 0x40), Store(21, 22, 0x10), Store(23, 24, 0x20), Store(Fp, Lr, 0x30), Add(Fp, 0x30)],
            [Load(Fp, Lr, 0x30), Load(23, 24, 0x20), Load(21, 22, 0x10), LoadAfter(19, 20, 0x40), Return]),
    };

    private static uint Pair(uint operation, int first, int second, int offset) =>
        operation | (uint)(offset / 8 & 0x7f) << 15 | (uint)second << 10 | (uint)Sp << 5 | (uint)first;

    private static uint StoreBefore(int first, int second, int bytes) => Pair(0xa9800000, first, second, -bytes);

    private static uint Store(int first, int second, int offset) => Pair(0xa9000000, first, second, offset);

    private static uint LoadAfter(int first, int second, int bytes) => Pair(0xa8c00000, first, second, bytes);

    private static uint Load(int first, int second, int offset) => Pair(0xa9400000, first, second, offset);

    private static uint Add(int register, int value) => 0x91000000 | (uint)value << 10 | (uint)Sp << 5 | (uint)register;

    private static uint Subtract(int value) => 0xd10003ff | (uint)value << 10;
}
