using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>State of a module: enum module_state of include/linux/module.h.</summary>
public enum LinuxModuleState
{
    /// <summary>In use.</summary>
    Live = 0,

    /// <summary>Its init function runs.</summary>
    Coming = 1,

    /// <summary>It is being removed.</summary>
    Going = 2,

    /// <summary>It is being set up and is not to be used yet.</summary>
    Unformed = 3,
}

/// <summary>A part of a module's memory.</summary>
/// <param name="Start">Address of its first byte.</param>
/// <param name="Size">Bytes.</param>
/// <param name="IsText">Whether it is code.</param>
/// <param name="IsInit">Whether it is freed once the module's init function has returned.</param>
public readonly record struct LinuxModuleRange(ulong Start, uint Size, bool IsText, bool IsInit)
{
    /// <summary>Whether an address lies in it.</summary>
    public bool Contains(ulong address) => address >= Start && address - Start < Size;
}

/// <summary>A loaded module.</summary>
public sealed class LinuxModule
{
    private readonly IMemory _memory;
    private readonly Btf _kernelTypes;
    private ElfSymbolTable? _symbols;

    internal LinuxModule(IMemory memory, Btf kernelTypes, string name, ulong address, IReadOnlyList<LinuxModuleRange> ranges)
    {
        _memory = memory;
        _kernelTypes = kernelTypes;
        Name = name;
        Address = address;
        Ranges = ranges;
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Address of its struct module.</summary>
    public ulong Address { get; }

    /// <summary>Its memory; the code that is in use comes first.</summary>
    public IReadOnlyList<LinuxModuleRange> Ranges { get; }

    /// <summary>Address of its code.</summary>
    public ulong Base => Ranges.Count == 0 ? 0 : Ranges[0].Start;

    /// <summary>Bytes of all its parts, those of init left out.</summary>
    public ulong Size
    {
        get
        {
            ulong size = 0;
            foreach (LinuxModuleRange range in Ranges)
                size += range.IsInit ? 0 : range.Size;
            return size;
        }
    }

    /// <summary>Its state; null where the dump has a value that is none.</summary>
    public LinuxModuleState? State { get; internal init; }

    /// <summary>Letters of what makes it suspect (see <see cref="TaintFlags"/>); empty for a clean one.</summary>
    public string Taints { get; internal init; } = "";

    /// <summary>MODULE_VERSION, or null: most modules of the kernel's tree have none.</summary>
    public string? Version { get; internal init; }

    /// <summary>Number of its parameters (<c>num_kp</c>); null where the kernel does not tell.</summary>
    public int? Parameters { get; internal init; }

    /// <summary>Its <c>kallsyms</c>; 0 for none.</summary>
    public ulong SymbolTableAddress { get; internal init; }

    /// <summary>The module's own types, which continue the kernel's; null where it was built without BTF.</summary>
    public Btf? Types { get; internal set; }

    internal OrcTable? Orc { get; init; }

    /// <summary>Entries of its unwind data; 0 for none.</summary>
    public int UnwindEntries => Orc?.ReadableCount ?? 0;

    private ElfSymbolTable Symbols => _symbols ??= ModuleNames.Read(_memory, _kernelTypes, SymbolTableAddress, this);

    /// <summary>Whether an address lies in one of its parts.</summary>
    public bool Contains(ulong address)
    {
        foreach (LinuxModuleRange range in Ranges)
            if (range.Contains(address))
                return true;
        return false;
    }

    /// <summary>Address of its function or variable, static ones too; null where it has none of this name.</summary>
    public ulong? Find(string name) => Symbols.Find(name) is int index and >= 0 ? Symbols.AddressOf(index) : null;

    internal bool TryFindNearest(ulong address, bool functions, out LinuxSymbol symbol)
    {
        foreach (LinuxModuleRange range in Ranges)
            if (range.Contains(address))
                return Symbols.TryFind(address, range.Start, functions, out symbol);
        symbol = default;
        return false;
    }
}
