using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>The symbols of one module that the kernel keeps (struct mod_kallsyms).</summary>
internal static class ModuleNames
{
    /// <summary>Reads them; a table without entries where they are absent.</summary>
    /// <param name="memory">Memory of the kernel.</param>
    /// <param name="types">Layout of struct mod_kallsyms.</param>
    /// <param name="address">The module's <c>kallsyms</c>.</param>
    /// <param name="module">The module.</param>
    public static ElfSymbolTable Read(IMemory memory, Btf types, ulong address, LinuxModule module)
    {
        byte[] symbols = [];
        byte[] names = [];
        byte[] letters = [];
        if (memory.TryReadMember(types, "mod_kallsyms", "symtab", address, out ulong table)
            && memory.TryReadMember(types, "mod_kallsyms", "num_symtab", address, out ulong count)
            && memory.TryReadMember(types, "mod_kallsyms", "strtab", address, out ulong strings))
        {
            count = Math.Min(count, SymbolLimits.ModuleSymbols);
            symbols = memory.ReadTable(
                table, count * ElfSymbolTable.EntrySize, SymbolLimits.ModuleSymbols * ElfSymbolTable.EntrySize);
            names = memory.ReadTable(strings, NameBytes(symbols), SymbolLimits.ModuleNameBytes);
            letters = memory.TryReadMember(types, "mod_kallsyms", "typetab", address, out ulong kinds)
                ? memory.ReadTable(kinds, count, SymbolLimits.ModuleSymbols)
                : OldLetters(symbols);
        }
        // The whole table is there while a module starts, so what lies elsewhere is left out.
        return ElfSymbolTable.Create(
            symbols, names, letters, (value, _) => module.Contains(value) ? value : null, module.Name);
    }

    // The size of the names is nowhere: they reach to the end of the last one.
    private static ulong NameBytes(ReadOnlySpan<byte> symbols)
    {
        uint last = 0;
        for (int i = 0; i + ElfSymbolTable.EntrySize <= symbols.Length; i += ElfSymbolTable.EntrySize)
            last = Math.Max(last, Math.Min(symbols.UInt32(i), SymbolLimits.ModuleNameBytes));
        return symbols.Length == 0 ? 0 : last + (ulong)SymbolLimits.Name;
    }

    // Before 5.2 there is no typetab: the letter took the place of st_info.
    private static byte[] OldLetters(byte[] symbols)
    {
        byte[] letters = new byte[symbols.Length / ElfSymbolTable.EntrySize];
        for (int i = 0; i < letters.Length; i++)
        {
            ref byte info = ref symbols[i * ElfSymbolTable.EntrySize + 4];
            letters[i] = info;
            // Not to be taken for an ELF type.
            info = 0;
        }
        return letters;
    }
}
