namespace HangAnalysis.Targets;

/// <summary>What kind of type a field has.</summary>
public enum TypeKind
{
    /// <summary>A number, character or Boolean.</summary>
    Base,

    /// <summary>A structure, class or union.</summary>
    Structure,

    /// <summary>An enumeration.</summary>
    Enumeration,

    /// <summary>A pointer, of 4 or 8 bytes.</summary>
    Pointer,

    /// <summary>An array.</summary>
    Array,

    /// <summary>A function: only ever pointed at.</summary>
    Function,
}

/// <summary>The type of a field: kind, name, size in bytes and what it is made of.</summary>
/// <param name="Kind">Kind of the type.</param>
/// <param name="Name">
/// Name of a structure or enumeration, exactly as in the symbols (a nested anonymous one has a name that
/// <see cref="ISymbolFile.FindType"/> accepts and that means nothing to people); C name of a base type; empty otherwise.
/// </param>
/// <param name="Size">Size in bytes; 0 where the symbols do not say (a forward reference without a definition).</param>
/// <param name="Element">What a pointer points at, what an array consists of; otherwise null.</param>
/// <param name="Count">Number of elements of an array; otherwise 0.</param>
public sealed record TypeReference(TypeKind Kind, string Name, int Size, TypeReference? Element = null, int Count = 0);

/// <summary>One member of a structure or union.</summary>
/// <param name="Name">Name as in the symbols.</param>
/// <param name="Offset">Offset from the structure's start, in bytes; of a bit field, that of its storage unit.</param>
/// <param name="Type">Type; of a bit field, that of its storage unit.</param>
/// <param name="BitPosition">Lowest bit of a bit field; 0 otherwise.</param>
/// <param name="BitLength">Number of bits of a bit field; 0 for a whole field.</param>
public sealed record FieldLayout(string Name, int Offset, TypeReference Type, int BitPosition = 0, int BitLength = 0);

/// <summary>A structure or union with its members.</summary>
/// <param name="Name">Name as in the symbols.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="Fields">Members in the order of the symbols. Base classes' members are included at their offsets.</param>
public sealed record TypeLayout(string Name, int Size, IReadOnlyList<FieldLayout> Fields)
{
    /// <summary>The member of this exact name, or null.</summary>
    public FieldLayout? FindField(string name)
    {
        foreach (FieldLayout field in Fields)
            if (field.Name == name)
                return field;
        return null;
    }
}

/// <summary>An enumeration with its values.</summary>
/// <param name="Name">Name as in the symbols.</param>
/// <param name="Values">Values by name.</param>
public sealed record EnumLayout(string Name, IReadOnlyDictionary<string, long> Values);
