namespace HangAnalysis.Extension;

/// <summary>Pages of the engine's memory, kept: lists and stacks come back to the same pages thousands of times.</summary>
/// <remarks>
/// A call into the engine costs about a microsecond whether it reads 8 bytes or 4 KB. The cache is direct-mapped, as a
/// processor's; a page that is not wholly there (small dumps hold parts of pages) is not kept, but read anew by those who
/// want a part of it.
/// </remarks>
internal sealed class PageCache(PageCache.Reader reader, int slots)
{
    public const int PageSize = 0x1000;

    /// <summary>Blocks of 256 KB lie among the collector's large objects, which it does not move when it makes room.</summary>
    private const int PagesPerBlock = 64;

    private readonly ulong[] _pages = NewTags(slots);
    private readonly byte[]?[] _blocks = new byte[]?[(slots + PagesPerBlock - 1) / PagesPerBlock];
    private readonly bool[] _isWhole = new bool[slots];

    /// <summary>Copies bytes from an address on; returns how many were there.</summary>
    public delegate int Reader(ulong address, Span<byte> buffer);

    /// <summary>Reads any range; stops at the first byte that is absent.</summary>
    public int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            int inPage = (int)(address & (PageSize - 1));
            int count = Math.Min(PageSize - inPage, buffer.Length - done);
            int slot = FindSlot(address / PageSize);
            if (_isWhole[slot])
                BytesOf(slot).Slice(inPage, count).CopyTo(buffer[done..]);
            else if (reader(address, buffer.Slice(done, count)) is int read && read < count)
                return done + read;
            done += count;
            address += (ulong)count;
            if (address == 0)
                break;
        }
        return done;
    }

    private int FindSlot(ulong page)
    {
        int slot = (int)((page ^ page >> 12) & (ulong)(_pages.Length - 1));
        if (_pages[slot] == page)
            return slot;
        _isWhole[slot] = reader(page * PageSize, BytesOf(slot)) == PageSize;
        _pages[slot] = page;
        return slot;
    }

    private Span<byte> BytesOf(int slot)
    {
        byte[] block = _blocks[slot / PagesPerBlock] ??= GC.AllocateUninitializedArray<byte>(PagesPerBlock * PageSize);
        return block.AsSpan(slot % PagesPerBlock * PageSize, PageSize);
    }

    private static ulong[] NewTags(int slots)
    {
        ulong[] tags = new ulong[slots];
        Array.Fill(tags, ulong.MaxValue);
        return tags;
    }
}
