using System.Buffers.Binary;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>The registers that an entry into the kernel saved on the stack (struct pt_regs), or a part of them.</summary>
/// <remarks>
/// arch/x86/include/asm/ptrace.h: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss. Processors
/// push the last five; user programs (signals, ptrace) see the same order, so it cannot change.
/// </remarks>
public struct PtRegs
{
    /// <summary>Size of pt_regs in bytes.</summary>
    public const int Size = 21 * 8;

    /// <summary>Size of the part that the processor pushes: ip, cs, flags, sp, ss.</summary>
    public const int FrameSize = 5 * 8;

    // Where each word of pt_regs goes in the order of CpuContext: rax rcx rdx rbx rsp rbp rsi rdi r8 to r15.
    private static ReadOnlySpan<byte> Order => [15, 14, 13, 12, CpuContext.Rbp, 3, 11, 10, 9, 8, 0, 1, 2, 6, 7];

    /// <summary>Integer registers, instruction and stack pointer.</summary>
    public CpuContext Context;

    /// <summary>
    /// Number of the system call; -1 for an interrupt; for an exception its error code is overwritten by -1 as well.
    /// </summary>
    public ulong OriginalAx;

    /// <summary>Flags.</summary>
    public ulong Flags;

    /// <summary>Code segment. Only its low 16 bits are kept; with FRED the others mean something else.</summary>
    public ushort Cs;

    /// <summary>Stack segment, its low 16 bits.</summary>
    public ushort Ss;

    /// <summary>Address of the first saved word.</summary>
    public ulong Address;

    /// <summary>Whether only ip, cs, flags, sp and ss were saved there; the other registers are not known.</summary>
    public bool IsPartial;

    /// <summary>Whether they are those of a user program.</summary>
    public readonly bool IsUser => (Cs & 3) != 0;

    /// <summary>Reads a whole pt_regs.</summary>
    public static bool TryRead(IMemory memory, ulong address, out PtRegs registers)
    {
        registers = default;
        Span<byte> bytes = stackalloc byte[Size];
        if (!memory.TryRead(address, bytes))
            return false;
        for (int i = 0; i < Order.Length; i++)
            registers.Context.Registers[Order[i]] = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(i * 8)..]);
        registers.OriginalAx = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(15 * 8)..]);
        registers.Address = address;
        registers.TakeFrame(bytes[^FrameSize..]);
        return true;
    }

    /// <summary>Reads what the processor pushed; the other registers stay zero.</summary>
    public static bool TryReadFrame(IMemory memory, ulong address, out PtRegs registers)
    {
        registers = default;
        Span<byte> bytes = stackalloc byte[FrameSize];
        if (!memory.TryRead(address, bytes))
            return false;
        registers.Address = address;
        registers.IsPartial = true;
        registers.TakeFrame(bytes);
        return true;
    }

    private void TakeFrame(ReadOnlySpan<byte> bytes)
    {
        Context.InstructionPointer = bytes.UInt64(0);
        Cs = (ushort)bytes.UInt64(8);
        Flags = bytes.UInt64(16);
        Context.StackPointer = bytes.UInt64(24);
        Ss = (ushort)bytes.UInt64(32);
    }
}
