namespace HangAnalysis.DumpForge.Layouts;

/// <summary>A member of a structure or union.</summary>
/// <param name="Name">Name as in the symbols.</param>
/// <param name="Offset">Offset in bytes; of a bit field, that of its storage unit.</param>
/// <param name="TypeText">Type in the text form of the layout files.</param>
public sealed record LayoutField(string Name, int Offset, string TypeText)
{
    private TypeText? _type;

    /// <summary>Type, taken apart.</summary>
    public TypeText Type => _type ??= Layouts.TypeText.Parse(TypeText);
}

/// <summary>A structure or union.</summary>
public sealed class TypeDefinition
{
    private readonly Dictionary<string, LayoutField> _byName;

    /// <summary>Takes the members in any order.</summary>
    public TypeDefinition(string name, bool isUnion, int size, IEnumerable<LayoutField> fields)
    {
        Name = name;
        IsUnion = isUnion;
        Size = size;
        Fields = [.. fields.OrderBy(field => field.Offset).ThenBy(field => field.Type.BitPosition)
            .ThenBy(field => field.Name, StringComparer.Ordinal)];
        _byName = Fields.ToDictionary(field => field.Name, StringComparer.Ordinal);
    }

    /// <summary>Name; nested anonymous types are <c>PARENT::&lt;unnamed-type-FIELD&gt;</c>.</summary>
    public string Name { get; }

    /// <summary>Whether the symbols call it a union.</summary>
    public bool IsUnion { get; }

    /// <summary>Size in bytes.</summary>
    public int Size { get; }

    /// <summary>Members by offset, then bit, then name.</summary>
    public IReadOnlyList<LayoutField> Fields { get; }

    /// <summary>Whether the name is that of a nested anonymous type.</summary>
    public bool IsAnonymous => Name.Contains(AnonymousMark, StringComparison.Ordinal);

    /// <summary>What the names of nested anonymous types contain, and no other name does.</summary>
    public const string AnonymousMark = "::<unnamed-type-";

    /// <summary>The member of this exact name, or null.</summary>
    public LayoutField? Find(string name) => _byName.GetValueOrDefault(name);
}
