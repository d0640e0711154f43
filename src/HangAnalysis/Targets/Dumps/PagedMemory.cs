namespace HangAnalysis.Targets.Dumps;

/// <summary>One address space of a dump that holds pages.</summary>
/// <remarks>
/// A walk of four page tables costs four look-ups in the page map; the sweeps over threads and lists touch the same few
/// hundred pages again and again. A direct-mapped cache of translations (as a processor has) makes a repeated read one
/// comparison. It keeps absent pages too. Not safe for several threads at a time: each makes its own.
/// </remarks>
internal sealed class PagedMemory : IMemory
{
    private const long Absent = -1;

    private readonly IPhysicalPages _physical;
    private readonly PageTables _tables;
    private readonly ulong _addressMask;
    private readonly ulong[] _tags;
    private readonly long[] _offsets;

    /// <summary>Makes the address space.</summary>
    /// <param name="physical">The dump's pages.</param>
    /// <param name="tables">The page tables to translate by.</param>
    /// <param name="cacheEntries">Translations to keep; a power of two.</param>
    /// <param name="is32Bit">Whether addresses have 32 bits; their sign extension is then ignored, as debuggers do.</param>
    public PagedMemory(IPhysicalPages physical, PageTables tables, int cacheEntries, bool is32Bit = false)
    {
        _physical = physical;
        _tables = tables;
        _addressMask = is32Bit ? uint.MaxValue : ulong.MaxValue;
        _tags = new ulong[cacheEntries];
        _tags.AsSpan().Fill(ulong.MaxValue);
        _offsets = new long[cacheEntries];
    }

    /// <inheritdoc/>
    public int PointerSize => _addressMask == uint.MaxValue ? sizeof(uint) : sizeof(ulong);

    /// <inheritdoc/>
    public int Read(ulong address, Span<byte> buffer)
    {
        address &= _addressMask;
        int done = 0;
        while (done < buffer.Length)
        {
            int inPage = (int)(address & (PageMap.PageSize - 1));
            int count = Math.Min(PageMap.PageSize - inPage, buffer.Length - done);
            long offset = FindPage(address / PageMap.PageSize);
            if (offset == Absent)
                break;
            int read = _physical.ReadAtOffset(offset + inPage, buffer.Slice(done, count));
            done += read;
            address += (ulong)count;
            if (read < count || address == 0)
                break;
        }
        return done;
    }

    private long FindPage(ulong virtualPage)
    {
        int slot = (int)((virtualPage ^ virtualPage >> 12) & (ulong)(_tags.Length - 1));
        if (_tags[slot] == virtualPage)
            return _offsets[slot];
        long offset = Absent;
        if (_tables.TryTranslate(virtualPage * PageMap.PageSize, out ulong physicalAddress)
            && _physical.TryGetOffset(physicalAddress / PageMap.PageSize, out long found))
            offset = found;
        _tags[slot] = virtualPage;
        _offsets[slot] = offset;
        return offset;
    }
}
