using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>
/// Unwind data of the kernel or of one module (ORC): for each range of addresses how to find the caller. The tables are
/// read when the first address is looked up and stay as they are in memory.
/// </summary>
/// <remarks>
/// Documentation/arch/x86/orc-unwinder.rst: a sorted table of 32-bit distances, each from its own place to the first
/// address of a range, beside a table of entries in the same order.
/// </remarks>
internal sealed class OrcTable(IMemory memory, OrcFormat format, ulong distances, ulong entries, uint count)
{
    // The last entry of a table ends it; it reaches no further than the function that it begins.
    private const ulong LastReach = 0x10000;

    private byte[]? _distances;
    private byte[] _entries = [];
    private int _readable;

    /// <summary>Entries that the kernel says there are.</summary>
    public uint Count => count;

    /// <summary>Entries that are in the dump.</summary>
    public int ReadableCount
    {
        get
        {
            Load();
            return _readable;
        }
    }

    /// <summary>The entry for an address; false where it lies outside of the table.</summary>
    public bool TryFind(ulong address, out OrcEntry entry)
    {
        entry = default;
        byte[] table = Load();
        int low = 0;
        int high = _readable;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (AddressAt(table, middle) <= address)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == 0 || (low == _readable && address - AddressAt(table, low - 1) > (_readable == count ? LastReach : 0)))
            return false;
        entry = format.Decode(_entries.AsSpan((low - 1) * OrcFormat.EntrySize, OrcFormat.EntrySize));
        return true;
    }

    private ulong AddressAt(ReadOnlySpan<byte> table, int index) =>
        unchecked(distances + (ulong)index * 4 + (ulong)(int)table.UInt32(index * 4));

    private byte[] Load()
    {
        if (_distances is null)
        {
            uint bounded = Math.Min(count, SymbolLimits.OrcEntries);
            _distances = memory.ReadTable(distances, bounded * 4UL, SymbolLimits.OrcEntries * 4);
            _entries = memory.ReadTable(
                entries, bounded * (ulong)OrcFormat.EntrySize, SymbolLimits.OrcEntries * OrcFormat.EntrySize);
            _readable = Math.Min(_distances.Length / 4, _entries.Length / OrcFormat.EntrySize);
        }
        return _distances;
    }
}
