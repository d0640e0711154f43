using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Reads the registers that the processor and the kernel's trap code saved when an instruction failed.</summary>
/// <remarks>
/// Offsets: the PDB's, else those of KTRAP_FRAME of x64 from 2003 to Windows 11, which are the same in all [S]. On x64 a frame
/// holds the volatile registers and RBP alone: the places of RBX, RDI and RSI are stale [DUMP: a real 0x50, where RSI of the
/// frame contradicts the address]. On x86 and ARM64 the places of EAX, ECX and EDX, and of all registers, differ between builds,
/// so that they are known by the PDB only.
/// </remarks>
internal sealed class TrapFrames
{
    private const ushort KernelCode64 = 0x10, KernelCode32 = 8;

    /// <summary>KTRAP_FRAME.DbgArgMark of x86, by which debuggers know a trap frame, and its place, which no build has moved [S].</summary>
    public const uint Mark32 = 0xbadb0d00, MarkOffset32 = 8;

    /// <summary>Size of what is read of a frame.</summary>
    private const int ReadSize = 0x190;

    private static readonly (string Name, int Index, int Usual)[] s_x64 =
    [
        ("Rax", 0, 0x30), ("Rcx", 1, 0x38), ("Rdx", 2, 0x40), ("R8", 8, 0x48), ("R9", 9, 0x50), ("R10", 10, 0x58),
        ("R11", 11, 0x60), ("Rbp", CpuContext.Rbp, 0x158), ("Rsp", CpuContext.Rsp, 0x180),
    ];

    private static readonly (string Name, int Index, int Usual)[] s_x86 =
    [
        ("Eax", 0, -1), ("Ecx", 1, -1), ("Edx", 2, -1), ("Ebx", 3, 0x5c), ("Ebp", 5, 0x60), ("Esi", 6, 0x58), ("Edi", 7, 0x54),
    ];

    private readonly KernelSession _session;
    private readonly Architecture _architecture;
    private readonly StructLayout _layout;

    public TrapFrames(KernelSession session)
    {
        _session = session;
        _architecture = session.Target.Description.Architecture;
        _layout = session.Types.Get("_KTRAP_FRAME");
    }

    /// <summary>Where the instruction pointer lies in a frame; -1 where that is not known.</summary>
    public int InstructionOffset => _architecture switch
    {
        Architecture.X86 => Offset("Eip", 0x68),
        Architecture.Arm64 => Offset("Pc", -1),
        _ => Offset("Rip", 0x168),
    };

    /// <summary>The registers of the frame at an address; null where it cannot be read, or cannot be a trap frame.</summary>
    public FaultContext? Read(ulong address, Phrase source)
    {
        byte[] frame = new byte[Math.Clamp(_layout.Size, ReadSize, 0x400)];
        int read = _session.Memory.Read(address, frame);
        if (read < Math.Min(frame.Length, _layout.Exists ? _layout.Size : ReadSize) || InstructionOffset < 0)
            return null;
        return _architecture switch
        {
            Architecture.X86 => ReadX86(address, frame, source),
            Architecture.Arm64 => ReadArm64(frame, source),
            _ => ReadX64(frame, source),
        };
    }

    /// <summary>
    /// Whether a frame is one of the kernel that was interrupted on the stack on which the frame lies: what tells one from
    /// other bytes that hold the same address [DUMP: found by this on four real dumps].
    /// </summary>
    public bool IsPlausible(ulong address, FaultContext frame)
    {
        const ulong MostBytes = 0x20000;
        if (_architecture == Architecture.Arm64)
            return true;
        byte[] segment = new byte[2];
        return _session.Memory.TryRead(address + (ulong)Offset("SegCs", _architecture == Architecture.X86 ? 0x6c : 0x170), segment)
            && BinaryPrimitives.ReadUInt16LittleEndian(segment) is KernelCode64 or KernelCode32
            && frame.Registers.StackPointer - address < MostBytes && (frame.Registers.StackPointer & 3) == 0;
    }

    private FaultContext ReadX64(byte[] frame, Phrase source)
    {
        (CpuContext registers, uint known) = ReadRegisters(frame, s_x64, sizeof(ulong));
        registers.InstructionPointer = Value(frame, "Rip", 0x168, sizeof(ulong));
        registers.Flags = (uint)Value(frame, "EFlags", 0x178, sizeof(uint));
        return new FaultContext(registers, known, source)
        {
            FaultAddress = Value(frame, "FaultAddress", 0xd0, sizeof(ulong)),
            ErrorCode = Value(frame, "ErrorCode", 0x160, sizeof(ulong)),
        };
    }

    private FaultContext ReadX86(ulong address, byte[] frame, Phrase source)
    {
        (CpuContext registers, uint known) = ReadRegisters(frame, s_x86, sizeof(uint));
        registers.Architecture = Architecture.X86;
        registers.InstructionPointer = Value(frame, "Eip", 0x68, sizeof(uint));
        registers.Flags = (uint)Value(frame, "EFlags", 0x70, sizeof(uint));
        // A trap in the kernel pushes no stack pointer: it was where the frame's place for one is.
        bool isKernel = (Value(frame, "SegCs", 0x6c, sizeof(uint)) & 1) == 0;
        int stackPointer = Offset("HardwareEsp", 0x74);
        registers.StackPointer = isKernel ? address + (ulong)stackPointer : Value(frame, "HardwareEsp", 0x74, sizeof(uint));
        return new FaultContext(registers, known | 1u << CpuContext.Rsp, source)
        {
            ErrorCode = Value(frame, "ErrCode", 0x64, sizeof(uint)),
        };
    }

    private FaultContext? ReadArm64(byte[] frame, Phrase source)
    {
        FieldSlot general = _layout.Optional("X");
        if (!general.IsPresent)
            return null;
        CpuContext registers = new() { Architecture = Architecture.Arm64 };
        uint known = 0;
        int count = Math.Min(general.Size / sizeof(ulong), CpuContext.Fp);
        for (int i = 0; i < count && general.Offset + (i + 1) * sizeof(ulong) <= frame.Length; i++)
        {
            registers.Registers[i] = Word(frame, general.Offset + i * sizeof(ulong), sizeof(ulong));
            known |= 1u << i;
        }
        foreach ((string name, int index) in (ReadOnlySpan<(string, int)>)
            [("Fp", CpuContext.Fp), ("Lr", CpuContext.Lr), ("Sp", CpuContext.Sp)])
        {
            FieldSlot slot = _layout.Optional(name);
            if (!slot.IsPresent)
                continue;
            registers.Registers[index] = slot.Read(frame);
            known |= 1u << index;
        }
        registers.InstructionPointer = _layout.Optional("Pc").Read(frame);
        FieldSlot fault = _layout.Optional("FaultAddress");
        return new FaultContext(registers, known, source) { FaultAddress = fault.IsPresent ? fault.Read(frame) : null };
    }

    private (CpuContext, uint) ReadRegisters(byte[] frame, (string Name, int Index, int Usual)[] table, int size)
    {
        CpuContext registers = default;
        uint known = 0;
        foreach ((string name, int index, int usual) in table)
        {
            int offset = Offset(name, usual);
            if (offset < 0 || offset + size > frame.Length)
                continue;
            registers.Registers[index] = Word(frame, offset, size);
            known |= 1u << index;
        }
        return (registers, known);
    }

    private ulong Value(byte[] frame, string name, int usual, int size)
    {
        int offset = Offset(name, usual);
        return offset < 0 || offset + size > frame.Length ? 0 : Word(frame, offset, size);
    }

    private static ulong Word(byte[] frame, int offset, int size) => size == sizeof(uint)
        ? BinaryPrimitives.ReadUInt32LittleEndian(frame.AsSpan(offset))
        : BinaryPrimitives.ReadUInt64LittleEndian(frame.AsSpan(offset));

    private int Offset(string name, int usual)
    {
        FieldSlot slot = _layout.Optional(name);
        return slot.IsPresent ? slot.Offset : usual;
    }
}
