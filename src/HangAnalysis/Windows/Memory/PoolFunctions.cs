using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Windows.Memory;

/// <summary>A function that takes a tag.</summary>
/// <param name="Name">Its exported name.</param>
/// <param name="Usage">What it does with memory of the tag.</param>
/// <param name="Argument">Which argument the tag is, from 0.</param>
/// <param name="WideBefore">Arguments before it that have 64 bits on all systems: x86 pushes two words for each.</param>
internal sealed record PoolFunction(string Name, PoolTagUsage Usage, int Argument, int WideBefore = 0)
{
    /// <summary>Words that x86 pushes behind the tag.</summary>
    public int PushesBehindTag => Argument + WideBefore;
}

/// <summary>The functions that allocate and free with a tag, and where this system has them.</summary>
/// <remarks>
/// Arguments: wdm.h, fltkernel.h and ndis.h as Microsoft documents them (crash-triage.md 3.5); POOL_FLAGS has 64 bits. What sets
/// up a lookaside list counts as an allocation: the list allocates with that tag.
/// </remarks>
internal sealed class PoolFunctions
{
    private static readonly (string Module, PoolFunction[] Functions)[] s_known =
    [
        ("nt",
        [
            new("ExAllocatePoolWithTag", PoolTagUsage.Allocates, 2), new("ExAllocatePoolWithQuotaTag", PoolTagUsage.Allocates, 2),
            new("ExAllocatePoolWithTagPriority", PoolTagUsage.Allocates, 2), new("ExAllocatePool2", PoolTagUsage.Allocates, 2, WideBefore: 1),
            new("ExAllocatePool3", PoolTagUsage.Allocates, 2, WideBefore: 1), new("ExInitializeNPagedLookasideList", PoolTagUsage.Allocates, 5),
            new("ExInitializePagedLookasideList", PoolTagUsage.Allocates, 5),
            new("ExInitializeLookasideListEx", PoolTagUsage.Allocates, 6), new("ExFreePoolWithTag", PoolTagUsage.Frees, 1),
            new("ExFreePool2", PoolTagUsage.Frees, 1),
        ]),
        ("FLTMGR",
        [
            new("FltAllocatePoolAlignedWithTag", PoolTagUsage.Allocates, 3), new("FltFreePoolAlignedWithTag", PoolTagUsage.Frees, 2),
        ]),
        ("NDIS",
        [
            new("NdisAllocateMemoryWithTag", PoolTagUsage.Allocates, 2),
            new("NdisAllocateMemoryWithTagPriority", PoolTagUsage.Allocates, 2),
            new("NdisFreeMemoryWithTagPriority", PoolTagUsage.Frees, 2),
        ]),
    ];

    private static readonly Dictionary<string, PoolFunction> s_byName =
        s_known.SelectMany(m => m.Functions).ToDictionary(f => f.Name, StringComparer.Ordinal);

    private readonly Dictionary<ulong, PoolFunction> _byAddress = [];

    /// <param name="addresses">Where functions are, by their names; names of others are passed over.</param>
    public PoolFunctions(IEnumerable<(string Name, ulong Address)> addresses)
    {
        foreach ((string name, ulong address) in addresses)
            if (Named(name) is { } function)
                _byAddress.TryAdd(address, function);
    }

    /// <summary>Looks the functions up in the images that export them.</summary>
    public static PoolFunctions Find(KernelSession session)
    {
        List<(string, ulong)> found = [];
        foreach ((string name, PoolFunction[] functions) in s_known)
            foreach (TargetModule module in session.Target.KernelModules)
                if (module.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                    Add(session, module, functions, found);
        return new PoolFunctions(found);
    }

    /// <summary>How many of them have an address: without any, call sites are known by imported names only.</summary>
    public int Count => _byAddress.Count;

    /// <summary>The function at an address; null where another is there.</summary>
    public PoolFunction? At(ulong address) => _byAddress.GetValueOrDefault(address);

    /// <summary>The function of a name; null for others.</summary>
    public static PoolFunction? Named(string name) => s_byName.GetValueOrDefault(name);

    /// <summary>The image's own exports serve for all; only the kernel's symbols are there anyway.</summary>
    private static void Add(KernelSession session, TargetModule module, PoolFunction[] functions, List<(string, ulong)> found)
    {
        ISymbolFile? exports = PeImage.TryRead(new MemoryImageBytes(module.Memory, module.BaseAddress, module.Size), out PeImage? image)
            ? ExportTable.TryRead(image, module.FileName) : null;
        ISymbolFile? symbols = module == session.Kernel ? session.Symbols : null;
        foreach (PoolFunction function in functions)
            if ((exports?.TryFindSymbol(function.Name, out uint rva) ?? false)
                || (symbols?.TryFindSymbol(function.Name, out rva) ?? false))
                found.Add((function.Name, module.BaseAddress + rva));
    }
}
