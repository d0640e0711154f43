using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using HangAnalysis.Targets.Symbols;

namespace HangAnalysis.Linux.Symbols;

/// <summary>
/// The kernel's compressed names. They stay compressed: a name is unpacked when somebody asks for it.
/// </summary>
/// <remarks>
/// scripts/kallsyms.c: a name is its length and as many indexes of tokens; the first character that they make is the
/// symbol's type. Since 6.1 a length above 127 takes two bytes, the low seven bits first.
/// </remarks>
// AggressiveOptimization: these loops run once, over all names, at opening. The JIT would optimise them when they are done;
// an eighth of the time that a kernel's symbols take goes by so.
internal sealed class KallsymsNames
{
    private readonly byte[] _names;
    private readonly byte[] _tokenTable;
    private readonly ushort[] _tokens;
    private readonly int[] _records;
    private NameIndex? _index;

    private KallsymsNames(byte[] names, byte[] tokenTable, ushort[] tokens, int[] records)
    {
        _names = names;
        _tokenTable = tokenTable;
        _tokens = tokens;
        _records = records;
    }

    /// <summary>Number of names: fewer than the kernel has where a length is absurd or its bytes are absent.</summary>
    public int Count => _records.Length;

    /// <summary>Finds where each name begins.</summary>
    /// <param name="names">Bytes from kallsyms_names on, or more.</param>
    /// <param name="tokenTable">Bytes from kallsyms_token_table on, or more.</param>
    /// <param name="tokenIndex">512 bytes: where each token begins.</param>
    /// <param name="count">How many names the kernel says there are.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static KallsymsNames Parse(byte[] names, byte[] tokenTable, ReadOnlySpan<byte> tokenIndex, int count)
    {
        ushort[] tokens = new ushort[256];
        for (int i = 0; i < tokens.Length && i * 2 + 1 < tokenIndex.Length; i++)
            tokens[i] = BinaryPrimitives.ReadUInt16LittleEndian(tokenIndex[(i * 2)..]);
        // Each name takes two bytes at least, so an absurd count allocates no more than the names that are there.
        int[] records = new int[Math.Min(count, names.Length / 2)];
        int position = 0;
        int found = 0;
        while (found < records.Length && TryGetRecord(names, position, out int start, out int length))
        {
            records[found++] = position;
            position = start + length;
        }
        if (found < records.Length)
            Array.Resize(ref records, found);
        return new KallsymsNames(names, tokenTable, tokens, records);
    }

    /// <summary>Unpacks one name with its type before it; returns how many bytes it has.</summary>
    /// <param name="index">Index of the name.</param>
    /// <param name="text">At least <see cref="SymbolLimits.Name"/> bytes; longer names are cut.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Expand(int index, Span<byte> text)
    {
        if (!TryGetRecord(_names, _records[index], out int start, out int length))
            return 0;
        int written = 0;
        foreach (byte token in _names.AsSpan(start, length))
        {
            for (int i = _tokens[token]; i < _tokenTable.Length && _tokenTable[i] != 0; i++)
            {
                if (written == text.Length)
                    return written;
                text[written++] = _tokenTable[i];
            }
        }
        return written;
    }

    /// <summary>The letter of a symbol's type, without unpacking its name.</summary>
    public char TypeOf(int index)
    {
        if (!TryGetRecord(_names, _records[index], out int start, out _))
            return '?';
        int first = _tokens[_names[start]];
        return first < _tokenTable.Length ? (char)_tokenTable[first] : '?';
    }

    /// <summary>The name without its type.</summary>
    public string NameOf(int index)
    {
        Span<byte> text = stackalloc byte[SymbolLimits.Name];
        int length = Expand(index, text);
        return length == 0 ? "" : System.Text.Encoding.UTF8.GetString(text[1..length]);
    }

    /// <summary>The first symbol of a name, or -1. The first call hashes all names; none becomes a string.</summary>
    public int Find(string name)
    {
        _index ??= BuildIndex();
        Span<byte> wanted = stackalloc byte[SymbolLimits.Name];
        if (!System.Text.Encoding.UTF8.TryGetBytes(name, wanted, out int wantedLength))
            return -1;
        Span<byte> text = stackalloc byte[SymbolLimits.Name];
        foreach (uint index in _index.Find(NameIndex.Hash(wanted[..wantedLength])))
        {
            int length = Expand((int)index, text);
            if (length > 0 && text[1..length].SequenceEqual(wanted[..wantedLength]))
                return (int)index;
        }
        return -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private NameIndex BuildIndex()
    {
        NameIndex.Builder builder = new();
        Span<byte> text = stackalloc byte[SymbolLimits.Name];
        for (int i = 0; i < _records.Length; i++)
        {
            int length = Expand(i, text);
            if (length > 0)
                builder.Add(NameIndex.Hash(text[1..length]), (uint)i);
        }
        return builder.Build();
    }

    /// <summary>Where the tokens of the name at a position are, and how many; false where no name can be.</summary>
    internal static bool TryGetRecord(ReadOnlySpan<byte> names, int position, out int start, out int length)
    {
        start = position + 1;
        length = 0;
        if (position >= names.Length)
            return false;
        length = names[position];
        if ((length & 0x80) != 0)
        {
            if (start >= names.Length)
                return false;
            length = (length & 0x7f) | names[start++] << 7;
        }
        return length is > 0 and <= SymbolLimits.CompressedName && length <= names.Length - start;
    }
}
