using System.Globalization;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux.Symbols;

/// <summary>Something that a kernel usually tells about itself and that this dump lacks.</summary>
/// <param name="What">What is absent, such as <c>BTF</c>.</param>
/// <param name="Why">Why, in a short sentence without its full stop.</param>
public readonly record struct AbsentKnowledge(string What, string Why);

/// <summary>
/// The kernel's own description of itself, read from memory alone: names (kallsyms), types (BTF), unwind data (ORC),
/// modules and per-CPU areas. What is absent is empty here and named in <see cref="Absent"/>.
/// </summary>
public sealed class KernelSymbols
{
    private readonly List<AbsentKnowledge> _absent = [];
    private readonly bool _namesAreWhole;

    private KernelSymbols(IMemory memory, VmcoreInfo info, VmlinuxFile? vmlinux)
    {
        if (vmlinux is not null)
            memory = new LayeredMemory(memory, vmlinux.Memory(SlideOf(info)));
        Names = Kallsyms.Read(memory, info, out string why) ?? NamesOf(vmlinux, info) ?? Kallsyms.Empty;
        Note("kallsyms", why);
        _namesAreWhole = why.Length == 0;
        Types = ReadTypes(memory, vmlinux);
        OrcFormat? format = OrcFormat.From(Types);
        Modules = LinuxModules.Read(memory, Names, Types, format, out why);
        Note("modules", why);
        PerCpu = PerCpu.Read(memory, Names, out why) ?? PerCpu.Empty;
        Note("per-CPU areas", why);
        Unwinder = new OrcUnwinder(memory, this, FindOrc(memory, format));
        ModuleTypes.Read(memory, this);
        if (Names.Find("tainted_mask") is ulong mask && memory.TryReadUInt64(mask, out ulong taints))
            Taints = TaintFlags.Letters(taints);
    }

    /// <summary>Names of the kernel itself.</summary>
    public Kallsyms Names { get; }

    /// <summary>Types of the kernel itself.</summary>
    public Btf Types { get; }

    /// <summary>The modules.</summary>
    public LinuxModules Modules { get; }

    /// <summary>The processors' own areas.</summary>
    public PerCpu PerCpu { get; }

    /// <summary>Walks kernel stacks.</summary>
    public OrcUnwinder Unwinder { get; }

    /// <summary>
    /// Letters of what makes the kernel suspect (see <see cref="TaintFlags"/>), empty for nothing; null where not known.
    /// </summary>
    public string? Taints { get; }

    /// <summary>What is absent or damaged, and why.</summary>
    public IReadOnlyList<AbsentKnowledge> Absent => _absent;

    /// <summary>Reads what the kernel says about itself. What a dump lacks is empty.</summary>
    /// <param name="kernelMemory">The kernel's address space.</param>
    /// <param name="info">VMCOREINFO, which says where kallsyms is.</param>
    /// <param name="vmlinux">
    /// A file that has what the dump lacks, or null; it must stay open as long as the result is used.
    /// </param>
    /// <exception cref="DumpFormatException">The file is that of another kernel.</exception>
    public static KernelSymbols Read(IMemory kernelMemory, VmcoreInfo info, VmlinuxFile? vmlinux = null)
    {
        vmlinux?.CheckBelongsTo(info);
        return new KernelSymbols(kernelMemory, info, vmlinux);
    }

    /// <summary>Address of a function or variable of the kernel itself; null where it has none of this name.</summary>
    public ulong? Find(string name) => Names.Find(name);

    /// <summary>Address of a function or variable of a module; null where no module has one of this name.</summary>
    public ulong? FindInModules(string name)
    {
        foreach (LinuxModule module in Modules.All)
            if (module.Find(name) is ulong address)
                return address;
        return null;
    }

    /// <summary>Address of a per-CPU variable's copy.</summary>
    public ulong? FindPerCpu(string name, int cpu) =>
        Names.Find(name) is ulong symbol ? PerCpu.AddressOf(symbol, cpu) : null;

    /// <summary>The symbol that an address lies in or behind, of the kernel or of a module.</summary>
    public bool TryFindNearest(ulong address, out LinuxSymbol symbol) =>
        Modules.FindByAddress(address) is { } module
            ? module.TryFindNearest(address, false, out symbol)
            : Names.TryFindNearest(address, out symbol);

    /// <summary>The function that an address lies in, of the kernel or of a module.</summary>
    public bool TryFindFunction(ulong address, out LinuxSymbol symbol) =>
        Modules.FindByAddress(address) is { } module
            ? module.TryFindNearest(address, true, out symbol)
            : Names.TryFindFunction(address, out symbol);

    /// <summary>A structure of the kernel, or else of the first module that has one of this name.</summary>
    public BtfStruct? FindStruct(string name)
    {
        if (Types.FindStruct(name) is { } known)
            return known;
        foreach (LinuxModule module in Modules.All)
            if (module.Types?.FindStruct(name) is { } own)
                return own;
        return null;
    }

    /// <summary>
    /// Where the function of an address is entered: compilers move what is rarely needed to <c>name.cold</c>, which is
    /// jumped to and never called.
    /// </summary>
    internal ulong? FindEntryOfFunction(ulong address)
    {
        if (!TryFindFunction(address, out LinuxSymbol symbol))
            return null;
        int cold = symbol.Name.IndexOf(".cold", StringComparison.Ordinal);
        if (cold < 0)
            return symbol.Address;
        string name = symbol.Name[..cold];
        return symbol.Module is null ? Names.Find(name) : Modules.FindByAddress(address)?.Find(name);
    }

    private void Note(string what, string why)
    {
        if (why.Length > 0)
            _absent.Add(new AbsentKnowledge(what, why));
    }

    private static Kallsyms? NamesOf(VmlinuxFile? vmlinux, VmcoreInfo info) =>
        vmlinux?.ReadNames(SlideOf(info)) is { } symbols ? Kallsyms.FromFile(symbols) : null;

    // By how much KASLR moved the kernel; without the line it was not moved.
    private static ulong SlideOf(VmcoreInfo info) =>
        info.TryGetValue("KERNELOFFSET", out string text)
        && ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) ? value : 0;

    private Btf ReadTypes(IMemory memory, VmlinuxFile? vmlinux)
    {
        string why = WhyNot("the kernel was built without CONFIG_DEBUG_INFO_BTF");
        BtfTypes? types = null;
        if (Names.Find("__start_BTF") is ulong start && Names.Find("__stop_BTF") is ulong end)
            types = BtfTypes.ParseKernel(
                memory.ReadTable(start, unchecked(end - start), SymbolLimits.BtfBytes), out why);
        if (types is null && vmlinux is not null)
        {
            byte[]? section = vmlinux.Read(".BTF", SymbolLimits.BtfBytes);
            if (section is null)
                why += "; vmlinux has no .BTF section either (pahole -J adds it)";
            else
                types = BtfTypes.ParseKernel(section, out why);
        }
        Note("BTF", why);
        return types is null ? Btf.Empty : new Btf(types);
    }

    private OrcTable? FindOrc(IMemory memory, OrcFormat? format)
    {
        if (format is null)
            Note("ORC", Types.Count == 0 ? "without BTF it cannot be understood" : "BTF has no orc_entry of six bytes");
        else if (Names.Find("__start_orc_unwind_ip") is ulong addresses && Names.Find("__stop_orc_unwind_ip") is ulong end
            && Names.Find("__start_orc_unwind") is ulong entries && end > addresses)
            return new OrcTable(memory, format, addresses, entries, (uint)Math.Min((end - addresses) / 4, uint.MaxValue));
        else
            Note("ORC", WhyNot("the kernel was built without CONFIG_UNWINDER_ORC"));
        return null;
    }

    // A table whose symbol is absent may be there all the same if the names are damaged.
    private string WhyNot(string why) => Names.Count == 0 ? "without kallsyms it cannot be found"
        : _namesAreWhole ? why : "its symbol is not in what is left of kallsyms";
}
