using System.Buffers.Binary;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux.Symbols;

/// <summary>The kernel's own symbol table, read from its memory: every function and variable with its address.</summary>
/// <remarks>
/// Documentation/admin-guide/kdump/vmcoreinfo.rst: VMCOREINFO says where the tables are since 6.0. They are kept as
/// the kernel has them; a name becomes a string when it is asked for.
/// </remarks>
public sealed class Kallsyms
{
    // Pages of user space and per-CPU offsets of kernels before 6.15 are below; an address there has no name.
    private const ulong KernelHalf = 0x8000_0000_0000_0000;

    // VMCOREINFO names these, and kallsyms has them (swapper_pg_dir is a macro): they prove how offsets are to be read.
    private static readonly string[] s_witnesses = ["_stext", "init_uts_ns", "init_top_pgt", "prb", "clear_seq"];

    private readonly SortedSymbols _symbols;
    private readonly ulong _last;

    private Kallsyms(SortedSymbols symbols)
    {
        _symbols = symbols;
        // A symbol reaches to the next; the last one to the end of its page.
        _last = symbols.Count == 0 ? 0 : symbols.AddressOf(symbols.Count - 1) | 0xfff;
    }

    /// <summary>A table without symbols.</summary>
    internal static Kallsyms Empty { get; } = new(new Table(KallsymsNames.Parse([], [], [], 0), []));

    /// <summary>Number of symbols, aliases counted.</summary>
    public int Count => _symbols.Count;

    /// <summary>
    /// Reads the tables that VMCOREINFO names; null, with the reason in <paramref name="why"/>, where they are not to be
    /// had.
    /// </summary>
    public static Kallsyms? Read(IMemory memory, VmcoreInfo info, out string why)
    {
        if (!info.TryGetSymbol("kallsyms_num_syms", out ulong count)
            || !info.TryGetSymbol("kallsyms_names", out ulong names)
            || !info.TryGetSymbol("kallsyms_token_table", out ulong tokenTable)
            || !info.TryGetSymbol("kallsyms_token_index", out ulong tokenIndex)
            || !info.TryGetSymbol("kallsyms_offsets", out ulong offsets)
            || !info.TryGetSymbol("kallsyms_relative_base", out ulong relativeBase))
        {
            if (KallsymsScan.Find(memory, info) is { } found)
                return Read(memory, found, info, out why);
            why = "VMCOREINFO does not say where kallsyms is (kernels do since 6.0), and no search found it";
            return null;
        }
        return Read(memory, new KallsymsTables(count, names, tokenTable, tokenIndex, offsets, relativeBase), info, out why);
    }

    /// <summary>Address of the first symbol of this name, or null. For per-CPU variables see <see cref="PerCpu"/>.</summary>
    public ulong? Find(string name)
    {
        int index = _symbols.Find(name);
        return index < 0 || index >= _symbols.Count ? null : _symbols.AddressOf(index);
    }

    /// <summary>The symbol that an address lies in or behind.</summary>
    public bool TryFindNearest(ulong address, out LinuxSymbol symbol) => TryFind(address, false, out symbol);

    /// <summary>The function that an address lies in.</summary>
    public bool TryFindFunction(ulong address, out LinuxSymbol symbol) => TryFind(address, true, out symbol);

    /// <summary>Symbols of a vmlinux file in place of the kernel's own.</summary>
    internal static Kallsyms FromFile(ElfSymbolTable symbols) => new(symbols);

    internal static Kallsyms? Read(IMemory memory, KallsymsTables tables, VmcoreInfo info, out string why)
    {
        why = "the kernel's symbol table is not in the dump";
        if (!memory.TryReadUInt32(tables.Count, out uint count)
            || !memory.TryReadUInt64(tables.RelativeBase, out ulong origin))
            return null;
        if (count is 0 or > SymbolLimits.Symbols)
        {
            why = $"kallsyms claims to have {count} symbols";
            return null;
        }
        byte[] offsets = memory.ReadTable(tables.Offsets, count * 4UL, SymbolLimits.Symbols * 4);
        byte[] tokenIndex = memory.ReadTable(tables.TokenIndex, 512, 512);
        // Tokens take no more than 64 KB: their positions are 16-bit numbers. 4 KB are usual and the index follows them.
        byte[] tokenTable = memory.ReadTable(
            tables.TokenTable, Distance(tables.TokenTable, tables.TokenIndex, 0x10000), 0x10000);
        // The table of tokens stands behind the names in every version, with smaller tables between.
        byte[] packed = memory.ReadTable(
            tables.Names, Distance(tables.Names, tables.TokenTable, count * 64UL), SymbolLimits.NameBytes);
        KallsymsNames names = KallsymsNames.Parse(packed, tokenTable, tokenIndex, (int)count);
        int readable = Math.Min(names.Count, offsets.Length / 4);
        if (readable == 0 || tokenTable.Length == 0 || tokenIndex.Length < 512)
            return null;
        bool? absolute = FindScheme(names, offsets, origin, info);
        if (absolute is null)
        {
            why = "VMCOREINFO does not confirm the addresses of kallsyms";
            return null;
        }
        ulong[] addresses = new ulong[readable];
        int disorder = 0;
        for (int i = 0; i < addresses.Length; i++)
        {
            int offset = BinaryPrimitives.ReadInt32LittleEndian(offsets.AsSpan(i * 4));
            addresses[i] = absolute.Value ? AbsolutePerCpu(offset, origin) : Relative(offset, origin);
            disorder += i > 0 && addresses[i - 1] > addresses[i] ? 1 : 0;
        }
        why = readable < count ? $"{readable} of {count} symbols are readable"
            : disorder > 0 ? $"kallsyms is damaged: {disorder} of {count} addresses are out of order" : "";
        return new Kallsyms(new Table(names, addresses));
    }

    private static ulong Distance(ulong from, ulong to, ulong otherwise) =>
        to > from && to - from < SymbolLimits.NameBytes ? to - from : otherwise;

    // CONFIG_KALLSYMS_ABSOLUTE_PERCPU (x86 before 6.15): a negative offset counts from the base, any other is an address
    // itself, which per-CPU variables need. Without it an offset is an unsigned distance from the base.
    private static bool? FindScheme(KallsymsNames names, ReadOnlySpan<byte> offsets, ulong origin, VmcoreInfo info)
    {
        int absolute = 0;
        int relative = 0;
        foreach (string witness in s_witnesses)
        {
            int index = names.Find(witness);
            if (index < 0 || index >= offsets.Length / 4 || !info.TryGetSymbol(witness, out ulong address))
                continue;
            int offset = BinaryPrimitives.ReadInt32LittleEndian(offsets[(index * 4)..]);
            absolute += AbsolutePerCpu(offset, origin) == address ? 1 : 0;
            relative += Relative(offset, origin) == address ? 1 : 0;
        }
        return absolute == 0 && relative == 0 ? null : absolute > relative;
    }

    private static ulong AbsolutePerCpu(int offset, ulong origin) =>
        offset >= 0 ? (ulong)offset : unchecked(origin - 1 - (ulong)offset);

    private static ulong Relative(int offset, ulong origin) => unchecked(origin + (uint)offset);

    private bool TryFind(ulong address, bool functions, out LinuxSymbol symbol)
    {
        symbol = default;
        return address <= _last && _symbols.TryFind(address, KernelHalf, functions, out symbol);
    }

    private sealed class Table(KallsymsNames names, ulong[] addresses) : SortedSymbols(addresses, null)
    {
        public override int Find(string name) => names.Find(name);

        protected override string NameOf(int index) => names.NameOf(index);

        protected override char TypeOf(int index) => names.TypeOf(index);
    }
}

/// <summary>Where the tables of kallsyms lie.</summary>
/// <param name="Count">Address of <c>kallsyms_num_syms</c>.</param>
/// <param name="Names">Address of <c>kallsyms_names</c>.</param>
/// <param name="TokenTable">Address of <c>kallsyms_token_table</c>.</param>
/// <param name="TokenIndex">Address of <c>kallsyms_token_index</c>.</param>
/// <param name="Offsets">Address of <c>kallsyms_offsets</c>.</param>
/// <param name="RelativeBase">Address of <c>kallsyms_relative_base</c>.</param>
internal readonly record struct KallsymsTables(
    ulong Count, ulong Names, ulong TokenTable, ulong TokenIndex, ulong Offsets, ulong RelativeBase);
