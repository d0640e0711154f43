using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace HangAnalysis.Targets;

/// <summary>The registers that unwinding needs. Sixteen integer registers in the order of unwind codes.</summary>
/// <remarks>Order and CONTEXT offsets: the x64 calling convention and winnt.h (Rax at 78, Rip at f8, size 4d0).</remarks>
public struct X64Context
{
    /// <summary>Index of RSP among the registers of unwind codes.</summary>
    public const int Rsp = 4;

    /// <summary>Index of RBP among the registers of unwind codes.</summary>
    public const int Rbp = 5;

    /// <summary>Size of a CONTEXT record of x64, in bytes.</summary>
    public const int ContextSize = 0x4d0;

    private const int FirstRegisterOffset = 0x78;
    private const int RipOffset = 0xf8;

    /// <summary>The integer registers: rax rcx rdx rbx rsp rbp rsi rdi r8 to r15.</summary>
    public RegisterFile Registers;

    /// <summary>The instruction pointer.</summary>
    public ulong InstructionPointer;

    /// <summary>The stack pointer.</summary>
    public ulong StackPointer
    {
        readonly get => Registers[Rsp];
        set => Registers[Rsp] = value;
    }

    /// <summary>Takes the registers from a CONTEXT record of at least 0x100 bytes.</summary>
    public static X64Context FromContextRecord(ReadOnlySpan<byte> record)
    {
        X64Context context = default;
        for (int i = 0; i < 16; i++)
            context.Registers[i] = BinaryPrimitives.ReadUInt64LittleEndian(record[(FirstRegisterOffset + i * 8)..]);
        context.InstructionPointer = BinaryPrimitives.ReadUInt64LittleEndian(record[RipOffset..]);
        return context;
    }

    /// <summary>Sixteen registers in place.</summary>
    [InlineArray(16)]
    public struct RegisterFile
    {
        private ulong _first;
    }
}
