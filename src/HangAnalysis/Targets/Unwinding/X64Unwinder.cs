using System.Buffers.Binary;

namespace HangAnalysis.Targets.Unwinding;

/// <summary>What came of undoing one frame.</summary>
public enum UnwindStep
{
    /// <summary>The context is that of the caller.</summary>
    Frame,

    /// <summary>The context is that of the code that an interrupt, trap or system call left.</summary>
    MachineFrame,

    /// <summary>The return address is 0: the stack ends.</summary>
    End,

    /// <summary>No unwind data can be had for the instruction pointer.</summary>
    NoUnwindData,

    /// <summary>The stack cannot be read where the frame keeps a value.</summary>
    UnreadableStack,

    /// <summary>The frame would move the stack pointer down or off its alignment.</summary>
    BadFrame,
}

/// <summary>
/// Undoes frames of x64 code as RtlVirtualUnwind does: from unwind data alone, without trust in frame pointers that
/// the data do not name. XMM registers are not restored, since no frame's address depends on them.
/// </summary>
/// <remarks>
/// "x64 exception handling" of Microsoft's C++ documentation. Unlike RtlVirtualUnwind code bytes are decoded only where
/// execution may stand inside an epilog (first frame, or after a machine frame): behind a call the outcome is the same,
/// and pages of code are often absent from dumps. A step that fails leaves the context as it was.
/// </remarks>
public static class X64Unwinder
{
    private const uint WordSize = 8;

    // SS:RSP, RFLAGS, CS:RIP as the processor pushes them: RSP is the fourth of five words.
    private const uint MachineFrameRspOffset = 24;

    /// <summary>Undoes one frame.</summary>
    /// <param name="context">Registers in the frame; becomes those of its caller.</param>
    /// <param name="stack">Memory that holds the stack.</param>
    /// <param name="images">The images whose code runs on it.</param>
    /// <param name="isFirstFrame">
    /// Whether the instruction pointer is where execution stopped and not a return address: the first frame, and each
    /// one after a machine frame.
    /// </param>
    public static UnwindStep Step(
        ref CpuContext context, IMemory stack, IUnwindImages images, bool isFirstFrame) =>
        Step(ref context, stack, images, isFirstFrame, out _);

    /// <summary>Undoes one frame and says at which address it failed, if it did.</summary>
    public static UnwindStep Step(
        ref CpuContext context, IMemory stack, IUnwindImages images, bool isFirstFrame, out ulong failedAt)
    {
        failedAt = context.InstructionPointer;
        UnwindImage? image = images.Find(context.InstructionPointer);
        if (image?.Functions is not { } table)
            return UnwindStep.NoUnwindData;
        uint rva = (uint)(context.InstructionPointer - image.BaseAddress);
        if (table.FindResolved(rva, out ResolvedFunction? found) == FunctionLookup.Unknown)
            return UnwindStep.NoUnwindData;

        CpuContext caller = context;
        Frame frame = new(stack);
        UnwindStep step = UnwindStep.Frame;
        if (found is not null
            && (!isFirstFrame || !Epilog.TryUndo(image, found.Function, found.Info, rva, ref caller, ref frame)))
            step = UndoProlog(table, found.Function, found.Info, rva, ref caller, ref frame);
        if (step == UnwindStep.Frame && !frame.Failed)
        {
            caller.InstructionPointer = frame.Read(caller.StackPointer);
            caller.StackPointer += WordSize;
        }
        if (frame.Failed)
        {
            failedAt = frame.FailedAt;
            return UnwindStep.UnreadableStack;
        }
        if (step is not (UnwindStep.Frame or UnwindStep.MachineFrame))
            return step;
        bool aligned = caller.StackPointer % WordSize == 0;
        if (!aligned || (step == UnwindStep.Frame && caller.StackPointer <= context.StackPointer))
            return UnwindStep.BadFrame;
        context = caller;
        return caller.InstructionPointer == 0 ? UnwindStep.End : step;
    }

    private static UnwindStep UndoProlog(
        FunctionTable table, RuntimeFunction function, UnwindInfo info, uint rva, ref CpuContext context,
        ref Frame frame)
    {
        // The prolog is checked for every frame: __chkstk is called from inside prologs. Code of an indirect or a
        // chained entry lies outside the prolog that it names, and the subtraction then gives a large number.
        uint offset = unchecked(rva - function.Begin);
        ulong frameBase = FrameBase(info, offset, context);
        for (int depth = 0; depth <= FunctionTable.ChainLimit; depth++)
        {
            foreach (UnwindCode code in info.Codes)
            {
                if (code.PrologOffset > offset)
                    continue;
                if (code.Operation == UnwindOperation.PushMachineFrame)
                {
                    UndoMachineFrame(code.Info, ref context, ref frame);
                    return UnwindStep.MachineFrame;
                }
                Undo(code, info, frameBase, ref context, ref frame);
                if (frame.Failed)
                    return UnwindStep.UnreadableStack;
            }
            if (info.Chained is not { } chained)
                return UnwindStep.Frame;
            if (!table.TryResolve(ref chained, out UnwindInfo? next))
                return UnwindStep.NoUnwindData;
            info = next!;
            offset = uint.MaxValue;
        }
        return UnwindStep.NoUnwindData;
    }

    // Saved registers lie relative to the frame register once it is set, since RSP may have moved since.
    private static ulong FrameBase(UnwindInfo info, uint offset, in CpuContext context)
    {
        if (info.FrameRegister == 0)
            return context.StackPointer;
        bool set = offset >= info.PrologSize || info.Chained is not null;
        foreach (UnwindCode code in info.Codes)
            set |= code.Operation == UnwindOperation.SetFrameRegister && code.PrologOffset <= offset;
        return set ? unchecked(context.Registers[info.FrameRegister] - info.FrameOffset) : context.StackPointer;
    }

    private static void Undo(
        UnwindCode code, UnwindInfo info, ulong frameBase, ref CpuContext context, ref Frame frame)
    {
        switch (code.Operation)
        {
            case UnwindOperation.PushNonVolatile:
                frame.Pop(code.Info, ref context);
                break;
            case UnwindOperation.AllocateSmall:
            case UnwindOperation.AllocateLarge:
                context.StackPointer = unchecked(context.StackPointer + code.Value);
                break;
            case UnwindOperation.SetFrameRegister:
                context.StackPointer = unchecked(context.Registers[info.FrameRegister] - info.FrameOffset);
                break;
            case UnwindOperation.SaveNonVolatile:
            case UnwindOperation.SaveNonVolatileFar:
                context.Registers[code.Info] = frame.Read(unchecked(frameBase + code.Value));
                break;
            default:
                // XMM saves move nothing; epilog and spare codes describe no instruction of the prolog.
                break;
        }
    }

    private static void UndoMachineFrame(byte hasErrorCode, ref CpuContext context, ref Frame frame)
    {
        ulong at = unchecked(context.StackPointer + hasErrorCode * WordSize);
        context.InstructionPointer = frame.Read(at);
        context.StackPointer = frame.Read(unchecked(at + MachineFrameRspOffset));
    }

    /// <summary>Reads of one frame's stack; remembers the first one that failed.</summary>
    internal ref struct Frame(IMemory stack)
    {
        private readonly IMemory _stack = stack;

        /// <summary>Whether a word could not be read.</summary>
        public bool Failed { get; private set; }

        /// <summary>Address of that word.</summary>
        public ulong FailedAt { get; private set; }

        /// <summary>Reads a word of the stack; 0 after any failure.</summary>
        public ulong Read(ulong address)
        {
            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            if (!Failed && _stack.TryRead(address, bytes))
                return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            if (!Failed)
                FailedAt = address;
            Failed = true;
            return 0;
        }

        /// <summary>Does what a pop instruction does.</summary>
        public void Pop(int register, ref CpuContext context)
        {
            ulong value = Read(context.StackPointer);
            context.StackPointer = unchecked(context.StackPointer + WordSize);
            context.Registers[register] = value;
        }
    }
}
