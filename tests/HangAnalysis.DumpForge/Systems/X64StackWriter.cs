using System.Buffers.Binary;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// Writes the stacks of a thread so that unwinding gives its frames: the switch frame, the kernel frames, the trap
/// frame at the top, and the user frames in the process's own memory. No frame saves RBP on the way: it points into
/// the trap frame, as the system call's unwind information needs.
/// </summary>
internal sealed class X64StackWriter(SystemBuilder system, ThreadBuilder thread) : StackWriter(system, thread)
{
    private const int SwitchFrameSize = 0x40, SwitchRbp = 0x30, SwitchReturn = 0x38, FrameMiddle = 0x80;

    public override void Write(bool isAbsent)
    {
        PlaceStack();
        FrameList? frames = Thread.Frames;
        int size = frames is null ? 0 : SizeOf(frames.Kernel);
        ulong trapSize = (ulong)System.Layout.Size("_KTRAP_FRAME"), initial = StackBase;
        if (frames is { SystemCallPointer: > 0 })
        {
            initial = frames.SystemCallPointer + trapSize;
            StackBase = initial + 0xfff & ~0xffful;
            StackLimit = StackBase - (ulong)StackSize(System);
        }
        ulong trap = initial - trapSize;
        bool entered = frames?.SystemCall is not null;
        ulong top = entered ? trap : StackBase - 0x60;
        ulong pointer = top - (ulong)size;
        if (pointer < StackLimit + SwitchFrameSize)
            throw new InvalidOperationException($"the stack of thread {Thread.Tid:x} does not fit");
        Thread.Struct.Set("Tcb.InitialStack", initial).Set("Tcb.StackBase", StackBase)
            .Set("Tcb.StackLimit", StackLimit).Set("Tcb.KernelStack", pointer - SwitchFrameSize)
            .Set("Tcb.TrapFrame", entered ? trap : 0);
        PlaceTeb();
        if (frames is null)
            return;
        if (!isAbsent)
            WriteKernel(frames, pointer, entered ? frames.SystemCall!.Address : 0, entered ? trap + FrameMiddle : 0);
        if (!entered)
            return;
        if (isAbsent)
            Pointers.Clear();
        Pointers.Add(trap);
        ulong user = WriteUser(frames);
        if (!isAbsent)
            WriteTrapFrame(trap, frames.User.Length > 0 ? frames.User[0].Address : 0, user);
    }

    private void WriteKernel(FrameList frames, ulong pointer, ulong outer, ulong rbp)
    {
        byte[] bytes = new byte[SwitchFrameSize + SizeOf(frames.Kernel)];
        ulong first = frames.Kernel.Length > 0 ? frames.Kernel[0].Address : outer;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(SwitchReturn), first);
        PutReturns(bytes.AsSpan(SwitchFrameSize), frames.Kernel, pointer, outer);
        PutKept(bytes.AsSpan(SwitchFrameSize), frames.Kernel);
        FramePointer = PutTraps(bytes.AsSpan(SwitchFrameSize), frames.Kernel, pointer, rbp);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(SwitchRbp), FramePointer);
        System.Kernel.Write(pointer - SwitchFrameSize, bytes);
        System.Kernel.MapRange(pointer, StackBase - pointer);
    }

    // The return address of each frame is that of the next one; the last returns to what called them all.
    private void PutReturns(Span<byte> bytes, StackFrame[] frames, ulong pointer, ulong outer)
    {
        int at = 0;
        for (int i = 0; i < frames.Length; i++)
        {
            Pointers.Add(pointer + (ulong)at);
            at += frames[i].Extent;
            if (!frames[i].IsTrap)
                BinaryPrimitives.WriteUInt64LittleEndian(
                    bytes[(at - 8)..], i + 1 < frames.Length ? frames[i + 1].Address : outer);
        }
    }

    // A function that waits keeps what it works on in its frame. The first four frames are those of the waiting machinery.
    private void PutKept(Span<byte> bytes, StackFrame[] frames)
    {
        const int Machinery = 4;
        if (Thread.Kept.Count == 0)
            return;
        int at = 0;
        for (int i = 0; i < frames.Length; at += frames[i++].Extent)
        {
            if (i < Machinery || frames[i].IsTrap || frames[i].Extent < 8 * Thread.Kept.Count + 16)
                continue;
            for (int k = 0; k < Thread.Kept.Count; k++)
                BinaryPrimitives.WriteUInt64LittleEndian(bytes[(at + 8 * k)..], Thread.Kept[k]);
            return;
        }
        throw new InvalidOperationException($"no frame of thread {Thread.Tid:x} has room for what it keeps");
    }

    // Trap frames within the kernel: what was interrupted, and the RBP that it had. From the last to the first.
    private static ulong PutTraps(Span<byte> bytes, StackFrame[] frames, ulong pointer, ulong rbp)
    {
        int at = SizeOf(frames);
        for (int i = frames.Length - 1; i >= 0; i--)
        {
            at -= frames[i].Extent;
            if (!frames[i].IsTrap)
                continue;
            Span<byte> trap = bytes[at..(at + frames[i].Extent)];
            Span<byte> machine = trap[^0x28..];
            ulong[] values = [i + 1 < frames.Length ? frames[i + 1].Address : 0, 0x10, 0x10246, 0, 0x18];
            values[3] = pointer + (ulong)(at + frames[i].Extent);
            for (int k = 0; k < values.Length; k++)
                BinaryPrimitives.WriteUInt64LittleEndian(machine[(8 * k)..], values[k]);
            BinaryPrimitives.WriteUInt64LittleEndian(trap[^0x38..], rbp);
            rbp = pointer + (ulong)at + FrameMiddle;
        }
        return rbp;
    }

    private ulong WriteUser(FrameList list)
    {
        StackFrame[] frames = list.User;
        int size = SizeOf(frames) + 0x40;
        int pages = size + 0xfff & ~0xfff;
        // Frames in no module have a stack that is not in memory either.
        if (frames.Length > 0 && frames[0].Module is null)
            return Thread.Process.TakeUser(pages) + (ulong)pages - (ulong)size;
        ulong limit, stackBase, pointer;
        if (list.UserPointer != 0)
        {
            pointer = list.UserPointer;
            stackBase = pointer + (ulong)size + 0xffff & ~0xfffful;
            limit = pointer & ~0xffful;
            pages = (int)(stackBase - limit);
        }
        else
        {
            limit = Thread.Process.TakeUser(pages);
            stackBase = limit + (ulong)pages;
            pointer = stackBase - (ulong)size & ~0xful;
            // A stub's frame is its return address alone, at an address that is 8 above a multiple of 16.
            if (frames.Length > 0 && frames[0].Frame.IsLeaf)
                pointer -= 8;
        }
        byte[] bytes = new byte[SizeOf(frames)];
        PutReturns(bytes, frames, pointer, 0);
        foreach ((int frame, ulong value) in Thread.Locals)
            // Above the 0x20 bytes that belong to the functions which the frame calls.
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(SizeOf(frames.AsSpan(0, frame)) + 0x20), value);
        Thread.Process.Space.Write(pointer, bytes);
        Thread.Process.Space.MapRange(limit, (ulong)pages);
        WriteTeb(stackBase, limit);
        return pointer;
    }

    private void WriteTrapFrame(ulong trap, ulong instruction, ulong pointer) =>
        System.Struct("_KTRAP_FRAME", trap).Set("Rip", instruction).Set("SegCs", 0x33).Set("EFlags", 0x246)
            .Set("Rsp", pointer).Set("SegSs", 0x2b).Set("Rbp", 0).TrySet("PreviousMode", 1);
}
