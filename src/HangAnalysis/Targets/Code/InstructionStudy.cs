using System.Globalization;
using System.Text;
using Iced.Intel;
using IcedMnemonic = Iced.Intel.Mnemonic;

namespace HangAnalysis.Targets.Code;

/// <summary>A place in memory that an instruction uses.</summary>
/// <param name="Text">As debuggers of Windows write it: <c>[rsi+8]</c>.</param>
/// <param name="Address">The address that the registers make; null where one of them is not known.</param>
/// <param name="IsRead">Whether it is read.</param>
/// <param name="IsWrite">Whether it is written.</param>
/// <param name="Bytes">How many bytes; 0 where that depends.</param>
public sealed record MemoryOperand(string Text, ulong? Address, bool IsRead, bool IsWrite, int Bytes);

/// <summary>What an instruction is made not for computing but for stopping.</summary>
public enum StopInstruction
{
    /// <summary>It is an ordinary one.</summary>
    None,

    /// <summary>A breakpoint, with which compilers also fill the space between functions.</summary>
    Breakpoint,

    /// <summary>An instruction that is undefined on purpose (ud2).</summary>
    Undefined,

    /// <summary>An interrupt that ends a program at once (int 29h).</summary>
    FailFast,
}

/// <summary>One instruction of x64 or x86: what it accesses, and what it needs of the processor.</summary>
public sealed class InstructionStudy
{
    /// <summary>The longest instruction, in bytes.</summary>
    public const int MostBytes = 15;

    private const byte FailFastVector = 0x29;

    private InstructionStudy()
    {
    }

    /// <summary>Its length in bytes.</summary>
    public required int Length { get; init; }

    /// <summary>Its name: <c>popcnt</c>.</summary>
    public required string Mnemonic { get; init; }

    /// <summary>The memory that it uses.</summary>
    public required IReadOnlyList<MemoryOperand> Memory { get; init; }

    /// <summary>The registers that make the addresses, by their index.</summary>
    public required IReadOnlyList<(string Name, int Index)> AddressRegisters { get; init; }

    /// <summary>What it needs of the processor: <c>POPCNT</c>, <c>AVX</c>; names of Iced's CpuidFeature.</summary>
    public required IReadOnlyList<string> Features { get; init; }

    /// <summary>What it stops for.</summary>
    public required StopInstruction Stop { get; init; }

    /// <summary>Whether it may fail for reasons that are not those of the memory it uses: privilege, alignment, a state of the processor.</summary>
    public required bool MayFailOtherwise { get; init; }

    /// <summary>
    /// Whether it may access memory that its operands do not name: tables of the processor, further steps of a repeated one.
    /// </summary>
    public required bool HasHiddenAccesses { get; init; }

    /// <summary>Takes the first instruction of some bytes apart; null where they make none.</summary>
    /// <param name="code">The bytes.</param>
    /// <param name="address">Its address.</param>
    /// <param name="bits">64 or 32.</param>
    /// <param name="valueOf">Gives registers by their index; null for those that are not known.</param>
    public static InstructionStudy? Of(byte[] code, ulong address, int bits, Func<int, ulong?> valueOf)
    {
        Iced.Intel.Decoder decoder = Iced.Intel.Decoder.Create(bits, code, address);
        decoder.Decode(out Instruction instruction);
        if (instruction.IsInvalid)
            return null;
        List<MemoryOperand> memory = [];
        List<(string, int)> registers = [];
        foreach (UsedMemory used in new InstructionInfoFactory().GetInfo(instruction).GetUsedMemory())
        {
            if (used.Access is OpAccess.None or OpAccess.NoMemAccess)
                continue;
            memory.Add(new MemoryOperand(TextOf(used), AddressOf(used, bits, valueOf),
                used.Access is not (OpAccess.Write or OpAccess.CondWrite),
                used.Access is OpAccess.Write or OpAccess.CondWrite or OpAccess.ReadWrite or OpAccess.ReadCondWrite,
                used.MemorySize.GetSize()));
            foreach (Register register in (ReadOnlySpan<Register>)[used.Base, used.Index])
                if (IndexOf(register) is { } index && !registers.Exists(r => r.Item2 == index))
                    registers.Add((NameOf(register), index));
        }
        return new InstructionStudy
        {
            Length = instruction.Length,
            Mnemonic = NameOf(instruction.Mnemonic),
            Memory = memory,
            AddressRegisters = registers,
            Features = [.. instruction.CpuidFeatures.Select(f => f.ToString())],
            Stop = StopOf(instruction),
            HasHiddenAccesses = instruction.IsPrivileged || instruction.IsSaveRestoreInstruction || instruction.IsStringInstruction
                || instruction.FlowControl is FlowControl.Interrupt or FlowControl.Exception
                || instruction.Mnemonic is IcedMnemonic.Iret or IcedMnemonic.Iretd or IcedMnemonic.Iretq or IcedMnemonic.Enter
                || (instruction.Op0Kind == OpKind.Register && instruction.Op0Register.IsSegmentRegister()),
            // Instructions of vector registers may ask for alignment; privileged ones and such that load segments fail by rules of their own.
            MayFailOtherwise = instruction.IsPrivileged || instruction.IsSaveRestoreInstruction
                || memory.Exists(m => m.Bytes is 0 or > 8) || instruction.FlowControl is FlowControl.Interrupt or FlowControl.Exception,
        };
    }

    private static StopInstruction StopOf(in Instruction instruction) => instruction.Mnemonic switch
    {
        IcedMnemonic.Int3 => StopInstruction.Breakpoint,
        IcedMnemonic.Ud0 or IcedMnemonic.Ud1 or IcedMnemonic.Ud2 => StopInstruction.Undefined,
        IcedMnemonic.Int when instruction.Immediate8 == FailFastVector => StopInstruction.FailFast,
        _ => StopInstruction.None,
    };

    private static ulong? AddressOf(in UsedMemory used, int bits, Func<int, ulong?> valueOf)
    {
        // The bases of FS and GS are those of the processor's own block, which the registers do not tell.
        if (used.Segment is Register.FS or Register.GS)
            return null;
        ulong address = used.Displacement;
        foreach ((Register register, ulong scale) in (ReadOnlySpan<(Register, ulong)>)[(used.Base, 1), (used.Index, (ulong)used.Scale)])
        {
            if (register == Register.None)
                continue;
            if (IndexOf(register) is not { } index || valueOf(index) is not { } value)
                return null;
            int size = register.GetSize();
            address = unchecked(address + (size < sizeof(ulong) ? value & ((1UL << size * 8) - 1) : value) * scale);
        }
        return bits == 32 || used.AddressSize == CodeSize.Code32 ? (uint)address : address;
    }

    /// <summary>The index of a general register as its encoding has it; null for others.</summary>
    private static int? IndexOf(Register register) =>
        register.IsGPR() && register.GetFullRegister() - Register.RAX is >= 0 and < 16 and var index ? index : null;

    private static string TextOf(in UsedMemory used)
    {
        StringBuilder text = new();
        if (used.Segment is Register.FS or Register.GS)
            text.Append(NameOf(used.Segment)).Append(':');
        text.Append('[');
        if (used.Base != Register.None)
            text.Append(NameOf(used.Base));
        if (used.Index != Register.None)
        {
            text.Append(used.Base == Register.None ? "" : "+").Append(NameOf(used.Index));
            if (used.Scale > 1)
                text.Append('*').Append(used.Scale);
        }
        long displacement = (long)used.Displacement;
        bool isAlone = used.Base == Register.None && used.Index == Register.None;
        if (isAlone)
            text.Append(Number(used.Displacement));
        else if (displacement != 0)
            text.Append(displacement < 0 ? '-' : '+').Append(Number((ulong)Math.Abs(displacement == long.MinValue ? 0 : displacement)));
        return text.Append(']').ToString();
    }

    /// <summary>A number as MASM writes it: <c>8</c>, <c>0F0h</c>.</summary>
    private static string Number(ulong value)
    {
        if (value < 10)
            return value.ToString(CultureInfo.InvariantCulture);
        string digits = value.ToString("X", CultureInfo.InvariantCulture);
        return (char.IsAsciiDigit(digits[0]) ? "" : "0") + digits + "h";
    }

    private static string NameOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
