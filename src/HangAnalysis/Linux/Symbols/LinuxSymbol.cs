namespace HangAnalysis.Linux.Symbols;

/// <summary>A name of the kernel or of a module.</summary>
/// <param name="Name">The name, as the dump has it.</param>
/// <param name="Address">Address of its first byte.</param>
/// <param name="Size">Bytes up to the next symbol; 0 where none follows.</param>
/// <param name="Type">
/// Its letter as <c>nm</c> prints it: t and T functions, d and D data, b and B zeroed data, r and R constants.
/// </param>
/// <param name="Module">Name of its module; null for the kernel itself.</param>
public readonly record struct LinuxSymbol(string Name, ulong Address, ulong Size, char Type, string? Module)
{
    /// <summary>Whether the symbol is code.</summary>
    public bool IsFunction => IsFunctionType(Type);

    /// <summary>
    /// <c>name+0x1f</c>, with <c>[module]</c> behind it for one of a module, as the kernel's log writes it.
    /// </summary>
    public string Describe(ulong address) => Module is null
        ? $"{Name}+0x{address - Address:x}"
        : $"{Name}+0x{address - Address:x} [{Module}]";

    // A weak function is w or W; a weak variable is v or V.
    internal static bool IsFunctionType(char type) => type is 't' or 'T' or 'w' or 'W';
}
