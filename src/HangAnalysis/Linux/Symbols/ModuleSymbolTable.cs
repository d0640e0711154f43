using System.Text;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>The symbols of one module that the kernel keeps (struct mod_kallsyms): an ELF symbol table.</summary>
internal sealed class ModuleSymbolTable : SortedSymbols
{
    // Elf64_Sym: name u32, info u8, other u8, section u16, value u64, size u64.
    private const int EntrySize = 24;
    private const int TypeSection = 3;
    private const int TypeFile = 4;

    private readonly byte[] _names;
    private readonly int[] _entries;
    private readonly byte[] _symbols;
    private readonly byte[] _types;

    private ModuleSymbolTable(string module, byte[] symbols, byte[] names, byte[] types, ulong[] addresses, int[] entries)
        : base(addresses, module)
    {
        _symbols = symbols;
        _names = names;
        _types = types;
        _entries = entries;
    }

    /// <summary>Reads the table; one without entries where it is absent.</summary>
    /// <param name="memory">Memory of the kernel.</param>
    /// <param name="types">Layout of struct mod_kallsyms.</param>
    /// <param name="address">The module's <c>kallsyms</c>.</param>
    /// <param name="module">Name of the module.</param>
    /// <param name="contains">Whether an address lies in the module.</param>
    public static ModuleSymbolTable Read(IMemory memory, Btf types, ulong address, string module, Func<ulong, bool> contains)
    {
        if (!TryReadMember(memory, types, address, "symtab", out ulong table)
            || !TryReadMember(memory, types, address, "num_symtab", out ulong count)
            || !TryReadMember(memory, types, address, "strtab", out ulong strings))
            return new ModuleSymbolTable(module, [], [], [], [], []);
        count = Math.Min((uint)count, SymbolLimits.ModuleSymbols);
        byte[] symbols = memory.ReadTable(table, count * EntrySize, SymbolLimits.ModuleSymbols * EntrySize);
        // The letters have a table of their own since 5.2; before, they took the place of st_info.
        bool separate = TryReadMember(memory, types, address, "typetab", out ulong letters);
        byte[] kinds = separate ? memory.ReadTable(letters, count, SymbolLimits.ModuleSymbols) : [];
        List<ulong> addresses = [];
        List<int> entries = [];
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
            addresses.Add(entry.UInt64(8));
            entries.Add(i);
            lastName = Math.Max(lastName, Math.Min(entry.UInt32(0), SymbolLimits.ModuleNameBytes));
        }
        byte[] names = entries.Count == 0 ? [] : memory.ReadTable(strings, lastName + (ulong)SymbolLimits.Name,
            SymbolLimits.ModuleNameBytes);
        ulong[] sorted = [.. addresses];
        int[] order = [.. entries];
        Array.Sort(sorted, order);
        return new ModuleSymbolTable(module, symbols, names, kinds, sorted, order);
    }

    /// <summary>Address of the first symbol of this name, or null.</summary>
    public ulong? Find(string name)
    {
        Span<byte> wanted = stackalloc byte[SymbolLimits.Name];
        if (!Encoding.UTF8.TryGetBytes(name, wanted, out int length))
            return null;
        for (int i = 0; i < _entries.Length; i++)
            if (NameAt(i).SequenceEqual(wanted[..length]))
                return AddressOf(i);
        return null;
    }

    protected override string NameOf(int index) => Encoding.UTF8.GetString(NameAt(index));

    protected override char TypeOf(int index)
    {
        int entry = _entries[index];
        if (_types.Length == 0)
            return (char)_symbols[entry * EntrySize + 4];
        return entry < _types.Length ? (char)_types[entry] : '?';
    }

    // is_mapping_symbol(): marks that compilers leave, which name nothing.
    protected override bool IsPlace(int index)
    {
        ReadOnlySpan<byte> name = NameAt(index);
        return base.IsPlace(index) && name.Length > 0 && name[0] != (byte)'$' && !name.StartsWith(".L"u8)
            && !name.StartsWith("L0"u8);
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
