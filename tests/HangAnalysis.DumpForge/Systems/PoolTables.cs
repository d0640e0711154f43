namespace HangAnalysis.DumpForge.Systems;

/// <summary>What pool counts by tag: tables of trackers for each processor, an expansion, and the large blocks.</summary>
/// <remarks>
/// Only systems that ask for it have its variables, so that those of others stay where they are. Before Vista there is one
/// table for all processors, and large blocks are counted in pages, of which the address tells whether they are paged.
/// </remarks>
public sealed class PoolTables
{
    private const string EntryType = "_POOL_TRACKER_TABLE", LargeType = "_POOL_TRACKER_BIG_PAGES";
    private const int ExpansionTable = -1, Vista = 6000;
    // Where XP and 2003 have paged pool (MmPagedPoolStart in public listings), with the room that they give it at most.
    private const ulong PagedPoolStart = 0xe1000000, PagedPoolEnd = 0xf0bfffff;
    private readonly SystemBuilder _system;
    private readonly List<(string Tag, int Table, bool Paged, ulong Allocs, ulong Frees, long Bytes)> _counts = [];
    private readonly List<(string Tag, bool Paged, ulong Address, ulong Bytes)> _large = [];

    internal PoolTables(SystemBuilder system)
    {
        _system = system;
        foreach (string name in (string[])["PoolTrackTable", "PoolTrackTableSize", "PoolTrackTableExpansion", "PoolTrackTableExpansionSize"])
            system.Nt.Variable(name, 8);
        if (HasProcessorTables)
            // The next variable begins behind it: that is all that tells how long the array is.
            system.Nt.Variable("ExPoolTagTables", system.Layout.PointerSize * MostProcessors(system.Layout));
        else
        {
            system.Nt.Variable("MmPagedPoolStart", 8);
            system.Nt.Variable("MmPagedPoolEnd", 8);
        }
        system.Nt.Variable("PoolBigPageTable", 8);
        system.Nt.Variable("PoolBigPageTableSize", 8);
    }

    /// <summary>Places of each table.</summary>
    public int Size { get; set; } = 0x201;

    /// <summary>Whether the first processor's table is PoolTrackTable itself.</summary>
    public bool SharesFirstTable { get; set; } = true;

    /// <summary>Whether each processor counts in a table of its own.</summary>
    public bool HasProcessorTables => _system.Layout.Build >= Vista;

    /// <summary>Address of PoolTrackTable's entries, once written.</summary>
    public ulong GlobalTable { get; private set; }

    /// <summary>The number that code has for a tag.</summary>
    public static uint Number(string tag)
    {
        uint number = 0;
        for (int i = 0; i < 4; i++)
            number |= (uint)tag[i] << 8 * i;
        return number;
    }

    /// <summary>Counts of one tag on one processor; frees of what others allocated make the bytes negative.</summary>
    public PoolTables Count(string tag, ulong allocs, ulong frees, long bytes, bool paged = false, int processor = 0)
    {
        _counts.Add((tag, processor, paged, allocs, frees, bytes));
        return this;
    }

    /// <summary>Counts of a tag that the tables had no room for.</summary>
    public PoolTables CountInExpansion(string tag, ulong allocs, ulong frees, long bytes, bool paged = false) =>
        Count(tag, allocs, frees, bytes, paged, ExpansionTable);

    /// <summary>A block with whole pages of its own.</summary>
    public PoolTables Large(string tag, ulong address, ulong bytes, bool paged = false)
    {
        _large.Add((tag, paged, address, bytes));
        return this;
    }

    internal void Write()
    {
        Memory.AddressSpace kernel = _system.Kernel;
        KernelVariables variables = _system.Variables;
        int entrySize = _system.Layout.Size(EntryType), processors = _system.Options.Processors;
        Dictionary<string, int> places = Places();
        ulong[] tables = [.. Enumerable.Range(0, HasProcessorTables ? processors : 1).Select(_ => NewTable(entrySize * Size))];
        GlobalTable = SharesFirstTable || !HasProcessorTables ? tables[0] : NewTable(entrySize * Size);
        ulong expansion = NewTable(entrySize * 8);
        kernel.WritePointer(variables["PoolTrackTable"], GlobalTable);
        kernel.WritePointer(variables["PoolTrackTableSize"], (ulong)Size);
        kernel.WritePointer(variables["PoolTrackTableExpansion"], expansion);
        kernel.WritePointer(variables["PoolTrackTableExpansionSize"], 8);
        if (HasProcessorTables)
            for (int i = 0; i < processors; i++)
                kernel.WritePointer(variables["ExPoolTagTables"] + (ulong)(kernel.PointerSize * i), tables[i]);
        else
        {
            kernel.WritePointer(variables["MmPagedPoolStart"], PagedPoolStart);
            kernel.WritePointer(variables["MmPagedPoolEnd"], PagedPoolEnd);
        }
        int expanded = 0;
        Dictionary<string, int> expansionPlaces = new(StringComparer.Ordinal);
        foreach ((string tag, int table, bool paged, ulong allocs, ulong frees, long bytes) in _counts)
        {
            if (table == ExpansionTable && !expansionPlaces.ContainsKey(tag))
                expansionPlaces.Add(tag, expanded++);
            ulong at = table == ExpansionTable ? expansion + (ulong)(entrySize * expansionPlaces[tag])
                : tables[HasProcessorTables ? table : 0] + (ulong)(entrySize * places[tag]);
            string kind = paged ? "Paged" : "NonPaged";
            // Counters of 32 bits run over, as the system's do. Where all processors share a table, they are added up in it.
            KernelStruct entry = _system.Struct(EntryType, at).Set("Key", Number(tag));
            entry.Set($"{kind}Allocs", entry.Get($"{kind}Allocs") + allocs).Set($"{kind}Frees", entry.Get($"{kind}Frees") + frees)
                .Set($"{kind}Bytes", entry.Get($"{kind}Bytes") + (ulong)bytes);
        }
        WriteLarge(kernel, variables);
    }

    private void WriteLarge(Memory.AddressSpace kernel, KernelVariables variables)
    {
        int size = _system.Layout.Size(LargeType), entries = Math.Max(0x100, 2 * _large.Count);
        ulong table = NewTable(size * entries);
        kernel.WritePointer(variables["PoolBigPageTable"], table);
        kernel.WritePointer(variables["PoolBigPageTableSize"], (ulong)entries);
        bool countsPages = !_system.Layout.Has(LargeType, "NumberOfBytes");
        KernelStruct sized(KernelStruct entry, ulong bytes) =>
            countsPages ? entry.Set("NumberOfPages", bytes >> 12) : entry.Set("NumberOfBytes", bytes);
        for (int i = 0; i < entries; i++)
        {
            KernelStruct entry = _system.Struct(LargeType, table + (ulong)(size * i));
            // Every second place is free: the lowest bit says so, and the rest is what was there before.
            if (i % 2 == 1 || i / 2 >= _large.Count)
                sized(entry.Set("Va", i % 2 == 1 ? _system.Layout.PointerSize == 4 ? 0x8a345001u : 0xffffab0712345001u : 1ul)
                    .Set("Key", Number("Gone")), 0x777000);
            else
            {
                (string tag, bool paged, ulong address, ulong bytes) = _large[i / 2];
                sized(entry.Set("Va", address).Set("Key", Number(tag)).TrySet("PoolType", paged ? 1ul : 0x200)
                    .TrySet("Pattern", 0x5a), bytes);
            }
        }
    }

    // A tag has the same place in every processor's table.
    private Dictionary<string, int> Places()
    {
        Dictionary<string, int> places = new(StringComparer.Ordinal);
        HashSet<int> taken = [];
        foreach ((string tag, int table, _, _, _, _) in _counts)
        {
            if (table == ExpansionTable || places.ContainsKey(tag))
                continue;
            int place = (int)(ForgedModule.Hash(tag) % (ulong)(Size - 1));
            while (!taken.Add(place))
                place = (place + 1) % (Size - 1);
            places.Add(tag, place);
        }
        return places;
    }

    private ulong NewTable(int size)
    {
        ulong at = _system.Pool.Take(size, 0x1000);
        _system.Kernel.Write(at, new byte[size]);
        return at;
    }

    // The array's length in the kernels of these builds, by the distance to the next symbol; x86 has no more than 32 processors.
    private static int MostProcessors(Layouts.KernelLayout layout) => layout.PointerSize == 4 ? 32 : MostProcessors(layout.Build);

    private static int MostProcessors(int build) => build < 9200 ? 256 : build < 17763 ? 640 : build < 20348 ? 1280 : 2048;
}
