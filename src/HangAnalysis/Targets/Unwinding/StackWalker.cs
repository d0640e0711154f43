using HangAnalysis.Targets.Unwinding.Arm64;

namespace HangAnalysis.Targets.Unwinding;

/// <summary>How a frame was come by.</summary>
public enum FrameKind
{
    /// <summary>By unwind data, or as the start of the walk.</summary>
    Unwound,

    /// <summary>By a machine frame: the code was interrupted there and did not call.</summary>
    AfterMachineFrame,

    /// <summary>By the chain of frame pointers, for want of unwind data: functions that set none are left out.</summary>
    FramePointer,

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

/// <summary>Walks stacks frame by frame into a buffer of the caller's, without allocation.</summary>
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
        CpuContext context = start;
        FrameKind kind = FrameKind.Unwound;
        bool isFirst = true;
        for (int count = 0; count < frames.Length; count++)
        {
            CpuContext frame = context;
            UnwindStep step = Undo(ref context, memory, images, isFirst, out ulong failedAt);
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
            if (step == UnwindStep.NoUnwindData && context.Architecture == Architecture.Arm64
                && Arm64Unwinder.TryFollowFramePointer(ref context, memory, images, stackLimit))
            {
                frames[count] = frames[count] with { ReturnAddress = context.InstructionPointer };
                kind = FrameKind.FramePointer;
                isFirst = false;
                continue;
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

    /// <summary>Undoes one frame in the way of its processor.</summary>
    private static UnwindStep Undo(
        ref CpuContext context, IMemory memory, IUnwindImages images, bool isFirst, out ulong failedAt) =>
        context.Architecture == Architecture.Arm64
            ? Arm64Unwinder.Step(ref context, memory, images, isFirst, out failedAt)
            : X64Unwinder.Step(ref context, memory, images, isFirst, out failedAt);

    // Behind a find of the search the registers are those of an inner frame, so a failure there says more of the find
    // than of the stack, and the search goes on.
    private static bool CanScan(UnwindStep step, FrameKind kind) =>
        step == UnwindStep.NoUnwindData
        || (kind == FrameKind.Scanned && step is (UnwindStep.BadFrame or UnwindStep.UnreadableStack));

    private static bool TryScan(ref CpuContext context, IMemory memory, IUnwindImages images, ulong stackLimit)
    {
        if (!ReturnAddressScan.TryFindNext(
            memory, images, context.StackPointer, stackLimit, context.Architecture, out ReturnAddressCandidate candidate))
            return false;
        context.InstructionPointer = candidate.Address;
        context.StackPointer = candidate.Slot + sizeof(ulong);
        // A function of ARM64 stores its link register behind its caller's frame pointer, by which the caller is unwound.
        if (context.Architecture == Architecture.Arm64 && memory.TryReadUInt64(candidate.Slot - sizeof(ulong), out ulong frame))
        {
            context.Registers[CpuContext.Fp] = frame;
            context.StackPointer = (context.StackPointer + 0xf) & ~0xfUL;
        }
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
