using System.Numerics;

namespace HangAnalysis.Targets.Vmcores.Packing;

/// <summary>A decoding table of Zstandard's Huffman codes (RFC 8878, 4.2); its arrays are used again.</summary>
internal sealed class HuffmanTable
{
    private const int MostBits = 11;
    private const int MostWeights = 255;
    private const int WeightLog = 6;

    private readonly byte[] _symbols = new byte[1 << MostBits];
    private readonly byte[] _lengths = new byte[1 << MostBits];
    private readonly byte[] _weights = new byte[MostWeights + 1];
    private readonly FseTable _weightTable = new();
    private int _bits;

    /// <summary>Whether the table was made, so that a later block may use it again.</summary>
    public bool IsMade { get; private set; }

    /// <summary>Forgets the table: a new frame begins.</summary>
    public void Reset() => IsMade = false;

    /// <summary>Reads a tree's description: weights of the symbols, 4 bits each or packed, without the last.</summary>
    public bool TryRead(ReadOnlySpan<byte> source, out int used)
    {
        used = 0;
        IsMade = false;
        if (source.IsEmpty)
            return false;
        int header = source[0];
        int count = header - 127;
        used = 1 + (count > 0 ? (count + 1) / 2 : header);
        if (used > source.Length)
            return false;
        ReadOnlySpan<byte> body = source[1..used];
        if (count <= 0)
            return TryReadPackedWeights(body, out count) && TryMake(count);
        for (int i = 0; i < count; i++)
            _weights[i] = (byte)((i & 1) == 0 ? body[i / 2] >> 4 : body[i / 2] & 15);
        return TryMake(count);
    }

    /// <summary>Unpacks one stream; true where it makes exactly the bytes asked for.</summary>
    public bool TryUnpack(ReadOnlySpan<byte> source, Span<byte> target)
    {
        BackwardBits bits = new(source);
        if (!bits.IsSound)
            return false;
        for (int i = 0; i < target.Length; i++)
        {
            if (bits.Left <= 0)
                return false;
            uint code = bits.Peek(_bits);
            target[i] = _symbols[code];
            bits.Skip(_lengths[code]);
        }
        return bits.Left == 0;
    }

    private bool TryReadPackedWeights(ReadOnlySpan<byte> source, out int count)
    {
        count = 0;
        if (!_weightTable.TryRead(source, WeightLog, MostBits + 2, out int used))
            return false;
        BackwardBits bits = new(source[used..]);
        if (!bits.IsSound)
            return false;
        // Two states take turns; when the bits are at an end, the other one still holds a symbol.
        uint state = _weightTable.Begin(ref bits);
        uint other = _weightTable.Begin(ref bits);
        while (bits.Left >= 0)
        {
            if (count == MostWeights)
                return false;
            _weights[count++] = _weightTable.Symbol(state);
            state = _weightTable.Next(state, ref bits);
            (state, other) = (other, state);
        }
        if (count == MostWeights)
            return false;
        _weights[count++] = _weightTable.Symbol(state);
        return true;
    }

    /// <summary>
    /// A code of weight w fills 1 &lt;&lt; (w - 1) entries; long codes come first. The last symbol's weight completes them.
    /// </summary>
    private bool TryMake(int count)
    {
        uint sum = 0;
        for (int i = 0; i < count; i++)
        {
            if (_weights[i] > MostBits)
                return false;
            sum += 1u << _weights[i] >> 1;
        }
        if (sum == 0)
            return false;
        int bits = BitOperations.Log2(sum) + 1;
        uint left = (1u << bits) - sum;
        if (bits > MostBits || !BitOperations.IsPow2(left))
            return false;
        _weights[count++] = (byte)(BitOperations.Log2(left) + 1);
        int position = 0;
        for (int weight = 1; weight <= bits; weight++)
            for (int symbol = 0; symbol < count; symbol++)
                if (_weights[symbol] == weight)
                {
                    int entries = 1 << (weight - 1);
                    _symbols.AsSpan(position, entries).Fill((byte)symbol);
                    _lengths.AsSpan(position, entries).Fill((byte)(bits + 1 - weight));
                    position += entries;
                }
        _bits = bits;
        IsMade = true;
        return true;
    }
}
