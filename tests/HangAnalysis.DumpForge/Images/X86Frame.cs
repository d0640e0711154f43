namespace HangAnalysis.DumpForge.Images;

/// <summary>Kinds of x86 functions, by what they do to the stack.</summary>
public enum X86FrameKind
{
    /// <summary>push ebp; mov ebp, esp; sub esp, Locals</summary>
    FramePointer,

    /// <summary>sub esp, Locals; EBP is the caller's. Only the PDB's frame data tell where the return address is.</summary>
    NoFramePointer,

    /// <summary>KiSwapContext: saves EBP, EDI, ESI and EBX, in this order from its stack pointer up.</summary>
    SwitchContext,

    /// <summary>A system call's stub in user mode: mov eax, number; mov edx, 7ffe0300h; call [edx]; ret n.</summary>
    SystemCallStub,

    /// <summary>The one instruction after sysenter: ret.</summary>
    SystemCallReturn,

    /// <summary>The kernel's entry of system calls: EBP points at a KTRAP_FRAME of user mode.</summary>
    SystemCallEntry,

    /// <summary>A handler of the processor's traps: EBP points at a KTRAP_FRAME of kernel mode.</summary>
    Trap,
}

/// <summary>Frame of an x86 function.</summary>
/// <param name="kind">What the function does to the stack.</param>
/// <param name="locals">Bytes of local variables.</param>
/// <param name="parameters">Bytes of parameters, which the function takes off when it returns.</param>
public sealed class X86Frame(X86FrameKind kind, int locals = 0, int parameters = 0) : FunctionFrame(false, [])
{
    /// <summary>Bytes of a KTRAP_FRAME up to what the processor pushes only when it comes from user mode.</summary>
    public const int KernelTrapSize = 0x74;

    public X86FrameKind Kind { get; } = kind;

    public int Locals { get; } = locals;

    public int Parameters { get; } = parameters;

    /// <summary>Whether the PDB has a program for the frame; without a frame pointer there is no other way to unwind it.</summary>
    public bool HasProgram { get; init; } = kind != X86FrameKind.FramePointer;

    /// <summary>Whether EBP in the body is the frame's own.</summary>
    public bool HasFramePointer => Kind == X86FrameKind.FramePointer;

    /// <inheritdoc/>
    public override bool IsTrap => Kind == X86FrameKind.Trap;

    /// <inheritdoc/>
    public override int Size => Kind switch
    {
        X86FrameKind.FramePointer => Locals + 4,
        X86FrameKind.NoFramePointer => Locals,
        X86FrameKind.SwitchContext => 16,
        X86FrameKind.Trap => KernelTrapSize,
        _ => 0,
    };

    /// <inheritdoc/>
    public override int Extent => Size + (IsTrap ? 0 : 4);

    /// <summary>Machine code of the function; between prolog and epilog, no-operations.</summary>
    public byte[] Code(int length)
    {
        ByteWriter code = new(), end = new();
        switch (Kind)
        {
            case X86FrameKind.FramePointer:
                code.U8(0x8b).U8(0xff).U8(0x55).U8(0x8b).U8(0xec);
                AdjustStack(code, 0xec, Locals);
                end.U8(0xc9);
                Return(end);
                break;
            case X86FrameKind.NoFramePointer:
                AdjustStack(code, 0xec, Locals);
                AdjustStack(end, 0xc4, Locals);
                Return(end);
                break;
            case X86FrameKind.SwitchContext:
                AdjustStack(code, 0xec, 16);
                code.Bytes([0x89, 0x5c, 0x24, 0x0c, 0x89, 0x74, 0x24, 8, 0x89, 0x7c, 0x24, 4, 0x89, 0x2c, 0x24]);
                end.Bytes([0x8b, 0x2c, 0x24, 0x8b, 0x7c, 0x24, 4, 0x8b, 0x74, 0x24, 8, 0x8b, 0x5c, 0x24, 0x0c]);
                AdjustStack(end, 0xc4, 16);
                Return(end);
                break;
            case X86FrameKind.SystemCallStub:
                code.U8(0xb8).U32(0x1b).U8(0xba).U32(0x7ffe0300).U8(0xff).U8(0x12);
                Return(code);
                break;
            case X86FrameKind.SystemCallReturn:
                Return(code);
                break;
            default:
                // The entries build their frames in many steps, and end in iretd.
                end.U8(0xcf);
                break;
        }
        int rest = length - code.Length - end.Length;
        return rest < 0
            ? throw new ArgumentException($"a function of {length:x} bytes is too short for its frame")
            : code.Fill(0x90, rest).Bytes(end.Written).ToArray();
    }

    /// <summary>Length of the prolog in bytes.</summary>
    public int PrologLength => Kind switch
    {
        X86FrameKind.FramePointer => 5 + (Locals == 0 ? 0 : Locals < 0x80 ? 3 : 6),
        X86FrameKind.NoFramePointer => Locals == 0 ? 0 : Locals < 0x80 ? 3 : 6,
        X86FrameKind.SwitchContext => 18,
        _ => 0,
    };

    // sub (ModRM ec) or add (c4) esp, with the shorter form where the number allows.
    private static void AdjustStack(ByteWriter code, byte modRm, int value)
    {
        if (value == 0)
            return;
        code.U8((byte)(value < 0x80 ? 0x83 : 0x81)).U8(modRm);
        if (value < 0x80)
            code.U8((byte)value);
        else
            code.U32(value);
    }

    private void Return(ByteWriter code)
    {
        if (Parameters == 0)
            code.U8(0xc3);
        else
            code.U8(0xc2).U16(Parameters);
    }
}
