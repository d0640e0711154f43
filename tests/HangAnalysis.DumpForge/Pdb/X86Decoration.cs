namespace HangAnalysis.DumpForge.Pdb;

/// <summary>
/// Names as C compilers for x86 decorate them: <c>_Name</c> for variables and the C calling convention, <c>_Name@8</c> with the
/// bytes of parameters for functions that take them off themselves, <c>@Name@8</c> for those that have them in registers.
/// C++ names stay as they are.
/// </summary>
internal static class X86Decoration
{
    // Functions of the kernel that take parameters in registers (the documentation's "__fastcall", and disassembly), and
    // labels in assembler.
    private static readonly Dictionary<string, int> s_fast = new(StringComparer.Ordinal)
    {
        ["KiSwapContext"] = 8, ["KiSwapThread"] = 0, ["IofCallDriver"] = 8, ["IofCompleteRequest"] = 8,
        ["ObfDereferenceObject"] = 4, ["ObfReferenceObject"] = 4, ["ExAcquireFastMutex"] = 4, ["ExReleaseFastMutex"] = 4,
        ["KefAcquireSpinLockAtDpcLevel"] = 4, ["ExfAcquirePushLockExclusive"] = 4, ["ExfAcquirePushLockShared"] = 4,
        ["KiIdleLoop"] = 0, ["KfLowerIrql"] = 4,
    };

    private static readonly HashSet<string> s_labels = new(StringComparer.Ordinal)
    {
        "KiFastCallEntry", "KiSystemService", "KiServiceExit", "KiTrap00", "KiTrap02", "KiTrap08", "KiTrap0D", "KiTrap0E",
        "DbgPrint", "DbgPrintEx",
    };

    public static string Of(string name, bool isFunction)
    {
        if (name.Contains(':', StringComparison.Ordinal) || name.StartsWith('?'))
            return name;
        if (!isFunction || s_labels.Contains(name))
            return "_" + name;
        return s_fast.TryGetValue(name, out int bytes) ? $"@{name}@{bytes}" : $"_{name}@{Parameters(name)}";
    }

    /// <summary>Bytes of a function's parameters, which only its name says.</summary>
    public static int Parameters(string name) => 4 * (int)(PdbHash.OfName(name) % 6);
}
