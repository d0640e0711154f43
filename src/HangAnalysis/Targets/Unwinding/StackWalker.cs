namespace HangAnalysis.Targets.Unwinding;

/// <summary>How a frame was come by.</summary>
public enum FrameKind
{
    /// <summary>By unwind data, or as the start of the walk.</summary>
    Unwound,

    /// <summary>By a machine frame: the code was interrupted there and did not call.</summary>
    AfterMachineFrame,

    /// <summary>By a search of the stack: it may be left over from an earlier call.</summary>
    Scanned,
}

/// <summary>One frame as addresses.</summary>
/// <param name="StackPointer">RSP in this frame before it is undone (Child-SP).</param>
/// <param name="InstructionPointer">Where the frame's function stands or will go on.</param>
/// <param name="ReturnAddress">Where its caller will go on; 0 where that is unknown or the stack ends.</param>
/// <param name="Kind">How the frame was come by.</param>
public readonly record struct RawFrame(
    ulong StackPointer, ulong InstructionPointer, ulong ReturnAddress, FrameKind Kind);

/// <summary>Why a walk ended.</summary>
public enum WalkEndReason
{
    /// <summary>The last frame's return address is 0.</summary>
    End,

    /// <summary>There is no room for further frames.</summary>
    FrameLimit,

    /// <summary>A machine frame leads from the kernel to user mode.</summary>
    UserModeReached,

    /// <summary>The stack cannot be read.</summary>
    UnreadableStack,

    /// <summary>No unwind data can be had for an instruction pointer.</summary>
    NoUnwindData,

    /// <summary>A frame would move the stack pointer down or off its alignment.</summary>
    BadFrame,
}

/// <summary>How a walk ended.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Address">Stack address or instruction pointer that stopped it; 0 at an end and at the limit.</param>
/// <param name="Context">
/// The registers at that point: at <see cref="WalkEndReason.UserModeReached"/> those of user mode, from which a walk
/// can go on with the process's own memory and images; otherwise those of the last frame.
/// </param>
public readonly record struct WalkEnd(WalkEndReason Reason, ulong Address, CpuContext Context);

/// <summary>Walks stacks of x64 and x86 code frame by frame into a buffer of the caller's, without allocation.</summary>
public static class StackWalker
{
    /// <summary>Walks by unwind data alone.</summary>
    /// <param name="start">Registers where the walk starts; the code there counts as stopped, not as calling.</param>
    /// <param name="memory">Memory that holds the stack.</param>
    /// <param name="images">The images whose code runs on it.</param>
    /// <param name="frames">Receives the frames, innermost first.</param>
    /// <param name="end">Why the walk ended.</param>
    /// <returns>The number of frames.</returns>
    public static int Walk(
        in CpuContext start, IMemory memory, IUnwindImages images, Span<RawFrame> frames, out WalkEnd end) =>
        Walk(start, memory, images, stackLimit: 0, frames, out end);

    /// <summary>
    /// Walks by unwind data and, where there are none, by a search of the stack up to <paramref name="stackLimit"/>,
    /// from whose finds unwinding goes on.
    /// </summary>
    public static int Walk(
        in CpuContext start, IMemory memory, IUnwindImages images, ulong stackLimit, Span<RawFrame> frames,
        out WalkEnd end)
    {
        if (start.Architecture == Architecture.X86)
            return X86Walk.Walk(start, memory, images, stackLimit, frames, out end);
        if (start.Architecture is not (Architecture.X64 or Architecture.Unknown))
            return WalkOther(start, frames, out end);
        CpuContext context = start;
        FrameKind kind = FrameKind.Unwound;
        bool isFirst = true;
        for (int count = 0; count < frames.Length; count++)
        {
            CpuContext frame = context;
            UnwindStep step = X64Unwinder.Step(ref context, memory, images, isFirst, out ulong failedAt);
            bool moved = step is UnwindStep.Frame or UnwindStep.MachineFrame;
            ulong returnAddress = moved ? context.InstructionPointer : 0;
            frames[count] = new RawFrame(frame.StackPointer, frame.InstructionPointer, returnAddress, kind);
            if (moved)
            {
                isFirst = step == UnwindStep.MachineFrame;
                kind = isFirst ? FrameKind.AfterMachineFrame : FrameKind.Unwound;
                if (!isFirst || !CrossesToUserMode(frame, context))
                    continue;
                end = new WalkEnd(WalkEndReason.UserModeReached, context.InstructionPointer, context);
                return count + 1;
            }
            if (CanScan(step, kind) && TryScan(ref context, memory, images, stackLimit))
            {
                kind = FrameKind.Scanned;
                isFirst = false;
                continue;
            }
            end = new WalkEnd(Reason(step), step == UnwindStep.End ? 0 : failedAt, context);
            return count + 1;
        }
        end = new WalkEnd(WalkEndReason.FrameLimit, 0, context);
        return frames.Length;
    }

    /// <summary>The frame in which a processor stands whose stacks are not unwound here.</summary>
    private static int WalkOther(in CpuContext start, Span<RawFrame> frames, out WalkEnd end)
    {
        end = new WalkEnd(WalkEndReason.NoUnwindData, start.InstructionPointer, start);
        if (frames.IsEmpty)
            return 0;
        frames[0] = new RawFrame(start.StackPointer, start.InstructionPointer, 0, FrameKind.Unwound);
        return 1;
    }

    // Behind a find of the search the registers are those of an inner frame, so a failure there says more of the find
    // than of the stack, and the search goes on.
    private static bool CanScan(UnwindStep step, FrameKind kind) =>
        step == UnwindStep.NoUnwindData
        || (kind == FrameKind.Scanned && step is (UnwindStep.BadFrame or UnwindStep.UnreadableStack));

    private static bool TryScan(ref CpuContext context, IMemory memory, IUnwindImages images, ulong stackLimit)
    {
        if (!ReturnAddressScan.TryFindNext(
            memory, images, context.StackPointer, stackLimit, out ReturnAddressCandidate candidate))
            return false;
        context.InstructionPointer = candidate.Address;
        context.StackPointer = candidate.Slot + sizeof(ulong);
        return true;
    }

    // A jump to a bad address in the kernel also gives a low instruction pointer, but stays on the kernel's stack.
    private static bool CrossesToUserMode(in CpuContext from, in CpuContext to) =>
        (long)from.InstructionPointer < 0 && (long)to.InstructionPointer > 0 && (long)to.StackPointer > 0;

    private static WalkEndReason Reason(UnwindStep step) => step switch
    {
        UnwindStep.End => WalkEndReason.End,
        UnwindStep.NoUnwindData => WalkEndReason.NoUnwindData,
        UnwindStep.UnreadableStack => WalkEndReason.UnreadableStack,
        _ => WalkEndReason.BadFrame,
    };
}
