using HangAnalysis.Targets.Images;

namespace HangAnalysis.Targets.Unwinding;

/// <summary>
/// Undoes frames of x86 code: by the frame data of the PDBs (programs, sizes, trap frames), else along the chain of frame
/// pointers. Without either nothing is guessed here: the walker searches the stack.
/// </summary>
/// <remarks>
/// FPO_DATA of winnt.h and IDiaFrameData of Microsoft's documentation; KTRAP_FRAME's places from SegFs on are the same in
/// every kernel from XP to Windows 10 (public symbols). Unlike x64 the frames of x86 need their callee's: what that had as
/// parameters still lies on the stack in the frame of its caller.
/// </remarks>
public static class X86Unwinder
{
    private const uint WordSize = 4;

    /// <summary>KTRAP_FRAME: Edi, Esi, Ebx, Ebp, ErrCode, Eip, SegCs, EFlags, HardwareEsp, HardwareSegSs.</summary>
    private const int TrapEdi = 0x54, TrapEsi = 0x58, TrapEbx = 0x5c, TrapEbp = 0x60, TrapEip = 0x68, TrapCs = 0x6c,
        TrapFlags = 0x70, TrapEsp = 0x74, TrapSs = 0x78, TrapSize = 0x7c;

    /// <summary>KGDT_R0_CODE, KGDT_R3_CODE and KGDT_R3_DATA with their privilege (public headers).</summary>
    private const uint KernelCode = 0x08, UserCode = 0x1b, UserData = 0x23;

    /// <summary>KTRAP_FRAME.DbgArgMark, by which debuggers know a trap frame, and its place.</summary>
    private const uint TrapMark = 0xbadb0d00;

    private const int TrapMarkOffset = 8;

    /// <summary>Eflags: the bit that is always set, interrupts allowed, and virtual 8086 mode.</summary>
    private const uint AlwaysSet = 2, InterruptsAllowed = 0x200, VirtualMode = 0x2_0000;

    /// <summary>Words above the expected place in which a return address is looked for (.raSearch).</summary>
    private const int SearchWords = 8;

    /// <summary>Undoes one frame; a step that fails leaves the context as it was.</summary>
    /// <param name="context">Registers in the frame; becomes those of its caller.</param>
    /// <param name="stack">Memory that holds the stack.</param>
    /// <param name="images">The images whose code runs on it.</param>
    /// <param name="isFirst">Whether execution stopped at the instruction pointer, which then is no return address.</param>
    /// <param name="calleeParameters">Bytes of parameters of the frame undone before; becomes those of this one.</param>
    /// <param name="toUserMode">Whether a trap frame led to user mode.</param>
    /// <param name="failedAt">Address at which it failed, if it did.</param>
    public static UnwindStep Step(
        ref CpuContext context, IMemory stack, IUnwindImages images, bool isFirst, ref uint calleeParameters,
        out bool toUserMode, out ulong failedAt)
    {
        toUserMode = false;
        failedAt = context.InstructionPointer;
        UnwindImage? image = images.Find(context.InstructionPointer);
        X86FrameData frame = default;
        bool isKnown = false;
        if (image?.Frames is { } frames)
        {
            uint rva = (uint)(context.InstructionPointer - image.BaseAddress);
            // A return address may lie behind its function's end, where that ends in a call.
            isKnown = frames.TryFindFrame(isFirst || rva == 0 ? rva : rva - 1, out frame);
        }
        uint parameters = calleeParameters;
        calleeParameters = isKnown ? frame.Parameters : 0;
        if (isKnown)
            switch (frame.Kind)
            {
                case X86FrameKind.Program:
                    return StepByProgram(ref context, stack, images, frame, parameters, ref failedAt);
                case X86FrameKind.Omitted:
                    return StepBySizes(ref context, stack, images, frame, parameters, ref failedAt);
                case X86FrameKind.Trap:
                    return StepByTrapFrame(ref context, stack, out toUserMode, ref failedAt);
                case X86FrameKind.TaskGate:
                    return UnwindStep.NoUnwindData;
            }
        if (isFirst && TryStepInProlog(ref context, stack, images, image))
            return UnwindStep.Frame;
        if (!isKnown && IsTrapFrame(stack, context.Registers[CpuContext.Rbp]))
            return StepByTrapFrame(ref context, stack, out toUserMode, ref failedAt);
        return StepByFramePointer(ref context, stack, images, isKnown, ref failedAt);
    }

    private static UnwindStep StepByProgram(ref CpuContext context, IMemory stack, IUnwindImages images, in X86FrameData frame,
        uint calleeParameters, ref ulong failedAt)
    {
        uint esp = (uint)context.StackPointer;
        uint expected = unchecked(esp + calleeParameters + frame.Locals + frame.SavedRegisters);
        bool searches = frame.Program.Contains(".raSearch", StringComparison.Ordinal);
        X86FrameSizes sizes = new(searches ? FindReturnAddress(stack, images, expected) : expected, frame.Locals,
            frame.SavedRegisters, frame.Parameters);
        CpuContext caller = context;
        if (!X86FrameProgram.TryRun(frame.Program, sizes, ref caller, stack, out ulong unreadable))
        {
            failedAt = unreadable != 0 ? unreadable : failedAt;
            return unreadable != 0 ? UnwindStep.UnreadableStack : UnwindStep.NoUnwindData;
        }
        return Accept(ref context, caller, ref failedAt);
    }

    private static UnwindStep StepBySizes(ref CpuContext context, IMemory stack, IUnwindImages images, in X86FrameData frame,
        uint calleeParameters, ref ulong failedAt)
    {
        uint saved = unchecked((uint)context.StackPointer + calleeParameters);
        uint slot = FindReturnAddress(stack, images, unchecked(saved + frame.Locals + frame.SavedRegisters));
        failedAt = slot;
        if (!stack.TryReadUInt32(slot, out uint returnAddress))
            return UnwindStep.UnreadableStack;
        CpuContext caller = context;
        caller.InstructionPointer = returnAddress;
        caller.StackPointer = unchecked(slot + WordSize);
        if (frame.UsesEbp)
            RestoreFramePointer(ref caller, stack, images, saved, slot);
        return Accept(ref context, caller, ref failedAt);
    }

    /// <summary>
    /// Which of the saved registers is EBP is not recorded. It is the one that points to a frame behind this one, which begins
    /// with another frame pointer and a return address; where none does, EBP was not in use for frames.
    /// </summary>
    private static void RestoreFramePointer(ref CpuContext caller, IMemory stack, IUnwindImages images, uint from, uint slot)
    {
        for (uint at = from; at < slot && at - from < 64 * WordSize; at += WordSize)
            if (stack.TryReadUInt32(at, out uint value) && value > slot && (value & (WordSize - 1)) == 0
                && value - slot < Limits.StackBytes && stack.TryReadUInt32(value + WordSize, out uint returnAddress)
                && ReturnAddressScan.IsReturnAddress(images, returnAddress, Architecture.X86))
            {
                caller.Registers[CpuContext.Rbp] = value;
                return;
            }
    }

    /// <summary>The expected place of a return address, or the first one of a few above it that holds one.</summary>
    private static uint FindReturnAddress(IMemory stack, IUnwindImages images, uint expected)
    {
        for (uint at = expected; at - expected < SearchWords * WordSize; at += WordSize)
            if (stack.TryReadUInt32(at, out uint value) && (value == 0 && at == expected
                || ReturnAddressScan.IsReturnAddress(images, value, Architecture.X86)))
                return at;
        return expected;
    }

    private static UnwindStep StepByFramePointer(
        ref CpuContext context, IMemory stack, IUnwindImages images, bool isKnown, ref ulong failedAt)
    {
        ulong ebp = context.Registers[CpuContext.Rbp];
        // The frame of a function that stands behind its prolog lies at or above its stack pointer.
        if (ebp < context.StackPointer || (ebp & (WordSize - 1)) != 0)
            return UnwindStep.NoUnwindData;
        failedAt = ebp;
        if (!stack.TryReadUInt32(ebp, out uint saved) || !stack.TryReadUInt32(ebp + WordSize, out uint returnAddress))
            return isKnown ? UnwindStep.UnreadableStack : UnwindStep.NoUnwindData;
        if (returnAddress != 0 && !isKnown && !ReturnAddressScan.IsReturnAddress(images, returnAddress, Architecture.X86))
            return UnwindStep.NoUnwindData;
        CpuContext caller = context;
        caller.InstructionPointer = returnAddress;
        caller.StackPointer = ebp + 2 * WordSize;
        caller.Registers[CpuContext.Rbp] = saved;
        return Accept(ref context, caller, ref failedAt);
    }

    /// <summary>Where execution stopped before the frame was made, or after it was left: before push ebp, behind it, at ret.</summary>
    private static bool TryStepInProlog(ref CpuContext context, IMemory stack, IUnwindImages images, UnwindImage? image)
    {
        const byte PushEbp = 0x55, Return = 0xc3, ReturnAndPop = 0xc2;
        const ushort MoveEbpEsp = 0xec8b, MoveEbpEspOther = 0xe589, MoveEdiEdi = 0xff8b;
        ulong slot = context.StackPointer;
        bool isPushed = false;
        if (image is not null)
        {
            Span<byte> code = stackalloc byte[3];
            uint rva = (uint)(context.InstructionPointer - image.BaseAddress);
            if (rva == 0 || !image.Bytes.TryRead(rva - 1, code))
                return false;
            ushort next = (ushort)(code[1] | code[2] << 8);
            isPushed = code[0] == PushEbp && next is MoveEbpEsp or MoveEbpEspOther;
            if (!isPushed && code[1] is not (PushEbp or Return or ReturnAndPop) && next != MoveEdiEdi)
                return false;
        }
        // Without an image execution went astray by a call, whose return address is on top.
        if (isPushed)
            slot += WordSize;
        if (!stack.TryReadUInt32(slot, out uint returnAddress) || !ReturnAddressScan.IsReturnAddress(images, returnAddress, Architecture.X86)
            || !stack.TryReadUInt32(context.StackPointer, out uint saved))
            return false;
        context.InstructionPointer = returnAddress;
        context.StackPointer = slot + WordSize;
        if (isPushed)
            context.Registers[CpuContext.Rbp] = saved;
        return true;
    }

    /// <summary>
    /// Whether memory holds a trap frame: by the mark that kernels up to Windows 7 write, or by the selectors and flags of user
    /// mode, which nothing else has at such distances.
    /// </summary>
    private static bool IsTrapFrame(IMemory stack, ulong address)
    {
        Span<byte> bytes = stackalloc byte[TrapSize];
        if ((address & (WordSize - 1)) != 0 || !stack.TryRead(address, bytes))
            return false;
        uint code = U32(bytes, TrapCs) & 0xffff;
        uint flags = U32(bytes, TrapFlags);
        if ((flags & AlwaysSet) == 0 || U32(bytes, TrapEip) == 0)
            return false;
        return code == UserCode
            ? (U32(bytes, TrapSs) & 0xffff) == UserData && (flags & InterruptsAllowed) != 0
            : code == KernelCode && U32(bytes, TrapMarkOffset) == TrapMark;
    }

    private static UnwindStep StepByTrapFrame(ref CpuContext context, IMemory stack, out bool toUserMode, ref ulong failedAt)
    {
        Span<byte> bytes = stackalloc byte[TrapSize];
        toUserMode = false;
        ulong frame = context.Registers[CpuContext.Rbp];
        failedAt = frame;
        if (!stack.TryRead(frame, bytes))
            return UnwindStep.UnreadableStack;
        uint code = U32(bytes, TrapCs) & 0xffff;
        uint flags = U32(bytes, TrapFlags);
        if (code is not (KernelCode or UserCode) || (flags & VirtualMode) != 0 || U32(bytes, TrapEip) == 0
            || (code == KernelCode && frame < context.StackPointer))
            return UnwindStep.BadFrame;
        toUserMode = code == UserCode;
        CpuContext outer = context;
        outer.InstructionPointer = U32(bytes, TrapEip);
        // The processor pushes stack pointer and segment only where the privilege changes.
        outer.StackPointer = toUserMode ? U32(bytes, TrapEsp) : frame + TrapEsp;
        outer.Registers[CpuContext.Rbp] = U32(bytes, TrapEbp);
        outer.Registers[3] = U32(bytes, TrapEbx);
        outer.Registers[6] = U32(bytes, TrapEsi);
        outer.Registers[7] = U32(bytes, TrapEdi);
        outer.Flags = flags;
        context = outer;
        return UnwindStep.MachineFrame;
    }

    private static UnwindStep Accept(ref CpuContext context, in CpuContext caller, ref ulong failedAt)
    {
        if (caller.InstructionPointer == 0)
            return UnwindStep.End;
        if (caller.StackPointer <= context.StackPointer || (caller.StackPointer & (WordSize - 1)) != 0
            || caller.StackPointer > uint.MaxValue)
        {
            failedAt = context.StackPointer;
            return UnwindStep.BadFrame;
        }
        context = caller;
        return UnwindStep.Frame;
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) =>
        System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);
}
