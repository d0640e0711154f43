using System.Buffers.Binary;
using System.Numerics;

namespace HangAnalysis.Targets.Vmcores.Packing;

/// <summary>
/// Bits read from the end of a stream to its start, as entropy coders of Zstandard write them: the highest set bit of the
/// last byte ends the stream and is not part of it.
/// </summary>
/// <remarks>Before the start there are zero bits without end; <see cref="Left"/> is negative then.</remarks>
internal ref struct BackwardBits
{
    private readonly ReadOnlySpan<byte> _source;

    /// <summary>
    /// Begins at the end of the bytes; without an end mark nothing is left and <see cref="IsSound"/> is false.
    /// </summary>
    public BackwardBits(ReadOnlySpan<byte> source)
    {
        _source = source;
        IsSound = source.Length > 0 && source[^1] != 0;
        Left = IsSound ? (source.Length - 1) * 8 + BitOperations.Log2(source[^1]) : 0;
    }

    /// <summary>Whether the stream has its end mark.</summary>
    public bool IsSound { get; }

    /// <summary>Bits that are left; less than 0 where more were read than there are.</summary>
    public int Left { get; private set; }

    /// <summary>The next bits, at most 32, without going on.</summary>
    public readonly uint Peek(int count)
    {
        int start = Left - count;
        uint mask = (uint)((1UL << count) - 1);
        if (start < 0)
            return Left <= 0 ? 0 : (uint)((Load(0) & ((1UL << Left) - 1)) << -start) & mask;
        return (uint)(Load(start >> 3) >> (start & 7)) & mask;
    }

    /// <summary>Goes on by some bits.</summary>
    public void Skip(int count) => Left -= count;

    /// <summary>The next bits, at most 32.</summary>
    public uint Read(int count)
    {
        uint value = Peek(count);
        Left -= count;
        return value;
    }

    private readonly ulong Load(int position)
    {
        ReadOnlySpan<byte> bytes = _source[position..];
        if (bytes.Length >= sizeof(ulong))
            return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        ulong value = 0;
        for (int i = bytes.Length - 1; i >= 0; i--)
            value = value << 8 | bytes[i];
        return value;
    }
}
