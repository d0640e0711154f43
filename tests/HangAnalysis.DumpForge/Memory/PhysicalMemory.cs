namespace HangAnalysis.DumpForge.Memory;

/// <summary>Physical memory of a forged machine: pages of 4 KB by page frame number, most of them absent.</summary>
/// <param name="firstPfn">Where allocation begins; page 0 is never used by Windows.</param>
/// <param name="seed">Mixes the order of allocation within blocks of 64 pages where it is not 0.</param>
public sealed class PhysicalMemory(ulong firstPfn = 1, ulong seed = 0)
{
    private const ulong Block = 64;

    public const int PageSize = 0x1000;
    private readonly Dictionary<ulong, byte[]> _pages = [];
    private KeyValuePair<ulong, byte[]>[]? _sorted;
    private ulong _next = seed == 0 ? firstPfn : Math.Max(firstPfn, Block);

    /// <summary>Present pages by number, in ascending order.</summary>
    public IReadOnlyCollection<KeyValuePair<ulong, byte[]>> Pages =>
        _sorted ??= [.. _pages.OrderBy(page => page.Key)];

    // Counts changes of entries that were present: what address spaces have remembered is then void.
    internal int Remappings { get; set; }

    /// <summary>Where the next page will be; set it to leave a hole.</summary>
    public ulong NextPfn
    {
        get => _next;
        set => _next = value;
    }

    /// <summary>Makes the next page that is free, filled with zeros.</summary>
    public ulong Allocate()
    {
        while (_pages.ContainsKey(Place(_next)))
            _next++;
        ulong pfn = Place(_next++);
        _pages.Add(pfn, new byte[PageSize]);
        _sorted = null;
        return pfn;
    }

    // An odd factor permutes the numbers of a block.
    private ulong Place(ulong number) => seed == 0
        ? number
        : number & ~(Block - 1) | number * (seed << 1 | 1) + seed & Block - 1;

    /// <summary>Reserves numbers for a large page: its 4 KB pages come to exist when they are written.</summary>
    public ulong Reserve(ulong count)
    {
        ulong first = _next + count - 1 & ~(count - 1);
        _next = first + count;
        return first;
    }

    /// <summary>The page of this number, made where it is absent.</summary>
    public byte[] PageAt(ulong pfn)
    {
        if (!_pages.TryGetValue(pfn, out byte[]? page))
        {
            _pages.Add(pfn, page = new byte[PageSize]);
            _sorted = null;
        }
        return page;
    }

    /// <summary>The page of this number, or null.</summary>
    public byte[]? Find(ulong pfn) => _pages.GetValueOrDefault(pfn);

    /// <summary>Takes a page out, as if the dump did not hold it.</summary>
    public bool Remove(ulong pfn)
    {
        _sorted = null;
        Remappings++;
        return _pages.Remove(pfn);
    }

    /// <summary>Stretches of present pages.</summary>
    public IReadOnlyList<PageRun> Runs()
    {
        List<PageRun> runs = [];
        foreach ((ulong pfn, byte[] _) in Pages)
            if (runs.Count > 0 && runs[^1].First + runs[^1].Count == pfn)
                runs[^1] = runs[^1] with { Count = runs[^1].Count + 1 };
            else
                runs.Add(new PageRun(pfn, 1));
        return runs;
    }
}

/// <summary>A stretch of pages.</summary>
public readonly record struct PageRun(ulong First, ulong Count);
