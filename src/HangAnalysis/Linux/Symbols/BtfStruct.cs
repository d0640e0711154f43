namespace HangAnalysis.Linux.Symbols;

/// <summary>A member of a structure.</summary>
/// <param name="Name">Its name.</param>
/// <param name="BitOffset">Bits from the start of the structure, those of anonymous ones around it included.</param>
/// <param name="BitSize">Bits of a bit-field; 0 for any other member.</param>
/// <param name="TypeId">Number of its type.</param>
public readonly record struct BtfMember(string Name, int BitOffset, int BitSize, uint TypeId)
{
    /// <summary>Bytes from the start of the structure; for a bit-field those to the byte of its first bit.</summary>
    public int Offset => BitOffset / 8;

    /// <summary>
    /// Cuts a bit-field out of the eight bytes from <see cref="Offset"/> on; any other member is returned whole.
    /// </summary>
    public ulong Extract(ulong value) =>
        BitSize is 0 or >= 64 ? value : (value >> (BitOffset & 7)) & ((1UL << BitSize) - 1);
}

/// <summary>A structure or union with its members; those of anonymous structures in it count as its own.</summary>
public sealed class BtfStruct
{
    private readonly Dictionary<string, int> _byName = new(StringComparer.Ordinal);

    internal BtfStruct(string name, uint id, int size, bool isUnion, IReadOnlyList<BtfMember> members)
    {
        Name = name;
        Id = id;
        Size = size;
        IsUnion = isUnion;
        Members = members;
        for (int i = 0; i < members.Count; i++)
            _byName.TryAdd(members[i].Name, i);
    }

    /// <summary>Its name; empty for an anonymous one.</summary>
    public string Name { get; }

    /// <summary>Number of its type.</summary>
    public uint Id { get; }

    /// <summary>Size in bytes.</summary>
    public int Size { get; }

    /// <summary>Whether it is a union.</summary>
    public bool IsUnion { get; }

    /// <summary>Its members in the order of their declaration.</summary>
    public IReadOnlyList<BtfMember> Members { get; }

    /// <summary>The member of a name, or null.</summary>
    public BtfMember? Find(string name) => _byName.TryGetValue(name, out int index) ? Members[index] : null;
}
