using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Storage;

/// <summary>Structures of one driver by that driver's own symbols: the kernel's do not have them.</summary>
/// <remarks>
/// Public PDBs of storport and classpnp have types [P17763: names and order]; offsets differ by build, so that they always come
/// from the PDB of the image in the dump.
/// </remarks>
internal sealed class DriverTypes
{
    private readonly string _advice;

    private DriverTypes(TargetModule? module, ISymbolFile? symbols, string advice)
    {
        _advice = advice;
        Module = module;
        HasSymbols = symbols is not null;
        Types = new KernelTypes(symbols);
        Symbols = symbols;
    }

    /// <summary>The driver's image; null where it is not loaded.</summary>
    public TargetModule? Module { get; }

    /// <summary>Whether its symbols were found.</summary>
    public bool HasSymbols { get; }

    /// <summary>Its structures.</summary>
    public KernelTypes Types { get; }

    private ISymbolFile? Symbols { get; }

    /// <summary>The structures of a loaded driver by its name without the extension.</summary>
    public static DriverTypes Of(ITarget target, string name)
    {
        foreach (TargetModule module in target.KernelModules)
            if (Path.GetFileNameWithoutExtension(module.FileName).Equals(name, StringComparison.OrdinalIgnoreCase))
                return new DriverTypes(module, target.GetSymbols(module), target.SymbolPathAdvice);
        return new DriverTypes(null, null, target.SymbolPathAdvice);
    }

    /// <summary>The name of an enumeration's value; null where the symbols do not have it.</summary>
    public string? NameOf(string enumeration, ulong value)
    {
        if (Symbols?.FindEnum(enumeration) is not { } layout)
            return null;
        foreach ((string name, long number) in layout.Values)
            if ((ulong)number == value)
                return name;
        return null;
    }

    /// <summary>
    /// Offset of the first list entry in a structure, or in a field of it, at any depth: queues have been wrapped in other
    /// structures in the course of time. Null where there is none.
    /// </summary>
    public int? FindListEntry(string type, string? field = null)
    {
        if (field is null)
            return FindListEntry(type, 0, 0);
        FieldLayout? found = Types.FindType(type)?.FindField(field);
        return found is null ? null
            : found.Type.Name == "_LIST_ENTRY" ? found.Offset
            : FindListEntry(found.Type.Name, found.Offset, 0);
    }

    private int? FindListEntry(string type, int offset, int depth)
    {
        const int Deepest = 4;
        if (depth > Deepest || Types.FindType(type) is not { } layout)
            return null;
        foreach (FieldLayout field in layout.Fields)
        {
            if (field.Type.Kind != TypeKind.Structure || offset + field.Offset > Limits.StructureBytes)
                continue;
            if (field.Type.Name == "_LIST_ENTRY")
                return offset + field.Offset;
            if (FindListEntry(field.Type.Name, offset + field.Offset, depth + 1) is { } inner)
                return inner;
        }
        return null;
    }

    /// <summary>What is missing to read its structures; null where nothing is.</summary>
    /// <param name="file">The driver's file name.</param>
    /// <param name="type">A structure that must be there.</param>
    public string? Missing(string file, string type) => Module is null ? $"{file} is not loaded"
        : !HasSymbols ? $"no symbols were found for {file}; {_advice}"
        : Types.FindType(type) is null ? $"the symbols of {file} do not have {type}: public symbols of some builds lack it" : null;
}
