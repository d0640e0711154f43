using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Names of registers in the order in which debuggers of Windows print them.</summary>
internal static class RegisterNames
{
    private static readonly (string Name, int Index)[] s_x64 =
    [
        ("rax", 0), ("rbx", 3), ("rcx", 1), ("rdx", 2), ("rsi", 6), ("rdi", 7), ("rip", -1), ("rsp", 4), ("rbp", 5), ("r8", 8),
        ("r9", 9), ("r10", 10), ("r11", 11), ("r12", 12), ("r13", 13), ("r14", 14), ("r15", 15),
    ];

    private static readonly (string Name, int Index)[] s_x86 =
    [
        ("eax", 0), ("ebx", 3), ("ecx", 1), ("edx", 2), ("esi", 6), ("edi", 7), ("eip", -1), ("esp", 4), ("ebp", 5),
    ];

    /// <summary>All registers of an architecture: index -1 is the instruction pointer.</summary>
    public static IReadOnlyList<(string Name, int Index)> All(Architecture architecture) => architecture switch
    {
        Architecture.X86 => s_x86,
        Architecture.Arm64 => [.. Enumerable.Range(0, 29).Select(i => ($"x{i}", i)), ("fp", CpuContext.Fp), ("lr", CpuContext.Lr),
            ("sp", CpuContext.Sp), ("pc", -1)],
        _ => s_x64,
    };

    /// <summary>The registers that are known, with their values.</summary>
    public static IReadOnlyList<(string Name, ulong Value)> Known(FaultContext context)
    {
        List<(string, ulong)> known = [];
        foreach ((string name, int index) in All(context.Registers.Architecture))
            if ((index < 0 ? context.InstructionPointer : context.Value(index)) is { } value)
                known.Add((name, value));
        if (context.Registers.Flags != 0)
            known.Add((context.Registers.Architecture == Architecture.Arm64 ? "cpsr" : "efl", context.Registers.Flags));
        return known;
    }

    /// <summary>The registers that are not known.</summary>
    public static IReadOnlyList<string> Unknown(FaultContext context)
    {
        List<string> unknown = [];
        foreach ((string name, int index) in All(context.Registers.Architecture))
            if (index >= 0 && context.Value(index) is null)
                unknown.Add(name);
        return unknown;
    }
}
