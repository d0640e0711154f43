using System.Text;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>The symbols of one module that the kernel keeps (struct mod_kallsyms): an ELF symbol table.</summary>
internal sealed class ModuleSymbolTable
{
    // Elf64_Sym: name u32, info u8, other u8, section u16, value u64, size u64.
    private const int EntrySize = 24;
    private const int TypeSection = 3;
    private const int TypeFile = 4;

    private readonly string _module;
    private readonly byte[] _names;
    private readonly ulong[] _addresses;
    private readonly int[] _entries;
    private readonly byte[] _symbols;
    private readonly byte[] _types;

    private ModuleSymbolTable(string module, byte[] symbols, byte[] names, byte[] types, List<(ulong Address, int Entry)> kept)
    {
        _module = module;
        _symbols = symbols;
        _names = names;
        _types = types;
        kept.Sort();
        _addresses = new ulong[kept.Count];
        _entries = new int[kept.Count];
        for (int i = 0; i < kept.Count; i++)
            (_addresses[i], _entries[i]) = kept[i];
    }

    /// <summary>Number of named symbols.</summary>
    public int Count => _addresses.Length;

    /// <summary>Reads the table; one without entries where it is absent.</summary>
    /// <param name="memory">Memory of the kernel.</param>
    /// <param name="types">Layout of struct mod_kallsyms.</param>
    /// <param name="address">The module's <c>kallsyms</c>.</param>
    /// <param name="module">Name of the module.</param>
    /// <param name="contains">Whether an address lies in the module.</param>
    public static ModuleSymbolTable Read(IMemory memory, Btf types, ulong address, string module, Func<ulong, bool> contains)
    {
        List<(ulong Address, int Entry)> kept = [];
        if (!TryReadMember(memory, types, address, "symtab", out ulong table)
            || !TryReadMember(memory, types, address, "num_symtab", out ulong count)
            || !TryReadMember(memory, types, address, "strtab", out ulong strings))
            return new ModuleSymbolTable(module, [], [], [], kept);
        count = Math.Min((uint)count, SymbolLimits.ModuleSymbols);
        byte[] symbols = memory.ReadTable(table, count * EntrySize, SymbolLimits.ModuleSymbols * EntrySize);
        // The letters have a table of their own since 5.2; before, they took the place of st_info.
        bool separate = TryReadMember(memory, types, address, "typetab", out ulong letters);
        byte[] kinds = separate ? memory.ReadTable(letters, count, SymbolLimits.ModuleSymbols) : [];
        uint lastName = 0;
        ReadOnlySpan<byte> raw = symbols;
        for (int i = 0; i < raw.Length / EntrySize; i++)
        {
            ReadOnlySpan<byte> entry = raw.Slice(i * EntrySize, EntrySize);
            // The whole table is there while a module starts: undefined names, sections and files are no symbols of it.
            bool undefined = entry[6] == 0 && entry[7] == 0;
            bool place = !separate || (entry[4] & 15) is not (TypeSection or TypeFile);
            if (undefined || !place || entry.UInt32(0) == 0 || !contains(entry.UInt64(8)))
                continue;
            kept.Add((entry.UInt64(8), i));
            lastName = Math.Max(lastName, Math.Min(entry.UInt32(0), SymbolLimits.ModuleNameBytes));
        }
        byte[] names = kept.Count == 0 ? [] : memory.ReadTable(strings, lastName + (ulong)SymbolLimits.Name,
            SymbolLimits.ModuleNameBytes);
        return new ModuleSymbolTable(module, symbols, names, kinds, kept);
    }

    /// <summary>Address of the first symbol of this name, or null.</summary>
    public ulong? Find(string name)
    {
        Span<byte> wanted = stackalloc byte[SymbolLimits.Name];
        if (!Encoding.UTF8.TryGetBytes(name, wanted, out int length))
            return null;
        for (int i = 0; i < _entries.Length; i++)
            if (NameAt(i).SequenceEqual(wanted[..length]))
                return _addresses[i];
        return null;
    }

    /// <summary>The symbol that an address lies in or behind.</summary>
    /// <param name="address">An address in the module.</param>
    /// <param name="low">Where its part of the module begins: symbols of other parts do not reach into it.</param>
    /// <param name="functions">Whether variables are passed over.</param>
    /// <param name="symbol">The symbol; its size is that to the next one.</param>
    public bool TryFind(ulong address, ulong low, bool functions, out LinuxSymbol symbol)
    {
        int index = BulkReading.LastNotAbove(_addresses, address);
        while (index >= 0 && !IsWanted(index, functions))
            index--;
        symbol = default;
        if (index < 0 || _addresses[index] < low)
            return false;
        ulong start = _addresses[index];
        for (int alias = index - 1; alias >= 0 && _addresses[alias] == start; alias--)
            if (IsWanted(alias, functions))
                index = alias;
        int next = BulkReading.LastNotAbove(_addresses, start) + 1;
        ulong size = next < _addresses.Length ? _addresses[next] - start : 0;
        symbol = new LinuxSymbol(Encoding.UTF8.GetString(NameAt(index)), start, size, TypeOf(index), _module);
        return true;
    }

    private bool IsWanted(int index, bool functions)
    {
        char type = TypeOf(index);
        if (functions ? !LinuxSymbol.IsFunctionType(type) : type is 'a' or 'A')
            return false;
        // is_mapping_symbol(): marks that compilers leave, which name nothing.
        ReadOnlySpan<byte> name = NameAt(index);
        return name.Length > 0 && name[0] != (byte)'$' && !name.StartsWith(".L"u8) && !name.StartsWith("L0"u8);
    }

    private char TypeOf(int index)
    {
        int entry = _entries[index];
        if (_types.Length == 0)
            return (char)_symbols[entry * EntrySize + 4];
        return entry < _types.Length ? (char)_types[entry] : '?';
    }

    private ReadOnlySpan<byte> NameAt(int index) =>
        BulkReading.NameAt(_names, ((ReadOnlySpan<byte>)_symbols).UInt32(_entries[index] * EntrySize));

    private static bool TryReadMember(IMemory memory, Btf types, ulong address, string member, out ulong value)
    {
        value = 0;
        return types.OffsetOf("mod_kallsyms", member) is int offset
            && memory.TryReadUInt64(unchecked(address + (ulong)offset), out value);
    }
}
