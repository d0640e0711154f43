namespace HangAnalysis.DumpForge.Images;

/// <summary>Writes a frame's machine code and its unwind codes, which have to agree.</summary>
internal static class FrameEncoder
{
    /// <summary>Prolog's code, and for every step the offset just behind its instruction.</summary>
    public static (byte[] Code, int[] Ends) Prolog(FunctionFrame frame)
    {
        ByteWriter code = new();
        int[] ends = new int[frame.Steps.Count];
        for (int i = 0; i < ends.Length; i++)
        {
            FrameStep step = frame.Steps[i];
            int register = (int)step.Register;
            switch (step.Kind)
            {
                case FrameStepKind.Push:
                    if (register >= 8)
                        code.U8(0x41);
                    code.U8((byte)(0x50 + (register & 7)));
                    break;
                case FrameStepKind.Allocate:
                    AdjustStack(code, 0xec, step.Value);
                    break;
                case FrameStepKind.BuiltMachineFrame:
                    AdjustStack(code, 0xec, FunctionFrame.MachineFrameSize(step));
                    break;
                case FrameStepKind.SetFrame:
                    code.U8((byte)(register >= 8 ? 0x4c : 0x48)).U8(0x8d);
                    StackOperand(code, register, step.Value);
                    break;
                case FrameStepKind.Save:
                    code.U8((byte)(register >= 8 ? 0x4c : 0x48)).U8(0x89);
                    StackOperand(code, register, step.Value);
                    break;
                case FrameStepKind.SaveXmm:
                    if (register >= 8)
                        code.U8(0x44);
                    code.U8(0x0f).U8(0x29);
                    StackOperand(code, register, step.Value);
                    break;
            }
            ends[i] = code.Length;
        }
        return (code.ToArray(), ends);
    }

    /// <summary>Code that undoes the prolog and returns.</summary>
    public static byte[] Epilog(FunctionFrame frame)
    {
        ByteWriter code = new();
        int depth = 0;
        bool machine = false, errorCode = false;
        foreach (FrameStep step in frame.Steps)
            if (step.Kind == FrameStepKind.Save)
            {
                code.U8((byte)((int)step.Register >= 8 ? 0x4c : 0x48)).U8(0x8b);
                StackOperand(code, (int)step.Register, step.Value);
            }
        for (int i = frame.Steps.Count - 1; i >= 0; i--)
        {
            FrameStep step = frame.Steps[i];
            if (step.Kind == FrameStepKind.Allocate)
                depth += step.Value;
            else if (step.Kind == FrameStepKind.Push)
            {
                Release(code, ref depth);
                if ((int)step.Register >= 8)
                    code.U8(0x41);
                code.U8((byte)(0x58 + ((int)step.Register & 7)));
            }
            else if (step.Kind is FrameStepKind.MachineFrame or FrameStepKind.BuiltMachineFrame)
                (machine, errorCode) = (true, step.Value == 1);
        }
        if (errorCode)
            depth += 8;
        Release(code, ref depth);
        return machine ? code.U8(0x48).U8(0xcf).ToArray() : code.U8(0xc3).ToArray();
    }

    /// <summary>The UNWIND_INFO of a frame; a chained one names the function table entry of its parent.</summary>
    public static byte[] UnwindInfo(
        FunctionFrame frame, int[] ends, int prologSize, (uint Begin, uint End, uint Info)? parent)
    {
        ByteWriter codes = new();
        int frameRegister = 0, frameOffset = 0;
        for (int i = frame.Steps.Count - 1; i >= 0; i--)
        {
            FrameStep step = frame.Steps[i];
            // The processor pushes its frame before the first instruction.
            byte at = (byte)(step.Kind == FrameStepKind.MachineFrame ? 0 : ends[i]);
            int register = (int)step.Register, value = step.Value;
            void Code(int operation, int info) => codes.U8(at).U8((byte)(operation | info << 4));
            switch (step.Kind)
            {
                case FrameStepKind.Push:
                    Code(0, register);
                    break;
                case FrameStepKind.Allocate when value <= 128:
                    Code(2, value / 8 - 1);
                    break;
                case FrameStepKind.Allocate when value <= 0xffff * 8:
                    Code(1, 0);
                    codes.U16(value / 8);
                    break;
                case FrameStepKind.Allocate:
                    Code(1, 1);
                    codes.U32(value);
                    break;
                case FrameStepKind.SetFrame:
                    Code(3, 0);
                    (frameRegister, frameOffset) = (register, value / 16);
                    break;
                case FrameStepKind.Save when value <= 0xffff * 8:
                    Code(4, register);
                    codes.U16(value / 8);
                    break;
                case FrameStepKind.Save:
                    Code(5, register);
                    codes.U32(value);
                    break;
                case FrameStepKind.SaveXmm when value <= 0xffff * 16:
                    Code(8, register);
                    codes.U16(value / 16);
                    break;
                case FrameStepKind.SaveXmm:
                    Code(9, register);
                    codes.U32(value);
                    break;
                default:
                    Code(10, value);
                    break;
            }
        }
        int count = codes.Length / 2;
        int flags = parent is not null ? 4 : frame.Handler is not null ? 1 : 0;
        ByteWriter info = new();
        info.U8((byte)(1 | flags << 3)).U8((byte)prologSize).U8((byte)count)
            .U8((byte)(frameRegister | frameOffset << 4)).Bytes(codes.Written).Align(4);
        if (parent is { } entry)
            info.U32(entry.Begin).U32(entry.End).U32(entry.Info);
        else if (frame.Handler is { } handler)
            info.U32(handler).U32(0);
        return info.ToArray();
    }

    private static void Release(ByteWriter code, ref int depth)
    {
        if (depth > 0)
            AdjustStack(code, 0xc4, depth);
        depth = 0;
    }

    // sub (ModRM ec) or add (c4) rsp, with the shorter form where the number allows.
    private static void AdjustStack(ByteWriter code, byte modRm, int value)
    {
        bool small = value < 0x80;
        code.U8(0x48).U8((byte)(small ? 0x83 : 0x81)).U8(modRm);
        if (small)
            code.U8((byte)value);
        else
            code.U32(value);
    }

    // ModRM, SIB and displacement of [rsp + value].
    private static void StackOperand(ByteWriter code, int register, int value)
    {
        bool small = value < 0x80;
        code.U8((byte)((small ? 0x44 : 0x84) | (register & 7) << 3)).U8(0x24);
        if (small)
            code.U8((byte)value);
        else
            code.U32(value);
    }
}
