namespace HangAnalysis.Targets.Unwinding;

/// <summary>Walks stacks of x86 code; <see cref="StackWalker"/> hands them here.</summary>
internal static class X86Walk
{
    private const uint WordSize = 4;

    /// <summary>Walks by frame data and frame pointers, and where neither leads on by a search up to the stack's end.</summary>
    public static int Walk(
        in CpuContext start, IMemory memory, IUnwindImages images, ulong stackLimit, Span<RawFrame> frames, out WalkEnd end)
    {
        CpuContext context = start;
        FrameKind kind = FrameKind.Unwound;
        bool isFirst = true;
        uint parameters = 0;
        for (int count = 0; count < frames.Length; count++)
        {
            CpuContext frame = context;
            uint calleeParameters = parameters;
            UnwindStep step = X86Unwinder.Step(
                ref context, memory, images, isFirst, ref parameters, out bool toUserMode, out ulong failedAt);
            bool moved = step is UnwindStep.Frame or UnwindStep.MachineFrame;
            frames[count] = new RawFrame(frame.StackPointer, frame.InstructionPointer,
                moved ? context.InstructionPointer : 0, kind);
            if (moved)
            {
                isFirst = step == UnwindStep.MachineFrame;
                // Behind a find of the search a chain of frame pointers is only as good as the find.
                kind = isFirst ? FrameKind.AfterMachineFrame : kind == FrameKind.Scanned ? kind : FrameKind.Unwound;
                if (!toUserMode)
                    continue;
                end = new WalkEnd(WalkEndReason.UserModeReached, context.InstructionPointer, context);
                return count + 1;
            }
            if (CanScan(step, kind, count == 0) && TryScan(ref context, memory, images, calleeParameters, stackLimit))
            {
                kind = FrameKind.Scanned;
                isFirst = false;
                parameters = 0;
                continue;
            }
            end = new WalkEnd(Reason(step), step == UnwindStep.End ? 0 : failedAt, context);
            return count + 1;
        }
        end = new WalkEnd(WalkEndReason.FrameLimit, 0, context);
        return frames.Length;
    }

    // The registers of the first frame may be those of another function: a switched-out thread's are as the switch left them.
    private static bool CanScan(UnwindStep step, FrameKind kind, bool isFirst) => step == UnwindStep.NoUnwindData
        || ((isFirst || kind == FrameKind.Scanned) && step is UnwindStep.BadFrame or UnwindStep.UnreadableStack);

    private static bool TryScan(
        ref CpuContext context, IMemory memory, IUnwindImages images, uint calleeParameters, ulong stackLimit)
    {
        ulong from = context.StackPointer + calleeParameters;
        if (!ReturnAddressScan.TryFindNext(memory, images, from, stackLimit, out ReturnAddressCandidate found))
            return false;
        context.InstructionPointer = found.Address;
        context.StackPointer = found.Slot + WordSize;
        // A function with a frame pointer has saved its caller's just below the return address.
        if (memory.TryReadUInt32(found.Slot - WordSize, out uint saved) && saved > found.Slot && saved < stackLimit
            && (saved & (WordSize - 1)) == 0)
            context.Registers[CpuContext.Rbp] = saved;
        return true;
    }

    private static WalkEndReason Reason(UnwindStep step) => step switch
    {
        UnwindStep.End => WalkEndReason.End,
        UnwindStep.NoUnwindData => WalkEndReason.NoUnwindData,
        UnwindStep.UnreadableStack => WalkEndReason.UnreadableStack,
        _ => WalkEndReason.BadFrame,
    };
}
