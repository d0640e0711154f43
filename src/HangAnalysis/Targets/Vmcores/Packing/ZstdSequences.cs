namespace HangAnalysis.Targets.Vmcores.Packing;

/// <summary>
/// The sequences of Zstandard's blocks (RFC 8878, 3.1.1.3.2 and 3.1.1.4): so many literals, then a match so far back.
/// </summary>
internal sealed class ZstdSequences
{
    private const int MostLengthLog = 9;
    private const int MostOffsetLog = 8;
    private const int LiteralCodes = 36;
    private const int MatchCodes = 53;
    private const int OffsetCodes = 32;

    /// <summary>No page has more than 64 KB, so that no match goes farther back.</summary>
    private const int LargestOffsetCode = 17;

    private static readonly int[] s_literalBases =
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024,
        2048, 4096, 8192, 16384, 32768, 65536,
    ];

    private static readonly byte[] s_literalBits =
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ];

    private static readonly int[] s_matchBases =
    [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33,
        34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539,
    ];

    private static readonly byte[] s_matchBits =
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ];

    private static readonly FseTable s_literalTable = FseTable.FromCounts(
    [
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
    ], 6);

    private static readonly FseTable s_matchTable = FseTable.FromCounts(
    [
        1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ], 6);

    private static readonly FseTable s_offsetTable = FseTable.FromCounts(
    [
        1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
    ], 5);

    private readonly FseTable _ownLiterals = new();
    private readonly FseTable _ownOffsets = new();
    private readonly FseTable _ownMatches = new();
    private FseTable? _literals;
    private FseTable? _offsets;
    private FseTable? _matches;

    /// <summary>The three latest distances.</summary>
    private int _first;
    private int _second;
    private int _third;

    /// <summary>Begins a frame.</summary>
    public void Reset()
    {
        (_literals, _offsets, _matches) = (null, null, null);
        (_first, _second, _third) = (1, 4, 8);
    }

    /// <summary>Reads the sequences of a block and writes what they make of its literals.</summary>
    public bool TryApply(ReadOnlySpan<byte> source, ReadOnlySpan<byte> literals, Span<byte> target, ref int done)
    {
        if (!TryReadCount(source, out int position, out int count))
            return false;
        if (count > 0)
        {
            if (position >= source.Length)
                return false;
            int modes = source[position++];
            if ((modes & 3) != 0
                || !TryChoose(source, ref position, modes >> 6, s_literalTable, _ownLiterals, ref _literals, MostLengthLog,
                    LiteralCodes)
                || !TryChoose(source, ref position, modes >> 4 & 3, s_offsetTable, _ownOffsets, ref _offsets, MostOffsetLog,
                    OffsetCodes)
                || !TryChoose(source, ref position, modes >> 2 & 3, s_matchTable, _ownMatches, ref _matches, MostLengthLog,
                    MatchCodes)
                || !TryRun(source[position..], count, ref literals, target, ref done))
                return false;
        }
        else if (position != source.Length)
            return false;
        return TryCopyLiterals(ref literals, literals.Length, target, ref done);
    }

    private bool TryRun(
        ReadOnlySpan<byte> source, int count, ref ReadOnlySpan<byte> literals, Span<byte> target, ref int done)
    {
        BackwardBits bits = new(source);
        if (!bits.IsSound || _literals is not { } literalTable || _offsets is not { } offsetTable
            || _matches is not { } matchTable)
            return false;
        uint literal = literalTable.Begin(ref bits);
        uint offset = offsetTable.Begin(ref bits);
        uint match = matchTable.Begin(ref bits);
        for (int i = 0; i < count && bits.Left >= 0; i++)
        {
            int offsetCode = offsetTable.Symbol(offset);
            int literalCode = literalTable.Symbol(literal);
            int matchCode = matchTable.Symbol(match);
            if (offsetCode > LargestOffsetCode || literalCode >= LiteralCodes || matchCode >= MatchCodes)
                return false;
            int value = (1 << offsetCode) + (int)bits.Read(offsetCode);
            int matchLength = s_matchBases[matchCode] + (int)bits.Read(s_matchBits[matchCode]);
            int literalLength = s_literalBases[literalCode] + (int)bits.Read(s_literalBits[literalCode]);
            if (i < count - 1)
            {
                literal = literalTable.Next(literal, ref bits);
                match = matchTable.Next(match, ref bits);
                offset = offsetTable.Next(offset, ref bits);
            }
            if (!TryCopyLiterals(ref literals, literalLength, target, ref done)
                || !PageCopy.TryCopyMatch(target, ref done, Distance(value, literalLength), matchLength))
                return false;
        }
        return bits.Left == 0;
    }

    /// <summary>Values up to 3 name one of the latest distances, the next one where there are no literals before.</summary>
    private int Distance(int value, int literalLength)
    {
        if (value > 3)
        {
            (_first, _second, _third) = (value - 3, _first, _second);
            return _first;
        }
        int index = value - (literalLength == 0 ? 0 : 1);
        switch (index)
        {
            case 0:
                break;
            case 1:
                (_first, _second) = (_second, _first);
                break;
            case 2:
                (_first, _second, _third) = (_third, _first, _second);
                break;
            default:
                (_first, _second, _third) = (_first - 1, _first, _second);
                break;
        }
        return _first;
    }

    private static bool TryCopyLiterals(ref ReadOnlySpan<byte> literals, int count, Span<byte> target, ref int done)
    {
        if (count > literals.Length || count > target.Length - done)
            return false;
        literals[..count].CopyTo(target[done..]);
        literals = literals[count..];
        done += count;
        return true;
    }

    /// <summary>
    /// The table for one of the three codes: the predefined one, a single symbol, one of its own, or the last.
    /// </summary>
    private static bool TryChoose(ReadOnlySpan<byte> source, ref int position, int mode, FseTable predefined, FseTable own,
        ref FseTable? chosen, int mostLog, int codes)
    {
        switch (mode)
        {
            case 0:
                chosen = predefined;
                return true;
            case 1:
                if (position >= source.Length)
                    return false;
                own.MakeSingle(source[position++]);
                chosen = own;
                return true;
            case 2:
                if (!own.TryRead(source[position..], mostLog, codes, out int used))
                    return false;
                position += used;
                chosen = own;
                return true;
            default:
                return chosen is not null;
        }
    }

    private static bool TryReadCount(ReadOnlySpan<byte> source, out int position, out int count)
    {
        count = source.IsEmpty ? -1 : source[0];
        position = count switch { < 128 => 1, < 255 => 2, _ => 3 };
        if (count < 0 || position > source.Length)
            return false;
        if (position == 2)
            count = ((count - 128) << 8) + source[1];
        else if (position == 3)
            count = source[1] + (source[2] << 8) + 0x7f00;
        return true;
    }
}
