namespace HangAnalysis.Targets.Unwinding.Arm64;

/// <summary>Where a KTRAP_FRAME of ARM64 keeps registers, in bytes, by the kernel's own types.</summary>
/// <param name="Sp">Of Sp.</param>
/// <param name="Pc">Of Pc.</param>
/// <param name="Lr">Of Lr.</param>
/// <param name="Fp">Of Fp.</param>
public sealed record Arm64TrapFrame(int Sp, int Pc, int Lr, int Fp);

/// <summary>Undoes frames of ARM64 code as RtlVirtualUnwind does: from unwind data alone.</summary>
/// <remarks>
/// "ARM64 exception handling" of Microsoft's C++ documentation. A call leaves its return address in the link register, and
/// code is looked up at the instruction before it, since a function may end in a call that does not come back. Return
/// addresses may be signed (ARMv8.3 pointer authentication): the marks stand above the 47 bits of an address and are taken
/// off. Vector registers are not restored, since no frame's address depends on them. A step that fails leaves the context as
/// it was.
/// </remarks>
internal static class Arm64Unwinder
{
    private const int InstructionSize = 4;
    private const int AddressBits = 47;

    /// <summary>Bit by which the processor tells the two halves of the address space apart whatever the marks above are.</summary>
    private const int HalfBit = 55;

    /// <summary>Undoes one frame and says at which address it failed, if it did.</summary>
    /// <param name="context">Registers in the frame; becomes those of its caller.</param>
    /// <param name="stack">Memory that holds the stack.</param>
    /// <param name="images">The images whose code runs on it.</param>
    /// <param name="isFirstFrame">Whether the instruction pointer is where execution stopped and not a return address.</param>
    /// <param name="failedAt">Stack address or instruction pointer that stopped it.</param>
    public static UnwindStep Step(
        ref CpuContext context, IMemory stack, IUnwindImages images, bool isFirstFrame, out ulong failedAt)
    {
        failedAt = context.InstructionPointer;
        ulong at = isFirstFrame ? context.InstructionPointer : context.InstructionPointer - InstructionSize;
        UnwindImage? image = images.Find(at);
        if (image?.Arm64Functions is not { } table)
            return UnwindStep.NoUnwindData;
        uint rva = (uint)(at - image.BaseAddress);
        FunctionLookup lookup = table.Find(rva, out uint begin, out Arm64UnwindInfo? info);
        // Only the innermost function can be a leaf: what has called has saved its link register.
        if (lookup == FunctionLookup.Unknown || (lookup == FunctionLookup.Leaf && !isFirstFrame))
            return UnwindStep.NoUnwindData;
        CpuContext caller = context;
        X64Unwinder.Frame frame = new(stack);
        UnwindStep step = UnwindStep.Frame;
        if (info is not null)
            foreach (Arm64Code code in info.CodesAt((rva - begin) / InstructionSize, isFirstFrame))
            {
                if (code.Operation == Arm64Operation.End || step != UnwindStep.Frame)
                    break;
                step = Undo(code, images, ref caller, ref frame);
                if (frame.Failed)
                {
                    failedAt = frame.FailedAt;
                    return UnwindStep.UnreadableStack;
                }
            }
        if (step == UnwindStep.NoUnwindData)
            return step;
        if (step == UnwindStep.Frame)
            caller.InstructionPointer = WithoutMarks(caller.Registers[CpuContext.Lr]);
        if (step == UnwindStep.Frame && caller.InstructionPointer == 0)
            return UnwindStep.End;
        bool stays = caller.StackPointer == context.StackPointer && (info is not null || !isFirstFrame)
            && caller.InstructionPointer == context.InstructionPointer;
        if ((caller.StackPointer & 0xf) != 0 || stays
            || (step == UnwindStep.Frame && caller.StackPointer < context.StackPointer))
        {
            failedAt = context.StackPointer;
            return UnwindStep.BadFrame;
        }
        context = caller;
        return step;
    }

    /// <summary>
    /// Goes to the caller by the frame pointer where a function's unwind data are not in the dump: x29 points at the caller's
    /// x29 and the return address ("ARM64 ABI conventions" of Microsoft's C++ documentation: a frame pointer chain is kept by
    /// all functions that call). It is followed only upwards, inside the stack, and to what stands behind a call.
    /// </summary>
    public static bool TryFollowFramePointer(ref CpuContext context, IMemory stack, IUnwindImages images, ulong stackLimit)
    {
        ulong frame = context.Registers[CpuContext.Fp];
        if (frame < context.StackPointer || frame >= stackLimit || (frame & 0xf) != 0
            || !stack.TryReadUInt64(frame, out ulong next) || !stack.TryReadUInt64(frame + 8, out ulong link))
            return false;
        link = WithoutMarks(link);
        if (!ReturnAddressScan.IsReturnAddress(images, link, Architecture.Arm64))
            return false;
        context.InstructionPointer = link;
        context.Registers[CpuContext.Lr] = link;
        context.Registers[CpuContext.Fp] = next;
        context.StackPointer = frame + 16;
        return true;
    }

    /// <summary>An address without the marks of its signature.</summary>
    internal static ulong WithoutMarks(ulong address)
    {
        const ulong Mask = (1UL << AddressBits) - 1;
        return (address >> HalfBit & 1) != 0 ? address | ~Mask : address & Mask;
    }

    private static UnwindStep Undo(
        in Arm64Code code, IUnwindImages images, ref CpuContext context, ref X64Unwinder.Frame frame)
    {
        switch (code.Operation)
        {
            case Arm64Operation.Allocate:
            case Arm64Operation.StoreFloatLowering:
                context.StackPointer = unchecked(context.StackPointer + code.Value);
                break;
            case Arm64Operation.SetFramePointer:
                context.StackPointer = unchecked(context.Registers[CpuContext.Fp] - code.Value);
                break;
            case Arm64Operation.Store:
                Restore(code, unchecked(context.StackPointer + code.Value), ref context, ref frame);
                break;
            case Arm64Operation.StoreLowering:
                Restore(code, context.StackPointer, ref context, ref frame);
                context.StackPointer = unchecked(context.StackPointer + code.Value);
                break;
            case Arm64Operation.MachineFrame:
                // The stack pointer and the program counter, in this order.
                context.InstructionPointer = frame.Read(unchecked(context.StackPointer + 8));
                context.StackPointer = frame.Read(context.StackPointer);
                return UnwindStep.MachineFrame;
            case Arm64Operation.Context:
                ulong record = context.StackPointer;
                for (int i = 0; i <= CpuContext.Sp; i++)
                    context.Registers[i] = frame.Read(unchecked(record + 8 + (ulong)i * 8));
                context.InstructionPointer = frame.Read(unchecked(record + 0x108));
                return UnwindStep.MachineFrame;
            case Arm64Operation.TrapFrame:
                if (images.Arm64TrapFrame is not { } trap)
                    return UnwindStep.NoUnwindData;
                ulong at = context.StackPointer;
                context.Registers[CpuContext.Fp] = frame.Read(unchecked(at + (ulong)trap.Fp));
                context.Registers[CpuContext.Lr] = frame.Read(unchecked(at + (ulong)trap.Lr));
                context.InstructionPointer = frame.Read(unchecked(at + (ulong)trap.Pc));
                context.StackPointer = frame.Read(unchecked(at + (ulong)trap.Sp));
                return UnwindStep.MachineFrame;
        }
        return UnwindStep.Frame;
    }

    private static void Restore(in Arm64Code code, ulong at, ref CpuContext context, ref X64Unwinder.Frame frame)
    {
        for (int i = 0; i < code.Count; i++, at += 8)
            context.Registers[code.First + i] = frame.Read(at);
        if (code.HasLink)
            context.Registers[CpuContext.Lr] = frame.Read(at);
    }
}
