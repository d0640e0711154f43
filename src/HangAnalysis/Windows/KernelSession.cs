using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>What every reader of kernel structures needs: memory, the kernel's symbols and types, and a place for failures.</summary>
internal sealed class KernelSession
{
    /// <summary>The same failure is told at most this often; a broken pool would otherwise fill the report.</summary>
    private const int MostUnknowns = 64;

    private readonly List<Unknown> _unknowns = [];

    public KernelSession(ITarget target)
    {
        Target = target;
        Memory = target.KernelMemory;
        foreach (TargetModule module in target.KernelModules)
            if (module.Name == "nt")
                Kernel ??= module;
        Symbols = Kernel is null ? null : target.GetSymbols(Kernel);
        Types = new KernelTypes(Symbols);
    }

    public ITarget Target { get; }

    public IMemory Memory { get; }

    /// <summary>The kernel's image; null where the module list does not show it.</summary>
    public TargetModule? Kernel { get; }

    /// <summary>The kernel's symbols; null where none were found.</summary>
    public ISymbolFile? Symbols { get; }

    public KernelTypes Types { get; }

    /// <summary>Stops a sweep early; what is known by then is shown.</summary>
    public CancellationToken Cancellation { get; set; }

    /// <summary>What could not be read.</summary>
    public IReadOnlyList<Unknown> Unknowns => _unknowns;

    /// <summary>Address of a kernel variable or function.</summary>
    public bool TryGetAddress(string symbol, out ulong address)
    {
        address = 0;
        if (Symbols is null || !Symbols.TryFindSymbol(symbol, out uint rva))
            return false;
        address = Kernel!.BaseAddress + rva;
        return true;
    }

    /// <summary>Value of a kernel variable of eight bytes.</summary>
    public bool TryReadPointerVariable(string symbol, out ulong value)
    {
        value = 0;
        return TryGetAddress(symbol, out ulong address) && Memory.TryReadUInt64(address, out value);
    }

    /// <summary>Records something that could not be found out; the same words are recorded once.</summary>
    public void AddUnknown(string what, string why)
    {
        Unknown unknown = new(what, why);
        if (_unknowns.Count < MostUnknowns && !_unknowns.Contains(unknown))
            _unknowns.Add(unknown);
    }

    /// <summary>
    /// Whether an address can be one of the kernel's: canonical, in the upper half, and aligned as pool allocations are.
    /// </summary>
    public static bool IsKernelObject(ulong address) => IsKernelAddress(address) && (address & 7) == 0;

    /// <summary>Whether an address can be one of the kernel's code or data, however aligned.</summary>
    public static bool IsKernelAddress(ulong address) => address >= 0xffff_0800_0000_0000;
}
