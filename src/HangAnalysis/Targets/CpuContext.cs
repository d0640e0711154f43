using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace HangAnalysis.Targets;

/// <summary>The registers that unwinding and the reading of a crash need, of any processor.</summary>
/// <remarks>
/// One shape for all architectures, so that nothing between a dump and a stack has to know which it is; only the unwinders do.
/// Registers stand in the order of the processor's own encoding: of x64 rax rcx rdx rbx rsp rbp rsi rdi r8 to r15, of x86 the
/// first eight of these, of ARM64 x0 to x30 and sp. CONTEXT offsets: winnt.h; those of ARM64 were checked on a real small dump.
/// </remarks>
public struct CpuContext
{
    /// <summary>Index of RSP (ESP) among the registers of x64 and x86.</summary>
    public const int Rsp = 4;

    /// <summary>Index of RBP (EBP) among the registers of x64 and x86.</summary>
    public const int Rbp = 5;

    /// <summary>Index of the frame pointer, the link register and the stack pointer among the registers of ARM64.</summary>
    public const int Fp = 29, Lr = 30, Sp = 31;

    /// <summary>Size of a CONTEXT record of x64, x86 and ARM64, in bytes.</summary>
    public const int X64RecordSize = 0x4d0, X86RecordSize = 0x2cc, Arm64RecordSize = 0x390;

    /// <summary>Places of a CONTEXT of x86: eax ecx edx ebx esp ebp esi edi.</summary>
    private static ReadOnlySpan<byte> X86Offsets => [0xb0, 0xac, 0xa8, 0xa4, 0xc4, 0xb4, 0xa0, 0x9c];

    /// <summary>The integer registers.</summary>
    public RegisterFile Registers;

    /// <summary>The instruction pointer.</summary>
    public ulong InstructionPointer;

    /// <summary>RFLAGS, EFLAGS or CPSR; 0 where not recorded.</summary>
    public uint Flags;

    /// <summary>Whose registers they are; <see cref="Architecture.Unknown"/> reads as x64.</summary>
    public Architecture Architecture;

    /// <summary>The stack pointer.</summary>
    public ulong StackPointer
    {
        readonly get => Registers[Architecture == Architecture.Arm64 ? Sp : Rsp];
        set => Registers[Architecture == Architecture.Arm64 ? Sp : Rsp] = value;
    }

    /// <summary>Size of a CONTEXT record, in bytes; 0 for a processor that is not known here.</summary>
    public static int RecordSize(Architecture architecture) => architecture switch
    {
        Architecture.X64 => X64RecordSize,
        Architecture.X86 => X86RecordSize,
        Architecture.Arm64 => Arm64RecordSize,
        _ => 0,
    };

    /// <summary>Takes the registers from a CONTEXT record of at least <see cref="RecordSize"/> bytes.</summary>
    public static CpuContext FromContextRecord(ReadOnlySpan<byte> record, Architecture architecture = Architecture.X64)
    {
        CpuContext context = new() { Architecture = architecture };
        switch (architecture)
        {
            case Architecture.X86:
                for (int i = 0; i < X86Offsets.Length; i++)
                    context.Registers[i] = U32(record, X86Offsets[i]);
                context.InstructionPointer = U32(record, 0xb8);
                context.Flags = U32(record, 0xc0);
                break;
            case Architecture.Arm64:
                for (int i = 0; i <= Sp; i++)
                    context.Registers[i] = U64(record, 8 + i * 8);
                context.InstructionPointer = U64(record, 0x108);
                context.Flags = U32(record, 4);
                break;
            default:
                for (int i = 0; i < 16; i++)
                    context.Registers[i] = U64(record, 0x78 + i * 8);
                context.InstructionPointer = U64(record, 0xf8);
                context.Flags = U32(record, 0x44);
                break;
        }
        return context;
    }

    private static uint U32(ReadOnlySpan<byte> record, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(record[offset..]);

    private static ulong U64(ReadOnlySpan<byte> record, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(record[offset..]);

    /// <summary>Thirty-two registers in place.</summary>
    [InlineArray(32)]
    public struct RegisterFile
    {
        private ulong _first;
    }
}
