namespace HangAnalysis.Targets.Vmcores;

/// <summary>A range of addresses whose bytes lie together in a file.</summary>
/// <param name="Start">First address.</param>
/// <param name="Size">Number of bytes.</param>
/// <param name="Position">Offset of the first byte in the file.</param>
internal readonly record struct Extent(long Start, long Size, long Position)
{
    /// <summary>First address behind the range.</summary>
    public long End => Start + Size;
}

/// <summary>Ranges found by address. Where some overlap, the one that was named last holds.</summary>
internal sealed class ExtentMap
{
    private readonly List<Extent> _extents;
    private int _latest;

    /// <summary>
    /// Makes the map of ranges in the order in which they were named; none may reach beyond <see cref="long.MaxValue"/>.
    /// </summary>
    public ExtentMap(List<Extent> named)
    {
        int[] order = new int[named.Count];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        // Files are written from front to back: most come sorted.
        Comparison<int> byStart = (a, b) => named[a].Start != named[b].Start
            ? named[a].Start.CompareTo(named[b].Start)
            : a.CompareTo(b);
        if (!IsSorted(named))
            Array.Sort(order, byStart);
        _extents = Separate(named, order);
    }

    /// <summary>First address behind all ranges; 0 where there is none.</summary>
    public long End => _extents.Count == 0 ? 0 : _extents[^1].End;

    /// <summary>
    /// The range that holds an address; otherwise one of size 0 whose start is where the next range begins, or
    /// <see cref="long.MaxValue"/>.
    /// </summary>
    public Extent Find(long address)
    {
        if (_latest < _extents.Count && address >= _extents[_latest].Start && address < _extents[_latest].End)
            return _extents[_latest];
        int low = 0;
        int high = _extents.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_extents[middle].End > address)
                high = middle;
            else
                low = middle + 1;
        }
        if (low == _extents.Count)
            return new Extent(long.MaxValue, 0, 0);
        if (_extents[low].Start > address)
            return new Extent(_extents[low].Start, 0, 0);
        _latest = low;
        return _extents[low];
    }

    private static bool IsSorted(List<Extent> extents)
    {
        for (int i = 1; i < extents.Count; i++)
            if (extents[i].Start < extents[i - 1].Start)
                return false;
        return true;
    }

    /// <summary>Cuts ranges that overlap: from left to right, the active one that was named last holds.</summary>
    private static List<Extent> Separate(List<Extent> named, int[] order)
    {
        List<Extent> separate = new(named.Count);
        PriorityQueue<int, int> active = new();
        int next = 0;
        long position = 0;
        while (next < order.Length || active.Count > 0)
        {
            while (active.Count > 0 && named[active.Peek()].End <= position)
                active.Dequeue();
            if (active.Count == 0)
            {
                if (next == order.Length)
                    break;
                position = Math.Max(position, named[order[next]].Start);
            }
            while (next < order.Length && named[order[next]].Start <= position)
            {
                active.Enqueue(order[next], -order[next]);
                next++;
            }
            while (active.Count > 0 && named[active.Peek()].End <= position)
                active.Dequeue();
            if (active.Count == 0)
                continue;
            int holder = active.Peek();
            Extent extent = named[holder];
            // Up to its end, or to where one begins that was named later.
            long end = extent.End;
            for (int i = next; i < order.Length && named[order[i]].Start < end; i++)
                if (order[i] > holder)
                {
                    end = named[order[i]].Start;
                    break;
                }
            separate.Add(new Extent(position, end - position, extent.Position + (position - extent.Start)));
            position = end;
        }
        return separate;
    }
}
