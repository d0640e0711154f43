using System.Buffers.Binary;

namespace HangAnalysis.Targets;

/// <summary>Where a field lies in a structure; absent fields read as zero.</summary>
internal readonly struct FieldSlot(int offset, int size, int bitPosition = 0, int bitLength = 0)
{
    /// <summary>Offset from the structure's start, in bytes.</summary>
    public int Offset { get; } = offset;

    /// <summary>Size in bytes; 0 where the field is absent, or where the symbols only declare its type.</summary>
    public int Size { get; } = size;

    /// <summary>Lowest bit of a bit field; 0 otherwise.</summary>
    public int BitPosition { get; } = bitPosition;

    /// <summary>Number of bits of a bit field; 0 for a whole field.</summary>
    public int BitLength { get; } = bitLength;

    /// <summary>Whether the target's symbols have the field.</summary>
    public bool IsPresent { get; } = true;

    /// <summary>Bytes from a structure's start to the end of the last of some fields: what one bulk read for them needs.</summary>
    public static int Span(params ReadOnlySpan<FieldSlot> fields)
    {
        int length = 0;
        foreach (FieldSlot field in fields)
            length = Math.Max(length, field.Offset + field.Size);
        return Math.Min(length, Limits.StructureBytes);
    }

    /// <summary>The field's value, zero-extended; 0 where it is absent or the bytes end before it.</summary>
    public ulong Read(ReadOnlySpan<byte> structure)
    {
        if (Offset + Size > structure.Length)
            return 0;
        ReadOnlySpan<byte> bytes = structure[Offset..];
        ulong value = Size switch
        {
            1 => bytes[0],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            4 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            8 => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
            _ => 0,
        };
        return BitLength is 0 or > 64 ? value : value >> BitPosition & (ulong.MaxValue >> (64 - BitLength));
    }

    /// <summary>Whether the field's value is not zero.</summary>
    public bool IsSet(ReadOnlySpan<byte> structure) => Read(structure) != 0;

    /// <summary>The field's bytes; empty where absent.</summary>
    public ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> structure) =>
        Offset + Size <= structure.Length ? structure.Slice(Offset, Size) : default;
}
