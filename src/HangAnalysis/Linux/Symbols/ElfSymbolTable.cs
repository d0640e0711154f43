using System.Text;
using HangAnalysis.Targets.Symbols;

namespace HangAnalysis.Linux.Symbols;

/// <summary>An ELF symbol table, of a module in memory or of a vmlinux file, in the order of addresses.</summary>
internal sealed class ElfSymbolTable : SortedSymbols
{
    /// <summary>Bytes of an Elf64_Sym: name u32, info u8, other u8, section u16, value u64, size u64.</summary>
    public const int EntrySize = 24;

    private const int TypeSection = 3;
    private const int TypeFile = 4;

    private readonly byte[] _symbols;
    private readonly byte[] _names;
    private readonly byte[] _letters;
    private readonly int[] _entries;
    private NameIndex? _index;

    private ElfSymbolTable(
        byte[] symbols, byte[] names, byte[] letters, ulong[] addresses, int[] entries, string? module)
        : base(addresses, module)
    {
        _symbols = symbols;
        _names = names;
        _letters = letters;
        _entries = entries;
    }

    /// <summary>Sorts a table; undefined symbols, sections, files and those without a name are left out.</summary>
    /// <param name="symbols">Entries as they are in the file or in memory.</param>
    /// <param name="names">Their names.</param>
    /// <param name="letters">The letter of each entry's type.</param>
    /// <param name="addressOf">
    /// Address of a symbol by its value and the number of its section; null for one that is to be left out.
    /// </param>
    /// <param name="module">Name of the module, or null.</param>
    public static ElfSymbolTable Create(
        byte[] symbols, byte[] names, byte[] letters, Func<ulong, int, ulong?> addressOf, string? module)
    {
        List<ulong> addresses = [];
        List<int> entries = [];
        ReadOnlySpan<byte> raw = symbols;
        int count = Math.Min(raw.Length / EntrySize, letters.Length);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = raw.Slice(i * EntrySize, EntrySize);
            int section = entry[6] | entry[7] << 8;
            if (section == 0 || (entry[4] & 15) is TypeSection or TypeFile || entry.UInt32(0) == 0
                || addressOf(entry.UInt64(8), section) is not ulong address)
                continue;
            addresses.Add(address);
            entries.Add(i);
        }
        ulong[] sorted = [.. addresses];
        int[] order = [.. entries];
        Array.Sort(sorted, order);
        return new ElfSymbolTable(symbols, names, letters, sorted, order, module);
    }

    /// <inheritdoc/>
    public override int Find(string name)
    {
        _index ??= BuildIndex();
        Span<byte> wanted = stackalloc byte[SymbolLimits.Name];
        if (!Encoding.UTF8.TryGetBytes(name, wanted, out int length))
            return -1;
        foreach (uint index in _index.Find(NameIndex.Hash(wanted[..length])))
            if (NameAt((int)index).SequenceEqual(wanted[..length]))
                return (int)index;
        return -1;
    }

    /// <inheritdoc/>
    protected override string NameOf(int index) => Encoding.UTF8.GetString(NameAt(index));

    /// <inheritdoc/>
    protected override char TypeOf(int index) => (char)_letters[_entries[index]];

    // is_mapping_symbol(): marks that compilers leave, which name nothing.
    /// <inheritdoc/>
    protected override bool IsPlace(int index)
    {
        ReadOnlySpan<byte> name = NameAt(index);
        return base.IsPlace(index) && name.Length > 0 && name[0] != (byte)'$' && !name.StartsWith(".L"u8)
            && !name.StartsWith("L0"u8);
    }

    private NameIndex BuildIndex()
    {
        NameIndex.Builder builder = new();
        for (int i = 0; i < _entries.Length; i++)
            builder.Add(NameIndex.Hash(NameAt(i)), (uint)i);
        return builder.Build();
    }

    private ReadOnlySpan<byte> NameAt(int index) =>
        BulkReading.NameAt(_names, ((ReadOnlySpan<byte>)_symbols).UInt32(_entries[index] * EntrySize));
}
