namespace HangAnalysis.DumpForge.Linux.Layouts;

/// <summary>What a type of C is; the numbers are those of BTF (Documentation/bpf/btf.rst).</summary>
public enum CKind
{
    Void = 0,
    Int = 1,
    Pointer = 2,
    Array = 3,
    Struct = 4,
    Union = 5,
    Enum = 6,
    Forward = 7,
    Typedef = 8,
    Function = 13,
}

/// <summary>A member with its place; anonymous ones have an empty name.</summary>
public sealed class CMember(string name, CType type, int bitSize)
{
    public string Name { get; } = name;

    public CType Type { get; } = type;

    /// <summary>Width of a bit field, else 0.</summary>
    public int BitSize { get; } = bitSize;

    /// <summary>Bits from the beginning of the structure.</summary>
    public int BitOffset { get; set; }

    /// <summary>Stays where it is written: at the beginning (-1) or at the end (1).</summary>
    public int Place { get; init; }
}

/// <summary>A type of C: what a layout places and BTF describes.</summary>
public sealed class CType(CKind kind, string name)
{
    public CKind Kind { get; } = kind;

    public string Name { get; } = name;

    /// <summary>Bytes; of structures once they are placed.</summary>
    public int Size { get; set; }

    public int Alignment { get; set; } = 1;

    /// <summary>What a pointer, an array or a typedef is of.</summary>
    public CType? Element { get; init; }

    /// <summary>Elements of an array.</summary>
    public int Count { get; init; }

    public bool IsSigned { get; init; }

    public bool IsPinned { get; set; }

    public bool IsLoose { get; set; }

    public bool IsPlaced { get; set; }

    /// <summary>Defined in the module of this name, not in the kernel.</summary>
    public string? Module { get; set; }

    public List<CMember> Members { get; } = [];

    public List<(string Name, int Value)> Values { get; } = [];

    /// <summary>The type behind typedefs.</summary>
    public CType Resolved => Kind == CKind.Typedef ? Element!.Resolved : this;

    public bool IsAggregate => Kind is CKind.Struct or CKind.Union;
}
