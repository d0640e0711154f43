using System.Buffers.Binary;
using HangAnalysis.DumpForge.Images;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// Writes the kernel stack of an ARM64 thread: in each frame FP points at the caller's FP, with the return address behind it. A
/// waiting thread has its FP and PC in the KTHREAD, and KernelStack lies below its stack pointer.
/// </summary>
internal sealed class Arm64StackWriter(SystemBuilder system, ThreadBuilder thread) : StackWriter(system, thread)
{
    // Where debuggers take FP and PC of a waiting thread from: fixed places, which no build has moved.
    private const ulong SavedFp = 0x220, SavedPc = 0x228, BelowStackPointer = 0x20;
    private const int Top = 0x200;

    public override void Write(bool isAbsent)
    {
        PlaceStack();
        StackFrame[] frames = Thread.Frames?.Kernel ?? [];
        ulong pointer = StackBase - Top - (ulong)SizeOf(frames);
        if (pointer < StackLimit + BelowStackPointer)
            throw new InvalidOperationException($"the stack of thread {Thread.Tid:x} does not fit");
        Thread.Struct.Set("Tcb.InitialStack", StackBase).Set("Tcb.StackBase", StackBase).Set("Tcb.StackLimit", StackLimit)
            .Set("Tcb.KernelStack", pointer - BelowStackPointer);
        PlaceTeb();
        if (Thread.Process is { IsSystem: false, IsUserModeAbsent: false })
            WriteTeb(0, 0);
        if (frames.Length == 0 || isAbsent)
            return;
        byte[] bytes = new byte[SizeOf(frames)];
        int at = bytes.Length;
        ulong fp = 0, next = 0;
        for (int i = frames.Length - 1; i >= 0; i--)
        {
            at -= frames[i].Extent;
            Arm64Frame frame = (Arm64Frame)frames[i].Frame;
            int record = at + frame.FramePointerAt;
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(record), fp);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(record + 8), next);
            (fp, next) = (pointer + (ulong)record, frames[i].Address);
            Pointers.Insert(0, pointer + (ulong)at);
            FramePointers.Insert(0, fp);
        }
        FramePointer = fp;
        PutKept(bytes, frames);
        System.Kernel.Write(pointer, bytes);
        System.Kernel.MapRange(StackLimit, StackBase - StackLimit);
        if (Thread.Processor is not null)
            return;
        System.Kernel.WriteUInt64(Thread.Address + SavedFp, fp);
        System.Kernel.WriteUInt64(Thread.Address + SavedPc, frames[0].Address);
    }

    // A function that waits keeps what it works on in its frame, behind what the prolog saves at either end.
    private void PutKept(Span<byte> bytes, StackFrame[] frames)
    {
        const int Machinery = 4, Saved = 0x10;
        if (Thread.Kept.Count == 0)
            return;
        int at = 0;
        for (int i = 0; i < frames.Length; at += frames[i++].Extent)
        {
            if (i < Machinery || frames[i].Extent < 8 * Thread.Kept.Count + Saved + 0x20)
                continue;
            for (int k = 0; k < Thread.Kept.Count; k++)
                BinaryPrimitives.WriteUInt64LittleEndian(bytes[(at + Saved + 8 * k)..], Thread.Kept[k]);
            return;
        }
        throw new InvalidOperationException($"no frame of thread {Thread.Tid:x} has room for what it keeps");
    }
}
