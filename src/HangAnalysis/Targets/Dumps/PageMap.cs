using System.Buffers.Binary;
using System.Numerics;

namespace HangAnalysis.Targets.Dumps;

/// <summary>Says where in the file a physical page lies.</summary>
internal abstract class PageMap
{
    /// <summary>Size of a page, in bytes, on every architecture that Windows runs on today.</summary>
    public const int PageSize = 0x1000;

    /// <summary>Pages that the dump says it holds.</summary>
    public ulong PageCount { get; protected set; }

    /// <summary>One more than the highest page number that can be present.</summary>
    public ulong EndPage { get; protected set; }

    /// <summary>File offset of the last page's end, if the file is whole.</summary>
    public ulong EndOffset { get; protected set; }

    /// <summary>File offset of a page by its number; false where the dump does not hold it.</summary>
    public abstract bool TryGetOffset(ulong page, out long offset);
}

/// <summary>Full and range dumps: runs of pages that follow each other in the file.</summary>
internal sealed class RunPageMap : PageMap
{
    private readonly ulong[] _firstPage;
    private readonly ulong[] _pageCount;
    private readonly long[] _offset;

    /// <summary>Takes the runs in file order; runs that cannot be (counts of 2^63) are left out and told.</summary>
    public RunPageMap(IReadOnlyList<PageRun> runs, long firstPageOffset, long fileLength, List<string> damage)
    {
        // No file can hold more pages than this, so a sum that passes it ends the list: it also keeps sums from wrapping.
        ulong possible = ulong.MaxValue >> 13;
        List<(PageRun Run, long Offset)> kept = [];
        ulong total = 0;
        for (int i = 0; i < runs.Count; i++)
        {
            PageRun run = runs[i];
            if (run.PageCount > possible || run.FirstPage > possible || total + run.PageCount > possible)
            {
                damage.Add($"physical memory run {i} cannot be: 0x{run.PageCount:x} pages from page 0x{run.FirstPage:x}");
                break;
            }
            long offset = firstPageOffset + (long)(total * PageSize);
            if (run.PageCount != 0 && offset < fileLength)
                kept.Add((run, offset));
            total += run.PageCount;
        }
        kept.Sort((a, b) => a.Run.FirstPage.CompareTo(b.Run.FirstPage));
        _firstPage = kept.ConvertAll(k => k.Run.FirstPage).ToArray();
        _pageCount = kept.ConvertAll(k => k.Run.PageCount).ToArray();
        _offset = kept.ConvertAll(k => k.Offset).ToArray();
        PageCount = total;
        EndOffset = (ulong)firstPageOffset + total * PageSize;
        foreach ((PageRun run, _) in kept)
            EndPage = Math.Max(EndPage, run.FirstPage + run.PageCount);
    }

    /// <inheritdoc/>
    public override bool TryGetOffset(ulong page, out long offset)
    {
        int index = Array.BinarySearch(_firstPage, page);
        if (index < 0)
            index = ~index - 1;
        if (index < 0 || page - _firstPage[index] >= _pageCount[index])
        {
            offset = 0;
            return false;
        }
        offset = _offset[index] + (long)((page - _firstPage[index]) * PageSize);
        return true;
    }
}

/// <summary>Bitmap dumps: one bit for each physical page; present pages follow in ascending order.</summary>
/// <remarks>
/// The place of a page is the number of bits set before its own. Those are counted once per 512 bits when the dump is
/// opened, so that a look-up counts at most 512 bits: 16 MB of counts for a machine with 1 TB, instead of 2 GB of offsets.
/// </remarks>
internal sealed class BitmapPageMap : PageMap
{
    private const int BlockBytes = 64;

    private readonly DumpFile _file;
    private readonly long _bitmapOffset;
    private readonly long _firstPageOffset;
    private readonly ulong[] _setBefore;

    /// <summary>Reads the bitmap at <paramref name="bitmapOffset"/> of <paramref name="bits"/> bits.</summary>
    public BitmapPageMap(DumpFile file, long bitmapOffset, ulong bits, long firstPageOffset, List<string> damage)
    {
        _file = file;
        _bitmapOffset = bitmapOffset;
        _firstPageOffset = firstPageOffset;
        ulong room = (ulong)Math.Max(0, file.Length - bitmapOffset) * 8;
        if (bits > room)
        {
            damage.Add($"the page bitmap says 0x{bits:x} pages, the file has room for 0x{room:x}");
            bits = room;
        }
        EndPage = bits;
        int blocks = (int)((bits + BlockBytes * 8 - 1) / (BlockBytes * 8));
        _setBefore = new ulong[blocks];
        ulong set = 0;
        Span<byte> bytes = stackalloc byte[BlockBytes];
        for (int i = 0; i < blocks; i++)
        {
            _setBefore[i] = set;
            set += CountBits(bytes[..file.Read(bitmapOffset + (long)i * BlockBytes, bytes)], BlockBytes * 8);
        }
        PageCount = set;
        EndOffset = (ulong)firstPageOffset + set * PageSize;
    }

    /// <inheritdoc/>
    public override bool TryGetOffset(ulong page, out long offset)
    {
        offset = 0;
        if (page >= EndPage)
            return false;
        int block = (int)(page / (BlockBytes * 8));
        int bit = (int)(page % (BlockBytes * 8));
        Span<byte> bytes = stackalloc byte[BlockBytes];
        bytes = bytes[.._file.Read(_bitmapOffset + (long)block * BlockBytes, bytes)];
        if (bit / 8 >= bytes.Length || (bytes[bit / 8] >> (bit % 8) & 1) == 0)
            return false;
        offset = _firstPageOffset + (long)((_setBefore[block] + CountBits(bytes, bit)) * PageSize);
        return true;
    }

    private static uint CountBits(ReadOnlySpan<byte> bytes, int bits)
    {
        uint count = 0;
        while (bits >= 64 && bytes.Length >= 8)
        {
            count += (uint)BitOperations.PopCount(BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
            bits -= 64;
        }
        for (; bits > 0 && !bytes.IsEmpty; bits -= 8, bytes = bytes[1..])
            count += (uint)BitOperations.PopCount((uint)bytes[0] & (bits >= 8 ? 0xffu : (1u << bits) - 1));
        return count;
    }
}
