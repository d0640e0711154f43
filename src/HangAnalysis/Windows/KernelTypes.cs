using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>One structure of the kernel with the fields that were asked for.</summary>
/// <remarks>
/// Fields are asked for by name once a session and then sliced out of bulk reads. What the symbols lack is absent, never
/// guessed from a build number: the presence of a field is the only version check there is.
/// </remarks>
internal sealed class StructLayout
{
    private readonly KernelTypes _types;
    private readonly TypeLayout? _layout;

    internal StructLayout(KernelTypes types, string name, TypeLayout? layout)
    {
        _types = types;
        _layout = layout;
        Name = name;
    }

    /// <summary>Name as in the symbols.</summary>
    public string Name { get; }

    /// <summary>Whether the symbols have the structure.</summary>
    public bool Exists => _layout is not null;

    /// <summary>Size in bytes; 0 where the structure is absent.</summary>
    public int Size => _layout?.Size ?? 0;

    /// <summary>A field that every version has: its absence is reported, by the name of the type or field that is missing.</summary>
    public FieldSlot Required(string path)
    {
        FieldSlot slot = Find(path, out string missing);
        if (!slot.IsPresent)
            _types.ReportMissing(missing);
        return slot;
    }

    /// <summary>A field that some versions have.</summary>
    public FieldSlot Optional(string path) => Find(path, out _);

    /// <summary>Resolves a path; where that ends early, names what is missing: a structure, or a field of one.</summary>
    private FieldSlot Find(string path, out string missing)
    {
        TypeLayout? type = _layout;
        long offset = 0;
        ReadOnlySpan<char> rest = path;
        missing = Name;
        while (type is not null)
        {
            int dot = rest.IndexOf('.');
            FieldLayout? field = type.FindField((dot < 0 ? rest : rest[..dot]).ToString());
            missing = field is null ? $"{type.Name}.{rest}" : $"{Name}.{path}";
            if (field is null)
                return default;
            offset += field.Offset;
            // Symbols may be damaged too: what lies outside any structure is no field.
            if (offset is < 0 or > Limits.StructureBytes)
                return default;
            if (dot < 0)
                return new FieldSlot((int)offset, Math.Clamp(field.Type.Size, 0, Limits.StructureBytes), field.BitPosition,
                    field.BitLength);
            rest = rest[(dot + 1)..];
            type = _types.FindType(field.Type.Name);
            if (type is null && field.Type.Name.StartsWith('_'))
                missing = field.Type.Name;
        }
        return default;
    }
}

/// <summary>The kernel's structures and enumerations, by the symbols of the target.</summary>
internal sealed class KernelTypes(ISymbolFile? symbols)
{
    private readonly Dictionary<string, TypeLayout?> _types = [];
    private readonly SortedSet<string> _missing = new(StringComparer.Ordinal);

    /// <summary>Required fields and structures that the symbols lack.</summary>
    public IReadOnlyCollection<string> Missing => _missing;

    /// <summary>Whether the symbols have any of the structures that were asked for.</summary>
    public bool HasAny
    {
        get
        {
            foreach (TypeLayout? type in _types.Values)
                if (type is not null)
                    return true;
            return false;
        }
    }

    /// <summary>Names of the structures that were asked for, also on the way to a field, whether the symbols have them or not.</summary>
    public IReadOnlyCollection<string> Asked => _types.Keys;

    /// <summary>A structure by its name, whether the symbols have it or not.</summary>
    public StructLayout Get(string name) => new(this, name, FindType(name));

    /// <summary>The name of an enumeration's value; null where the symbols do not have it.</summary>
    public string[] EnumNames(string name)
    {
        EnumLayout? layout = symbols?.FindEnum(name);
        if (layout is null)
            return [];
        // Values above this are flags or maxima, not states.
        const int MostNames = 256;
        string[] names = new string[layout.Values.Values.Where(v => v is >= 0 and < MostNames).Select(v => (int)v + 1)
            .DefaultIfEmpty(0).Max()];
        foreach ((string valueName, long value) in layout.Values)
            if (value >= 0 && value < names.Length && !valueName.StartsWith("Maximum", StringComparison.Ordinal))
                names[value] ??= valueName;
        return names;
    }

    internal TypeLayout? FindType(string name)
    {
        if (!_types.TryGetValue(name, out TypeLayout? type))
        {
            type = symbols?.FindType(name);
            if (type is not null && type.Size is < 0 or > Limits.StructureBytes)
                type = null;
            _types[name] = type;
        }
        return type;
    }

    internal void ReportMissing(string name) => _missing.Add(name);
}
