using System.Buffers.Binary;
using HangAnalysis.DumpForge.Images;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// Writes the stacks of an x86 thread: the frame of the switch, kernel frames linked by EBP, the trap frame below the room for
/// the floating point state, and the user frames in the process's own memory. A function without a frame of its own leaves EBP
/// as it is.
/// </summary>
internal sealed class X86StackWriter(SystemBuilder system, ThreadBuilder thread) : StackWriter(system, thread)
{
    /// <summary>Room for the floating point state at the top of a kernel stack (FX_SAVE_AREA).</summary>
    private const int FloatingPoint = 0x210;

    // {exception list, APC bypass, return address}; what KiSwapContext saves begins behind it with EBP.
    private const int SwitchSize = 0xc, SwitchReturn = 8;

    // What interrupted code used (KTRAP_FRAME), and the mark that the kernel puts before it.
    private const uint Mark = 0xbadb0d00, NoHandler = 0xffffffff, Flags = 0x246;

    public override void Write(bool isAbsent)
    {
        PlaceStack();
        FrameList? frames = Thread.Frames;
        int size = frames is null ? 0 : SizeOf(frames.Kernel);
        ulong above = FloatingPoint + (ulong)System.Layout.Size("_KTRAP_FRAME");
        if (frames is { SystemCallPointer: > 0 })
        {
            StackBase = frames.SystemCallPointer + above;
            StackLimit = StackBase - (ulong)StackSize(System);
        }
        ulong trap = StackBase - above;
        bool entered = frames?.SystemCall is not null;
        ulong pointer = (entered ? trap : StackBase - FloatingPoint - 0x90) - (ulong)size;
        if (pointer < StackLimit + SwitchSize)
            throw new InvalidOperationException($"the stack of thread {Thread.Tid:x} does not fit");
        Thread.Struct.Set("Tcb.InitialStack", StackBase).TrySet("Tcb.StackBase", StackBase)
            .Set("Tcb.StackLimit", StackLimit).Set("Tcb.KernelStack", pointer - SwitchSize)
            .Set("Tcb.TrapFrame", entered ? trap : 0);
        PlaceTeb();
        if (frames is null)
            return;
        if (!isAbsent)
            WriteKernel(frames, pointer, entered ? frames.SystemCall!.Address : 0, entered ? trap : 0);
        if (!entered)
            return;
        Pointers.Add(trap);
        FramePointers.Add(trap);
        (ulong userPointer, ulong userFrame) = WriteUser(frames);
        if (!isAbsent)
            WriteTrapFrame(trap, frames.User.Length > 0 ? frames.User[0].Address : 0, userPointer, userFrame);
    }

    private void WriteKernel(FrameList frames, ulong pointer, ulong outer, ulong ebp)
    {
        byte[] bytes = new byte[SwitchSize + SizeOf(frames.Kernel)];
        Put(bytes, 0, NoHandler);
        Put(bytes, SwitchReturn, frames.Kernel.Length > 0 ? frames.Kernel[0].Address : outer);
        FramePointer = PutFrames(bytes.AsSpan(SwitchSize), frames.Kernel, pointer, outer, ebp);
        PutKept(bytes.AsSpan(SwitchSize), frames.Kernel);
        System.Kernel.Write(pointer - SwitchSize, bytes);
        System.Kernel.MapRange(pointer, StackBase - pointer);
    }

    /// <summary>Writes frames from the last to the first, each with what its function saves; says EBP in the first.</summary>
    private ulong PutFrames(Span<byte> bytes, StackFrame[] frames, ulong pointer, ulong outer, ulong ebp)
    {
        int at = SizeOf(frames);
        ulong[] pointers = new ulong[frames.Length], framePointers = new ulong[frames.Length];
        for (int i = frames.Length - 1; i >= 0; i--)
        {
            int end = at - frames[i].Arguments;
            at = end - frames[i].Extent;
            ulong next = i + 1 < frames.Length ? frames[i + 1].Address : outer;
            pointers[i] = pointer + (ulong)at;
            X86Frame? frame = frames[i].Frame as X86Frame;
            if (frame is { IsTrap: true })
            {
                PutKernelTrap(bytes[at..end], next, ebp);
                ebp = pointers[i];
            }
            else
                Put(bytes, end - 4, next);
            if (frame is { HasFramePointer: true })
            {
                Put(bytes, end - 8, ebp);
                ebp = pointer + (ulong)(end - 8);
            }
            else if (frame is { Kind: X86FrameKind.SwitchContext })
                Put(bytes, at, ebp);
            framePointers[i] = ebp;
        }
        Pointers.AddRange(pointers);
        FramePointers.AddRange(framePointers);
        return ebp;
    }

    // A function that waits keeps what it works on in its frame. The first four frames are those of the waiting machinery.
    private void PutKept(Span<byte> bytes, StackFrame[] frames)
    {
        const int Machinery = 3;
        if (Thread.Kept.Count == 0)
            return;
        int at = 0;
        for (int i = 0; i < frames.Length; at += frames[i].Extent + frames[i].Arguments, i++)
        {
            if (i < Machinery || frames[i].Frame is not X86Frame frame || frame.Locals < 4 * Thread.Kept.Count)
                continue;
            for (int k = 0; k < Thread.Kept.Count; k++)
                Put(bytes, at + 4 * k, Thread.Kept[k]);
            return;
        }
        throw new InvalidOperationException($"no frame of thread {Thread.Tid:x} has room for what it keeps");
    }

    // What the kernel's handler of a trap saves of the code that it interrupted, which used the same stack.
    private void PutKernelTrap(Span<byte> bytes, ulong instruction, ulong ebp)
    {
        foreach ((string field, ulong value) in ((string, ulong)[])
        [
            ("DbgEbp", ebp), ("DbgEip", instruction), ("DbgArgMark", Mark), ("SegEs", 0x23), ("SegDs", 0x23),
            ("SegFs", 0x30), ("ExceptionList", NoHandler), ("Ebp", ebp), ("Eip", instruction), ("SegCs", 8),
            ("EFlags", 0x10246),
        ])
            Put(bytes, System.Layout.Offset("_KTRAP_FRAME", field), value);
        foreach ((Images.X64Register register, string field) in ((Images.X64Register, string)[])
            [(Images.X64Register.Rbx, "Ebx"), (Images.X64Register.Rsi, "Esi"), (Images.X64Register.Rdi, "Edi")])
            if (Thread.Registers.TryGetValue(register, out ulong kept))
                Put(bytes, System.Layout.Offset("_KTRAP_FRAME", field), kept);
        foreach ((string register, ulong value) in Thread.TrapRegisters)
            Put(bytes, System.Layout.Offset("_KTRAP_FRAME", register), value);
    }

    private (ulong Pointer, ulong FramePointer) WriteUser(FrameList list)
    {
        StackFrame[] frames = list.User;
        int size = SizeOf(frames) + 0x40;
        int pages = size + 0xfff & ~0xfff;
        // Frames in no module have a stack that is not in memory either.
        if (frames.Length > 0 && frames[0].Module is null)
            return (Thread.Process.TakeUser(pages) + (ulong)pages - (ulong)size, 0);
        ulong limit, stackBase, pointer;
        if (list.UserPointer != 0)
        {
            pointer = list.UserPointer;
            limit = pointer & ~0xffful;
            stackBase = pointer + (ulong)size + 0xfff & ~0xffful;
            pages = (int)(stackBase - limit);
        }
        else
        {
            limit = Thread.Process.TakeUser(pages);
            stackBase = limit + (ulong)pages;
            pointer = stackBase - (ulong)size;
        }
        byte[] bytes = new byte[SizeOf(frames)];
        ulong ebp = PutFrames(bytes, frames, pointer, 0, 0);
        // Frames are numbered as x64 has them: the return of the system call is one more here.
        int more = frames.Length > 0 && frames[0].Frame is X86Frame { Kind: X86FrameKind.SystemCallReturn } ? 1 : 0;
        foreach ((int frame, ulong value) in Thread.Locals)
            Put(bytes, SizeOf(frames.AsSpan(0, frame + more)), value);
        Thread.Process.Space.Write(pointer, bytes);
        Thread.Process.Space.MapRange(limit, (ulong)pages);
        WriteTeb(stackBase, limit);
        return (pointer, ebp);
    }

    private void WriteTrapFrame(ulong trap, ulong instruction, ulong pointer, ulong ebp)
    {
        KernelStruct frame = System.Struct("_KTRAP_FRAME", trap).Set("DbgEbp", ebp).Set("DbgEip", instruction).Set("DbgArgMark", Mark)
            .Set("SegFs", 0x3b).Set("SegEs", 0x23).Set("SegDs", 0x23).Set("ExceptionList", NoHandler)
            .Set("PreviousPreviousMode", 1).Set("Ebp", ebp).Set("Eip", instruction).Set("SegCs", 0x1b)
            .Set("EFlags", Flags).Set("HardwareEsp", pointer).Set("HardwareSegSs", 0x23);
        foreach ((string register, ulong value) in Thread.UserRegisters)
            frame.Set(register, value);
    }

    private static void Put(Span<byte> bytes, int at, ulong value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[at..], (uint)value);
}
