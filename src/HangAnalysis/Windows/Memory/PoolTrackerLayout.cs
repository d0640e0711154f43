using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Memory;

/// <summary>Where the counters of a tag lie in POOL_TRACKER_TABLE.</summary>
/// <remarks>
/// crash-triage.md 3.2 [S]: the counters have four bytes up to 14393 and eight from 17763 on, and entries of 20348 on are
/// longer; the PDB tells. Where it lacks the type, the shape is the one of those that are known by which the table's own
/// entries begin with tags that can be read.
/// </remarks>
internal sealed class PoolTrackerLayout
{
    private readonly FieldSlot _key, _nonPagedAllocs, _nonPagedFrees, _nonPagedBytes, _pagedAllocs, _pagedFrees, _pagedBytes;

    /// <summary>Known shapes: bytes of an entry, then offsets in the order of the fields, then bytes of a counter and of a sum.</summary>
    private static readonly int[][] s_shapes64 =
        [[0x28, 4, 8, 0x10, 0x18, 0x1c, 0x20, 4, 8], [0x38, 0x10, 0x18, 8, 0x28, 0x30, 0x20, 8, 8],
            [0x50, 0x10, 0x18, 8, 0x28, 0x30, 0x20, 8, 8]];

    private static readonly int[][] s_shapes32 =
        [[0x1c, 4, 8, 0xc, 0x10, 0x14, 0x18, 4, 4], [0x30, 8, 0x10, 4, 0x20, 0x28, 0x18, 8, 4]];

    private PoolTrackerLayout(int[] shape)
    {
        Size = shape[0];
        _key = new FieldSlot(0, sizeof(uint));
        (_nonPagedAllocs, _nonPagedFrees) = (new FieldSlot(shape[1], shape[7]), new FieldSlot(shape[2], shape[7]));
        _nonPagedBytes = new FieldSlot(shape[3], shape[8]);
        (_pagedAllocs, _pagedFrees) = (new FieldSlot(shape[4], shape[7]), new FieldSlot(shape[5], shape[7]));
        _pagedBytes = new FieldSlot(shape[6], shape[8]);
    }

    private PoolTrackerLayout(StructLayout entry)
    {
        Size = entry.Size;
        _key = entry.Optional("Key");
        _nonPagedAllocs = entry.Optional("NonPagedAllocs");
        _nonPagedFrees = entry.Optional("NonPagedFrees");
        _nonPagedBytes = entry.Optional("NonPagedBytes");
        _pagedAllocs = entry.Optional("PagedAllocs");
        _pagedFrees = entry.Optional("PagedFrees");
        _pagedBytes = entry.Optional("PagedBytes");
    }

    /// <summary>The layout by the symbols, or by the entries of a table; null where neither tells.</summary>
    public static PoolTrackerLayout? Find(KernelSession session, ulong table, ulong entries)
    {
        PoolTrackerLayout told = new(session.Types.Get("_POOL_TRACKER_TABLE"));
        if (told.IsKnown)
            return told;
        byte[] bytes = new byte[0x8000];
        int length = Math.Max(0, session.Memory.Read(table, bytes));
        foreach (int[] shape in session.Memory.PointerSize == sizeof(uint) ? s_shapes32 : s_shapes64)
        {
            ReadOnlySpan<byte> own = bytes.AsSpan(0, (int)Math.Min((ulong)length, entries * (ulong)shape[0]));
            if (new PoolTrackerLayout(shape) is var layout && layout.Fits(own))
                return layout;
        }
        return null;
    }

    /// <summary>
    /// Whether entries of this length begin with tags that can be read, and some count allocations: with half the length every
    /// second entry begins right, too, but what would be its count is padding.
    /// </summary>
    private bool Fits(ReadOnlySpan<byte> table)
    {
        const int Fewest = 16;
        int used = 0;
        int readable = 0;
        int counting = 0;
        for (int at = 0; at + Size <= table.Length; at += Size)
        {
            ReadOnlySpan<byte> entry = table.Slice(at, Size);
            ReadOnlySpan<byte> key = entry[..sizeof(uint)];
            if (!key.ContainsAnyExcept((byte)0))
                continue;
            used++;
            readable += key[..3].ContainsAnyExceptInRange((byte)' ', (byte)'~') ? 0 : 1;
            counting += _nonPagedAllocs.IsSet(entry) ? 1 : 0;
        }
        return used >= Fewest && readable >= used * 9 / 10 && counting >= used / 10;
    }

    /// <summary>Bytes of an entry.</summary>
    public int Size { get; }

    private bool IsKnown => _key.IsPresent && _nonPagedAllocs.IsPresent && _nonPagedFrees.IsPresent && _nonPagedBytes.IsPresent
        && _pagedAllocs.IsPresent && _pagedFrees.IsPresent && _pagedBytes.IsPresent
        && FieldSlot.Span(_key, _nonPagedAllocs, _nonPagedFrees, _nonPagedBytes, _pagedAllocs, _pagedFrees, _pagedBytes) <= Size;

    /// <summary>Whether allocations and frees are counted in 32 bits, which run over on a system that is up for long.</summary>
    public bool CountsIn32Bits => _nonPagedAllocs.Size == sizeof(uint);

    /// <summary>The tag of an entry; 0 for a free one.</summary>
    public uint Key(ReadOnlySpan<byte> entry) => (uint)_key.Read(entry);

    /// <summary>Adds an entry's counters, modulo 2^64, to a sum.</summary>
    public void AddTo(PoolTagSum sum, ReadOnlySpan<byte> entry)
    {
        unchecked
        {
            sum.NonPagedAllocs += _nonPagedAllocs.Read(entry);
            sum.NonPagedFrees += _nonPagedFrees.Read(entry);
            sum.NonPagedBytes += Signed(_nonPagedBytes, entry);
            sum.PagedAllocs += _pagedAllocs.Read(entry);
            sum.PagedFrees += _pagedFrees.Read(entry);
            sum.PagedBytes += Signed(_pagedBytes, entry);
        }
    }

    /// <summary>
    /// Brings sums of bytes back to the width of the counters. One processor's counter of 32 bits runs over where another frees
    /// what it allocates; the sum is right modulo 2^32, and no pool of such a system has 2^31 bytes.
    /// </summary>
    public void Reduce(PoolTagSum sum)
    {
        unchecked
        {
            sum.NonPagedBytes = _nonPagedBytes.Size == sizeof(uint) ? (int)sum.NonPagedBytes : sum.NonPagedBytes;
            sum.PagedBytes = _pagedBytes.Size == sizeof(uint) ? (int)sum.PagedBytes : sum.PagedBytes;
        }
    }

    /// <summary>What one processor frees of what another allocated makes its bytes negative: the sum is right.</summary>
    private static long Signed(FieldSlot slot, ReadOnlySpan<byte> entry) =>
        slot.Size == sizeof(uint) ? (int)slot.Read(entry) : (long)slot.Read(entry);
}

/// <summary>Counters of one tag while they are added up.</summary>
internal sealed class PoolTagSum
{
    public ulong NonPagedAllocs, NonPagedFrees, PagedAllocs, PagedFrees;
    public long NonPagedBytes, PagedBytes;
    public int LargeNonPagedCount, LargePagedCount;
    public ulong LargeNonPagedBytes, LargePagedBytes;

    public bool IsEmpty => (NonPagedAllocs | NonPagedFrees | PagedAllocs | PagedFrees) == 0
        && (NonPagedBytes | PagedBytes) == 0 && LargeNonPagedCount + LargePagedCount == 0;
}
