using System.Buffers.Binary;
using HangAnalysis.Linux.Symbols;

namespace HangAnalysis.Linux.Waits;

/// <summary>Finds on a waiting task's stack the structures by which it waits.</summary>
/// <remarks>
/// mutex_waiter, rwsem_waiter, semaphore_waiter, swait_queue and wait_queue_entry lie in the frame of the function that
/// blocks, and each holds the address of the waiting task. So every word of those frames that is the task's own address is
/// looked at, and the caller checks what it must be part of: a ring of waiters whose neighbours point back to it.
/// </remarks>
internal sealed class WaiterSearch(LinuxSession session, LinuxStacks stacks)
{
    /// <summary>Innermost frames that are searched: those between the scheduler and the function that called to wait.</summary>
    private const int MostFrames = 12;

    /// <summary>Bytes of one frame that are searched; the largest of functions that wait have some hundred.</summary>
    private const int MostFrameBytes = 4096;

    private readonly byte[] _bytes = new byte[MostFrameBytes];

    /// <summary>The words, innermost first.</summary>
    public void Find(ulong task, KernelStack stack, List<StackWaiter> found)
    {
        found.Clear();
        for (int i = 0; i < stack.Frames.Length && i < MostFrames; i++)
        {
            ref readonly LinuxFrame frame = ref stack.Frames[i];
            if (frame.Kind is LinuxFrameKind.User or LinuxFrameKind.End || frame.Cfa <= frame.StackPointer)
                break;
            int length = (int)Math.Min(frame.Cfa - frame.StackPointer, MostFrameBytes);
            int read = session.Memory.Read(frame.StackPointer, _bytes.AsSpan(0, length));
            for (int at = 0; at + 8 <= read; at += 8)
                if (BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(at)) == task)
                    found.Add(new StackWaiter(frame.StackPointer + (ulong)at, stacks.FunctionOf(stack, i), i));
        }
    }
}
