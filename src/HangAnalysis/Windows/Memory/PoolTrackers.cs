using System.Runtime.InteropServices;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Memory;

/// <summary>Reads what the pool counts by tag: the trackers' tables of all processors, their expansion, and the large blocks.</summary>
/// <remarks>
/// crash-triage.md 3.1 to 3.3 [S]. Since Vista each processor counts in a table of its own, ExPoolTagTables, whose first may
/// be PoolTrackTable itself; XP and 2003 have PoolTrackTable alone. Entries of one tag stand at the same place in all of
/// them, and hold their tag, by which they are added up. A tag that the tables have no room for is in the expansion.
/// </remarks>
internal sealed class PoolTrackers
{
    private const ulong PageSize = 0x1000;
    private const int BytesAtOnce = 1 << 20;

    private readonly KernelSession _session;
    private readonly PoolTrackerLayout _layout;
    private readonly Dictionary<uint, PoolTagSum> _sums = [];
    private readonly List<string> _problems = [];

    private PoolTrackers(KernelSession session, PoolTrackerLayout layout) => (_session, _layout) = (session, layout);

    /// <summary>Reads all of it; what cannot be read is told in <see cref="PoolFacts.Problems"/>.</summary>
    public static PoolFacts Read(KernelSession session)
    {
        if (session.Symbols is null || !session.TryGetAddress("PoolTrackTable", out _))
            return Nothing("the kernel's symbols are not there, or do not name PoolTrackTable");
        if (!session.TryReadPointerVariable("PoolTrackTable", out ulong global)
            || !session.TryReadPointerVariable("PoolTrackTableSize", out ulong size))
            return Nothing("the variables PoolTrackTable and PoolTrackTableSize are not in the dump");
        if (size is 0 or > Limits.PoolTags)
            return Nothing($"PoolTrackTableSize says {size:N0} entries; at most {Limits.PoolTags:N0} are believed");
        return PoolTrackerLayout.Find(session, global, size) is { } layout
            ? new PoolTrackers(session, layout).Read(global, size)
            : Nothing("the kernel's symbols do not have _POOL_TRACKER_TABLE, and its entries have no shape that is known");
    }

    private PoolFacts Read(ulong global, ulong size)
    {
        HashSet<ulong> read = [];
        int processors = ReadProcessorTables(size, read);
        if (global != 0 && read.Add(global))
            AddTable(global, size, "PoolTrackTable");
        if (_session.TryReadPointerVariable("PoolTrackTableExpansion", out ulong expansion) && expansion != 0
            && _session.TryReadPointerVariable("PoolTrackTableExpansionSize", out ulong more) && more != 0 && read.Add(expansion))
        {
            if (more <= Limits.PoolTags)
                AddTable(expansion, more, "PoolTrackTableExpansion");
            else
                _problems.Add($"PoolTrackTableExpansionSize says {more:N0} entries; the expansion is left out");
        }
        foreach (PoolTagSum sum in _sums.Values)
            _layout.Reduce(sum);
        int large = new LargePool(_session, _problems).AddTo(_sums);
        return new PoolFacts
        {
            Tags = Collect(),
            Source = processors > 0 ? "ExPoolTagTables" : "PoolTrackTable",
            ProcessorTables = processors,
            LargeBlocks = large,
            Problems = _problems,
        };
    }

    private static PoolFacts Nothing(string why) => new() { Tags = [], Problems = [why] };

    private int ReadProcessorTables(ulong size, HashSet<ulong> read)
    {
        if (!_session.TryGetAddress("ExPoolTagTables", out ulong array))
            return 0;
        // 256 (7601) to 2,048 (20348 on) pointers, of which those of processors that there are come first.
        int count = SymbolSpan.CountElements(_session.Symbols!, "ExPoolTagTables", _session.Memory.PointerSize, Limits.Processors);
        int tables = 0;
        for (int i = 0; i < count && !_session.Cancellation.IsCancellationRequested; i++)
        {
            if (!_session.Memory.TryReadPointer(array + (ulong)(i * _session.Memory.PointerSize), out ulong table))
            {
                _problems.Add($"ExPoolTagTables is in the dump up to its processor {i}: the tables of others are left out");
                break;
            }
            if (table == 0)
                continue;
            if ((table & 3) != 0 || !_session.IsKernel(table))
            {
                _problems.Add($"ExPoolTagTables[{i}] is no address: {table:x}; what follows it is left out");
                break;
            }
            if (!read.Add(table))
                continue;
            AddTable(table, size, $"ExPoolTagTables[{i}]");
            tables++;
        }
        return tables;
    }

    private void AddTable(ulong table, ulong entries, string name)
    {
        int perRead = Math.Max(1, BytesAtOnce / _layout.Size);
        byte[] buffer = new byte[(int)Math.Min((ulong)perRead, entries) * _layout.Size];
        ulong missing = 0;
        for (ulong first = 0; first < entries && !_session.Cancellation.IsCancellationRequested;)
        {
            int wanted = (int)Math.Min((ulong)(buffer.Length / _layout.Size), entries - first);
            ulong at = table + first * (ulong)_layout.Size;
            int whole = _session.Memory.Read(at, buffer.AsSpan(0, wanted * _layout.Size)) / _layout.Size;
            for (int i = 0; i < whole; i++)
                AddEntry(buffer.AsSpan(i * _layout.Size, _layout.Size));
            first += (ulong)whole;
            if (whole == wanted)
                continue;
            // A page is absent: the table goes on behind it.
            ulong next = (at + (ulong)(whole * _layout.Size) | PageSize - 1) + 1;
            ulong skipped = Math.Min((next - table + (ulong)_layout.Size - 1) / (ulong)_layout.Size, entries) - first;
            missing += Math.Max(1, skipped);
            first += Math.Max(1, skipped);
        }
        if (missing > 0 && _problems.Count < Limits.PoolProblems)
            _problems.Add($"{missing:N0} of {entries:N0} entries of {name} are not in the dump");
    }

    private void AddEntry(ReadOnlySpan<byte> entry)
    {
        uint key = _layout.Key(entry);
        if (key == 0)
            return;
        ref PoolTagSum? sum = ref CollectionsMarshal.GetValueRefOrAddDefault(_sums, key, out _);
        _layout.AddTo(sum ??= new PoolTagSum(), entry);
    }

    private List<PoolTagUse> Collect()
    {
        List<PoolTagUse> tags = new(_sums.Count);
        foreach ((uint tag, PoolTagSum sum) in _sums)
            if (!sum.IsEmpty)
                tags.Add(new PoolTagUse(tag, Count(sum.NonPagedAllocs, sum.NonPagedFrees, sum.NonPagedBytes),
                    Count(sum.PagedAllocs, sum.PagedFrees, sum.PagedBytes))
                {
                    LargeNonPaged = new PoolLargeBlocks(sum.LargeNonPagedCount, sum.LargeNonPagedBytes),
                    LargePaged = new PoolLargeBlocks(sum.LargePagedCount, sum.LargePagedBytes),
                });
        return tags;
    }

    private PoolCount Count(ulong allocations, ulong frees, long bytes) => unchecked(_layout.CountsIn32Bits
        ? new PoolCount(allocations, frees, (int)(uint)(allocations - frees), bytes)
        : new PoolCount(allocations, frees, (long)(allocations - frees), bytes));
}
