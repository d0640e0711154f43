using System.Numerics;

namespace HangAnalysis.Targets.Vmcores.Packing;

/// <summary>A decoding table of finite state entropy coding (RFC 8878, 4.1); its arrays are used again.</summary>
internal sealed class FseTable
{
    /// <summary>Most bits of a state that any table of Zstandard has.</summary>
    private const int MostLog = 9;

    private readonly byte[] _symbols = new byte[1 << MostLog];
    private readonly byte[] _bits = new byte[1 << MostLog];
    private readonly ushort[] _bases = new ushort[1 << MostLog];

    /// <summary>Bits of a state.</summary>
    public int Log { get; private set; }

    /// <summary>
    /// Makes the table from the counts of its symbols, of which -1 means "less than one"; their sum is 1 &lt;&lt; log.
    /// </summary>
    public static FseTable FromCounts(ReadOnlySpan<short> counts, int log)
    {
        FseTable table = new();
        table.Make(counts, log);
        return table;
    }

    /// <summary>The symbol of a state.</summary>
    public byte Symbol(uint state) => _symbols[state];

    /// <summary>The first state of a stream.</summary>
    public uint Begin(ref BackwardBits bits) => bits.Read(Log);

    /// <summary>The state that follows another.</summary>
    public uint Next(uint state, ref BackwardBits bits) => _bases[state] + bits.Read(_bits[state]);

    /// <summary>A table of one symbol, which needs no bits.</summary>
    public void MakeSingle(byte symbol)
    {
        Log = 0;
        _symbols[0] = symbol;
        _bits[0] = 0;
        _bases[0] = 0;
    }

    /// <summary>Reads a table's description (RFC 8878, 4.1.1).</summary>
    /// <param name="source">Bytes from the description on.</param>
    /// <param name="mostLog">Most bits of a state that is right here.</param>
    /// <param name="mostSymbols">Number of symbols that there are.</param>
    /// <param name="used">Size of the description.</param>
    public bool TryRead(ReadOnlySpan<byte> source, int mostLog, int mostSymbols, out int used)
    {
        used = 0;
        if (source.IsEmpty)
            return false;
        Span<short> counts = stackalloc short[mostSymbols];
        int position = 4;
        int log = (source[0] & 15) + 5;
        if (log > mostLog)
            return false;
        int left = 1 << log;
        int symbol = 0;
        while (left > 0 && symbol < mostSymbols)
        {
            int bits = BitOperations.Log2((uint)left + 1) + 1;
            if (!TryReadForward(source, position, bits, out int value))
                return false;
            int low = (1 << (bits - 1)) - 1;
            int threshold = (1 << bits) - 1 - (left + 1);
            position += bits;
            if ((value & low) < threshold)
            {
                position--;
                value &= low;
            }
            else if (value > low)
                value -= threshold;
            counts[symbol++] = (short)(value - 1);
            left -= Math.Abs(value - 1);
            if (value != 1)
                continue;
            int zeros;
            do
            {
                if (!TryReadForward(source, position, 2, out zeros))
                    return false;
                position += 2;
                symbol += zeros;
            }
            while (zeros == 3 && symbol < mostSymbols);
        }
        if (left != 0 || symbol > mostSymbols)
            return false;
        used = (position + 7) / 8;
        Make(counts, log);
        return used <= source.Length;
    }

    private void Make(ReadOnlySpan<short> counts, int log)
    {
        int size = 1 << log;
        int high = size;
        Span<ushort> next = stackalloc ushort[counts.Length];
        for (int s = 0; s < counts.Length; s++)
        {
            next[s] = (ushort)Math.Abs(counts[s]);
            if (counts[s] == -1)
                _symbols[--high] = (byte)s;
        }
        int step = (size >> 1) + (size >> 3) + 3;
        int position = 0;
        for (int s = 0; s < counts.Length; s++)
            for (int i = 0; i < counts[s]; i++)
            {
                _symbols[position] = (byte)s;
                do
                    position = (position + step) & (size - 1);
                while (position >= high);
            }
        for (int i = 0; i < size; i++)
        {
            uint state = next[_symbols[i]]++;
            int bits = log - BitOperations.Log2(state);
            _bits[i] = (byte)bits;
            _bases[i] = (ushort)((state << bits) - (uint)size);
        }
        Log = log;
    }

    /// <summary>Bits from the low ones up, as the description has them; false behind the end.</summary>
    private static bool TryReadForward(ReadOnlySpan<byte> source, int position, int count, out int value)
    {
        value = 0;
        if (position + count > source.Length * 8)
            return false;
        for (int i = 0; i < count; i++)
            value |= (source[(position + i) >> 3] >> ((position + i) & 7) & 1) << i;
        return true;
    }
}
