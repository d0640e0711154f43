using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Tells which register of a processor that spins has the address of the lock.</summary>
/// <remarks>
/// It is the first argument, RDI. Compilers keep it in RBX too, and use RDI for something else where the lock's trace points
/// are on (contention_begin, since 5.19; seen in the code of 6.1 and 6.12). So it is looked at whether a lock is there: who
/// spins has left a trace in it, as the lock is taken, or its pending bit set, or its tail names a processor.
/// </remarks>
internal static class SpinLockAddress
{
    private const int Rdi = 7, Rbx = 3;

    /// <summary>The lock's address; 0 where no register has one.</summary>
    public static ulong Find(LinuxSession session, CpuContext context, string function, int processors)
    {
        ulong first = Checked(context.Registers[Rdi]);
        // Of locks for readers and writers the words are different ones.
        if (!function.Contains("spin_lock", StringComparison.Ordinal))
            return first;
        ulong kept = Checked(context.Registers[Rbx]);
        return IsTaken(session, first, processors) ? first
            : IsTaken(session, kept, processors) ? kept
            : first != 0 && !session.Memory.TryReadUInt32(first, out _) ? first
            : 0;
    }

    private static ulong Checked(ulong address) => LinuxSession.IsKernelAddress(address) && (address & 3) == 0 ? address : 0;

    /// <summary>
    /// Whether a word is that of a queued spin lock that somebody waits for (include/asm-generic/qspinlock_types.h): taken is 0,
    /// 1, or 3 for sleepers in a virtual machine; pending is 0 or 1; the tail has the number of a processor, from 1 on, above
    /// two bits. With 16,384 processors and more the fields are others.
    /// </summary>
    private static bool IsTaken(LinuxSession session, ulong address, int processors)
    {
        if (address == 0 || !session.Memory.TryReadUInt32(address, out uint value) || value == 0)
            return false;
        uint taken = value & 0xff, pending = value >> 8 & 0xff, tail = value >> 18;
        return taken is 0 or 1 or 3 && pending <= 1 && tail <= (uint)processors;
    }
}
