using System.Globalization;
using Iced.Intel;

namespace HangAnalysis.Targets.Code;

/// <summary>How instructions are written.</summary>
public enum CodeSyntax
{
    /// <summary>AT&amp;T's, as objdump and crash print it.</summary>
    Att,

    /// <summary>That of MASM, as debuggers of Windows print it.</summary>
    Masm,
}

/// <summary>An instruction as people of its system read it.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Bytes">Its bytes in hexadecimal.</param>
/// <param name="Text">The instruction.</param>
/// <param name="IsFault">Whether it is the one that failed.</param>
public sealed record CodeLine(ulong Address, string Bytes, string Text, bool IsFault);

/// <summary>An access to memory that an instruction makes.</summary>
/// <param name="Address">The address as the registers make it.</param>
/// <param name="IsWrite">Whether it writes; an instruction that reads and writes one place does both.</param>
/// <param name="Bytes">How many bytes; 0 where that depends.</param>
public readonly record struct CodeAccess(ulong Address, bool IsWrite, int Bytes);

/// <summary>Takes the code around an instruction apart.</summary>
internal sealed class Disassembly : ISymbolResolver
{
    private const int Bits = 64;

    private readonly Func<ulong, string?> _nameOf;
    private readonly int _bits;
    private readonly Formatter _formatter;
    private readonly StringOutput _output = new();

    /// <param name="nameOf">Names code and variables: <c>printk+0x5</c>; null for what is in no image.</param>
    /// <param name="syntax">How instructions are written.</param>
    /// <param name="bits">64, or 32 for code of 32-bit systems.</param>
    public Disassembly(Func<ulong, string?> nameOf, CodeSyntax syntax = CodeSyntax.Att, int bits = Bits)
    {
        _nameOf = nameOf;
        _bits = bits;
        if (syntax == CodeSyntax.Masm)
        {
            _formatter = new MasmFormatter(this);
            _formatter.Options.FirstOperandCharIndex = 8;
            _formatter.Options.MemorySizeOptions = MemorySizeOptions.Always;
            _formatter.Options.ShowBranchSize = false;
            return;
        }
        _formatter = new GasFormatter(this);
        _formatter.Options.HexPrefix = "0x";
        _formatter.Options.UppercaseHex = false;
        _formatter.Options.SmallHexNumbersInDecimal = false;
        _formatter.Options.ShowZeroDisplacements = true;
    }

    /// <summary>Names the targets of jumps and calls, and what is addressed from the instruction pointer.</summary>
    public bool TryGetSymbol(in Instruction instruction, int operand, int instructionOperand, ulong address, int addressSize,
        out SymbolResult symbol)
    {
        bool isCode = instruction.FlowControl
            is FlowControl.UnconditionalBranch or FlowControl.ConditionalBranch or FlowControl.Call;
        string? name = isCode || instruction.IsIPRelativeMemoryOperand ? _nameOf(address) : null;
        symbol = name is null ? default : new SymbolResult(address, name);
        return name is not null;
    }

    /// <summary>The instructions around one, itself among them; empty where its bytes make none.</summary>
    /// <param name="code">Bytes around it.</param>
    /// <param name="start">
    /// Address of the first of them. Where it is the start of a function, what is before is certain.
    /// </param>
    /// <param name="fault">Address of the instruction.</param>
    /// <param name="before">Instructions before it at most.</param>
    /// <param name="after">Instructions behind it at most.</param>
    public IReadOnlyList<CodeLine> Around(byte[] code, ulong start, ulong fault, int before, int after)
    {
        if (fault < start || fault - start >= (ulong)code.Length)
            return [];
        int at = (int)(fault - start);
        List<Instruction> instructions = Decode(code, start, FindBeginning(code, start, at), at, after);
        int index = instructions.FindIndex(i => i.IP == fault);
        List<CodeLine> lines = [];
        for (int i = Math.Max(0, index - before); i < instructions.Count; i++)
        {
            Instruction one = instructions[i];
            lines.Add(new CodeLine(one.IP, Convert.ToHexStringLower(code, (int)(one.IP - start), one.Length), Format(one),
                one.IP == fault));
        }
        return lines;
    }

    /// <summary>What the first instruction of some bytes accesses with these registers.</summary>
    /// <param name="code">Bytes from the instruction on.</param>
    /// <param name="address">Its address.</param>
    /// <param name="registers">The registers before it.</param>
    /// <param name="perCpu">Base of the segment of per-CPU data; null where it is not known.</param>
    public static IReadOnlyList<CodeAccess> Accesses(byte[] code, ulong address, CpuContext registers, ulong? perCpu)
    {
        Decoder decoder = Decoder.Create(Bits, code, address);
        decoder.Decode(out Instruction instruction);
        List<CodeAccess> accesses = [];
        if (instruction.IsInvalid)
            return accesses;
        foreach (UsedMemory memory in new InstructionInfoFactory().GetInfo(instruction).GetUsedMemory())
            if (memory.Access != OpAccess.NoMemAccess && memory.TryGetVirtualAddress(0, out ulong value, TryGet))
                accesses.Add(new CodeAccess(value,
                    memory.Access is OpAccess.Write or OpAccess.CondWrite or OpAccess.ReadWrite or OpAccess.ReadCondWrite,
                    memory.MemorySize.GetSize()));
        return accesses;

        bool TryGet(Register register, int element, int elementSize, out ulong value)
        {
            value = register == Register.GS ? perCpu ?? 0 : 0;
            if (register.IsSegmentRegister())
                return register != Register.GS || perCpu is not null;
            int number = register.GetFullRegister() - Register.RAX;
            if (number is < 0 or > 15)
                return false;
            value = registers.Registers[number];
            int size = register.GetSize();
            if (size < 8)
                value &= (1UL << size * 8) - 1;
            return true;
        }
    }

    /// <summary>The registers by which the first instruction of some bytes addresses memory, with their numbers.</summary>
    public static IReadOnlyList<(string Name, int Number)> AddressRegisters(byte[] code)
    {
        Decoder decoder = Decoder.Create(Bits, code);
        decoder.Decode(out Instruction instruction);
        List<(string, int)> registers = [];
        if (!instruction.IsInvalid)
            foreach (UsedMemory memory in new InstructionInfoFactory().GetInfo(instruction).GetUsedMemory())
                foreach (Register register in (ReadOnlySpan<Register>)[memory.Base, memory.Index])
                    if (register.GetFullRegister() - Register.RAX is >= 0 and < 16 and var number
                        && !registers.Exists(r => r.Item2 == number))
                        registers.Add((register.GetFullRegister().ToString().ToUpper(CultureInfo.InvariantCulture), number));
        return registers;
    }

    /// <summary>
    /// Where to begin so that the instruction is met: at the start where that leads to it, else as early as possible. x86
    /// code soon falls into step wherever one begins.
    /// </summary>
    private int FindBeginning(byte[] code, ulong start, int at)
    {
        const int MostTries = 64;
        for (int begin = 0; begin < at; begin = begin == 0 ? Math.Max(1, at - MostTries) : begin + 1)
        {
            Decoder decoder = Decoder.Create(_bits, new ByteArrayCodeReader(code, begin, at - begin), start + (ulong)begin);
            bool isValid = true;
            while (isValid && decoder.IP < start + (ulong)at)
            {
                decoder.Decode(out Instruction instruction);
                isValid = !instruction.IsInvalid;
            }
            if (isValid && decoder.IP == start + (ulong)at)
                return begin;
        }
        return at;
    }

    private List<Instruction> Decode(byte[] code, ulong start, int begin, int at, int after)
    {
        Decoder decoder = Decoder.Create(_bits, new ByteArrayCodeReader(code, begin, code.Length - begin),
            start + (ulong)begin);
        List<Instruction> instructions = [];
        for (int behind = 0; behind <= after && decoder.IP < start + (ulong)code.Length;)
        {
            decoder.Decode(out Instruction instruction);
            if (instruction.IsInvalid)
                break;
            instructions.Add(instruction);
            behind += instruction.IP >= start + (ulong)at ? 1 : 0;
        }
        return instructions;
    }

    private string Format(in Instruction instruction)
    {
        // objdump prints a scale of 1 where there is an index; the option alone would print a comma where there is none.
        _formatter.Options.AlwaysShowScale = _formatter is GasFormatter && instruction.MemoryIndex != Register.None;
        _formatter.Format(instruction, _output);
        return _output.ToStringAndReset();
    }
}
