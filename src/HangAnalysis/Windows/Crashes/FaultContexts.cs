using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>
/// The ways to the registers at the fault. Whatever a way gives is checked against the instruction that the bug check names, so
/// that a record of something else is not taken for it.
/// </summary>
/// <remarks>
/// The context of a dump's header is KeBugCheckEx's own, and its exception record a made-up breakpoint there [DUMP: 22 of 22];
/// but of 0x1000007E it is the faulting one [DUMP: 4 of 4].
/// </remarks>
internal sealed class FaultContexts(WindowsSystem system)
{
    private const int MostInformation = 15;

    private readonly TrapFrames _frames = new(system.Session);
    private StackSearch? _search;

    private IMemory Memory => system.Session.Memory;

    private Architecture Architecture => system.Target.Description.Architecture;

    private StackSearch Search => _search ??= new StackSearch(system);

    /// <summary>The CONTEXT at an address; null where it cannot be read, or where it stands elsewhere than expected.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="instruction">The instruction it has to be at; 0 where none is known.</param>
    /// <param name="origin">Who names the address: <c>parameter 3</c>.</param>
    public FaultContext? FromContext(ulong address, ulong instruction, string origin)
    {
        byte[] record = new byte[Math.Max(CpuContext.RecordSize(Architecture), 1)];
        if (address == 0 || !Memory.TryRead(address, record) || record.Length == 1)
            return null;
        CpuContext registers = CpuContext.FromContextRecord(record, Architecture);
        return registers.InstructionPointer == 0 || instruction != 0 && registers.InstructionPointer != instruction
            ? null
            : new FaultContext(registers, FaultContext.All, Phrase.Of($"CONTEXT at {address:x16}, {origin}"));
    }

    /// <summary>The registers of the dump's header, where they stand at the instruction.</summary>
    public FaultContext? FromHeader(ulong instruction) =>
        system.Target.TryGetHeaderContext(out CpuContext registers) && registers.InstructionPointer == instruction
            ? new FaultContext(registers, FaultContext.All, Phrase.Of("the dump's header"))
            : null;

    /// <summary>The registers of the dump's header, wherever they stand; null where the dump has none.</summary>
    public FaultContext? FromHeader() => system.Target.TryGetHeaderContext(out CpuContext registers) && registers.InstructionPointer != 0
        ? new FaultContext(registers, FaultContext.All, Phrase.Of("the dump's header"))
        : null;

    /// <summary>
    /// The registers with which a program called the kernel, of x86: there a system call makes a whole trap frame. On x64 it keeps
    /// RIP, RSP and RBP alone, which the stack tells.
    /// </summary>
    public FaultContext? FromSystemCall(ThreadFacts thread) =>
        Architecture == Architecture.X86 && thread.TrapFrame != 0
        && _frames.Read(thread.TrapFrame, Phrase.Of($"trap frame at {thread.TrapFrame:x16}")) is { InstructionPointer: not 0 } frame
        && frame.InstructionPointer <= system.Session.HighestUserAddress
            ? frame
            : null;

    /// <summary>
    /// The trap frame at an address, with the registers that it does not hold where unwinding from the bug check gives them; null
    /// where it cannot be read, or where it stands elsewhere than expected.
    /// </summary>
    public FaultContext? FromTrapFrame(ulong address, ulong instruction, string origin)
    {
        if (address == 0 || _frames.Read(address, Phrase.Of($"trap frame at {address:x16}, {origin}")) is not { } frame
            || frame.InstructionPointer == 0 || instruction != 0 && frame.InstructionPointer != instruction)
            return null;
        return WithUnwound(frame);
    }

    /// <summary>
    /// The trap frame of an instruction: that to which unwinding leads, else one on the stacks of the dump; of several, one whose
    /// fault address is the expected one.
    /// </summary>
    public FaultContext? FindTrapFrame(ulong instruction, ulong? faultAddress)
    {
        int offset = _frames.InstructionOffset;
        if (Architecture == Architecture.X64 && system.FindTrap() is not 0 and var trap
            && _frames.Read(trap, Phrase.Of($"trap frame at {trap:x16}, by unwinding from the bug check")) is { } unwound
            && unwound.InstructionPointer == instruction && _frames.IsPlausible(trap, unwound)
            && (faultAddress is null || unwound.FaultAddress == faultAddress))
            return WithUnwound(unwound);
        // Nulls are all over the stacks; of x86 the mark that a trap frame has is as good.
        bool isMarked = instruction == 0 && Architecture == Architecture.X86;
        if (instruction == 0 && !isMarked || offset < 0)
            return null;
        FaultContext? best = null;
        foreach (ulong place in Search.Find(isMarked ? TrapFrames.Mark32 : instruction))
        {
            ulong address = place - (isMarked ? TrapFrames.MarkOffset32 : (ulong)offset);
            if (_frames.Read(address, Phrase.Of($"trap frame at {address:x16}, found on the stack")) is not { } frame
                || frame.InstructionPointer != instruction || !_frames.IsPlausible(address, frame))
                continue;
            if (faultAddress is null || frame.FaultAddress == faultAddress)
                return WithUnwound(frame);
            best ??= frame;
        }
        return best is null ? null : WithUnwound(best);
    }

    /// <summary>The CONTEXT of an instruction on the stacks of the dump.</summary>
    /// <remarks>
    /// An exception's record has the flags 0x10001f on x64; 0x10000f is what the unwinder captures for itself [DUMP: exactly one
    /// right record in all seven dumps of 1E, 3B and 7E]. On x86 CONTEXT_FULL has no floating point: KiDispatchException asks for
    /// it with the debug registers, and for the extended ones where the processor has them (ReactOS ntoskrnl/ke/i386/exp.c).
    /// </remarks>
    public FaultContext? FindContext(ulong instruction)
    {
        bool isX86 = Architecture == Architecture.X86;
        if (instruction == 0 || Architecture == Architecture.Arm64)
            return null;
        (ulong ip, ulong flags, ulong segment, uint wanted) = isX86
            ? (0xb8ul, 0ul, 0xbcul, 0x10017u)
            : (0xf8ul, 0x30ul, 0x38ul, 0x10001fu);
        foreach (ulong place in Search.Find(instruction))
        {
            ulong address = place - ip;
            if (!Memory.TryReadUInt32(address + flags, out uint have) || (have & wanted) != wanted
                || !Memory.TryReadUInt16(address + segment, out ushort code) || (code & 0xfff8) is not (0x10 or 8))
                continue;
            if (FromContext(address, instruction, "found on the stack") is { } context)
                return context;
        }
        return null;
    }

    /// <summary>The exception record at an address; null where it cannot be read, or is no such record.</summary>
    public ExceptionRecord? ReadException(ulong address)
    {
        bool isWide = Memory.PointerSize == sizeof(ulong);
        int header = isWide ? 0x20 : 0x14;
        Span<byte> bytes = stackalloc byte[0x98];
        int read = address == 0 ? 0 : Memory.Read(address, bytes);
        if (read < header)
            return null;
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(isWide ? 0x18 : 0x10)..]);
        if (count > MostInformation)
            return null;
        List<ulong> information = [];
        for (int i = 0; i < count && header + (i + 1) * Memory.PointerSize <= read; i++)
            information.Add(Word(bytes, header + i * Memory.PointerSize));
        return new ExceptionRecord(address, BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            Word(bytes, isWide ? 0x10 : 0xc), information);
    }

    /// <summary>
    /// The exception record of an exception at an instruction, on the stacks of the dump. An earlier exception at the same
    /// instruction, which was handled, may have left one too: of several the one that fits is taken, where one fits.
    /// </summary>
    /// <param name="code">The exception.</param>
    /// <param name="instruction">Where.</param>
    /// <param name="fits">Tells whether a record goes with what else is known; null where nothing is.</param>
    public ExceptionRecord? FindException(uint code, ulong instruction, Predicate<ExceptionRecord>? fits = null)
    {
        ulong offset = Memory.PointerSize == sizeof(ulong) ? 0x10ul : 0xcul;
        ExceptionRecord? first = null;
        foreach (ulong place in Search.Find(instruction))
        {
            if (ReadException(place - offset) is not { } record || record.Code != code || record.Address != instruction)
                continue;
            if (fits is null || fits(record))
                return record;
            first ??= record;
        }
        return first;
    }

    private ulong Word(ReadOnlySpan<byte> bytes, int offset) => Memory.PointerSize == sizeof(ulong)
        ? BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..])
        : BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    /// <summary>
    /// Adds what a trap frame of x64 does not hold. Functions between the fault and the bug check save the registers that they
    /// change, so that undoing them by their unwind data gives those of the fault.
    /// </summary>
    private FaultContext WithUnwound(FaultContext frame)
    {
        if (Architecture != Architecture.X64 || system.UnwindTo(frame.Registers) is not { } unwound)
            return frame;
        CpuContext registers = frame.Registers;
        for (int i = 0; i < 16; i++)
            if (frame.Value(i) is null)
                registers.Registers[i] = unwound.Registers[i];
        return frame with
        {
            Registers = registers,
            Known = FaultContext.All,
            Source = Phrase.Of($"{frame.Source}; those that it does not hold by unwinding, too"),
        };
    }
}
