using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Commands.Linux;

/// <summary>Registers as <c>crash bt</c> prints them, and the system call that they are of.</summary>
internal readonly record struct LinuxRegisters(CpuContext Context, ulong Flags, ushort Cs, ushort Ss, ulong? OriginalAx,
    bool IsPartial)
{
    // Rows of crash's block with the numbers of unwind codes: rax rcx rdx rbx rsp rbp rsi rdi r8 to r15.
    private static readonly (string Name, int Register)[][] s_rows =
    [
        [("RAX", 0), ("RBX", 3), ("RCX", 1)], [("RDX", 2), ("RSI", 6), ("RDI", 7)], [("RBP", 5), ("R8", 8), ("R9", 9)],
        [("R10", 10), ("R11", 11), ("R12", 12)], [("R13", 13), ("R14", 14), ("R15", 15)],
    ];

    /// <summary>Those that were saved on a stack.</summary>
    public static LinuxRegisters Of(in PtRegs saved) =>
        new(saved.Context, saved.Flags, saved.Cs, saved.Ss, saved.IsPartial ? null : saved.OriginalAx, saved.IsPartial);

    /// <summary>Those of a processor when it stopped.</summary>
    public static LinuxRegisters Of(VmcoreProcessor processor) =>
        new(processor.Context, processor.Flags, (ushort)processor.Cs, (ushort)processor.Ss, null, false);

    /// <summary>The lines of crash, without those that name the place.</summary>
    public IEnumerable<string> Lines()
    {
        yield return $"RIP: {Context.InstructionPointer:x16}  RSP: {Context.StackPointer:x16}  RFLAGS: {Flags:x8}";
        if (!IsPartial)
            foreach ((string Name, int Register)[] row in s_rows)
                yield return $"{Word(row[0], 0)}  {Word(row[1], 3)}  {Word(row[2], 3)}";
        string segments = $"CS: {Cs:x4}  SS: {Ss:x4}";
        yield return OriginalAx is { } number ? $"ORIG_RAX: {number:x16}  {segments}" : segments;
    }

    /// <summary>The same by name for programs.</summary>
    public IReadOnlyDictionary<string, string> ToJson()
    {
        Dictionary<string, string> values = new()
        {
            ["rip"] = VerdictJsonMapper.Hex(Context.InstructionPointer),
            ["rsp"] = VerdictJsonMapper.Hex(Context.StackPointer),
            ["rflags"] = VerdictJsonMapper.Hex(Flags),
        };
        if (!IsPartial)
            foreach ((string Name, int Register)[] row in s_rows)
                foreach ((string name, int register) in row)
                    values[name.ToLowerInvariant()] = VerdictJsonMapper.Hex(Context.Registers[register]);
        if (OriginalAx is { } number)
            values["orig_rax"] = VerdictJsonMapper.Hex(number);
        values["cs"] = $"0x{Cs:x4}";
        values["ss"] = $"0x{Ss:x4}";
        return values;
    }

    private string Word((string Name, int Register) word, int width) =>
        $"{word.Name.PadLeft(width)}: {Context.Registers[word.Register]:x16}";
}
