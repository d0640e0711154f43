using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Memory;

/// <summary>Counts the blocks of pool that have whole pages of their own, by tag: PoolBigPageTable.</summary>
/// <remarks>
/// crash-triage.md 3.3 [S]: {Va, Key, PoolType, NumberOfBytes}; an entry is free where the lowest bit of Va is set. From
/// 14393 on the word of PoolType holds a pattern and a slack size too, which the PDB's bit fields tell. XP and 2003 have
/// NumberOfPages and no type of pool: there paged pool is one stretch of addresses, from MmPagedPoolStart to MmPagedPoolEnd
/// (both are in KDDEBUGGER_DATA64 of wdbgexts.h). The trackers count these blocks as well: a block that says more than its tag
/// has in all is damaged (that a size has whole pages is MemProcFS's test [C]).
/// </remarks>
internal sealed class LargePool(KernelSession session, List<string> problems)
{
    private const ulong PageSize = 0x1000;
    private const int BytesAtOnce = 1 << 20;

    /// <summary>Adds the blocks to the sums of their tags; returns how many there were.</summary>
    public int AddTo(Dictionary<uint, PoolTagSum> sums)
    {
        StructLayout layout = session.Types.Get("_POOL_TRACKER_BIG_PAGES");
        FieldSlot va = layout.Optional("Va");
        FieldSlot key = layout.Optional("Key");
        FieldSlot type = layout.Optional("PoolType");
        FieldSlot size = layout.Optional("NumberOfBytes");
        ulong unit = 1;
        if (!size.IsPresent)
            (size, unit) = (layout.Optional("NumberOfPages"), PageSize);
        if (!session.TryReadPointerVariable("PoolBigPageTable", out ulong table) || table == 0)
        {
            problems.Add("the table of large blocks, PoolBigPageTable, is not in the dump: their numbers are not known");
            return 0;
        }
        (ulong Start, ulong End) paged = default;
        bool tellsKind = type.IsPresent
            || (session.TryReadPointerVariable("MmPagedPoolStart", out paged.Start)
                && session.TryReadPointerVariable("MmPagedPoolEnd", out paged.End) && paged.Start < paged.End);
        if (!va.IsPresent || !key.IsPresent || !tellsKind || !size.IsPresent || FieldSlot.Span(va, key, type, size) > layout.Size)
        {
            problems.Add("the kernel's symbols do not tell how large blocks are recorded");
            return 0;
        }
        if (!session.TryReadPointerVariable("PoolBigPageTableSize", out ulong entries) || entries is 0 or > Limits.LargePoolBlocks)
        {
            problems.Add($"PoolBigPageTableSize says {entries:N0} entries; large blocks are left out");
            return 0;
        }
        int counted = 0;
        int refused = 0;
        ulong missing = 0;
        int stride = layout.Size;
        byte[] buffer = new byte[(int)Math.Min((ulong)(BytesAtOnce / stride), entries) * stride];
        for (ulong first = 0; first < entries && !session.Cancellation.IsCancellationRequested;)
        {
            int wanted = (int)Math.Min((ulong)(buffer.Length / stride), entries - first);
            ulong at = table + first * (ulong)stride;
            int whole = session.Memory.Read(at, buffer.AsSpan(0, wanted * stride)) / stride;
            for (int i = 0; i < whole; i++)
            {
                ReadOnlySpan<byte> entry = buffer.AsSpan(i * stride, stride);
                ulong address = va.Read(entry);
                uint tag = (uint)key.Read(entry);
                if (address == 0 || (address & 1) != 0 || tag == 0)
                    continue;
                ulong count = size.Read(entry);
                // The lowest bit of the type tells paged from nonpaged pool (POOL_TYPE of wdm.h).
                bool isPaged = type.IsPresent ? (type.Read(entry) & 1) != 0 : address >= paged.Start && address <= paged.End;
                if (count <= ulong.MaxValue / unit && Add(sums, tag, address, count * unit, isPaged))
                    counted++;
                else
                    refused++;
            }
            first += (ulong)whole;
            if (whole == wanted)
                continue;
            ulong next = (at + (ulong)(whole * stride) | PageSize - 1) + 1;
            ulong skipped = Math.Max(1, Math.Min((next - table + (ulong)stride - 1) / (ulong)stride, entries) - first);
            missing += skipped;
            first += skipped;
        }
        if (missing > 0)
            problems.Add($"{missing:N0} of {entries:N0} entries of PoolBigPageTable are not in the dump");
        if (refused > 0)
            problems.Add($"{refused:N0} entr{(refused == 1 ? "y" : "ies")} of PoolBigPageTable contradict{(refused == 1 ? "s" : "")} the " +
                $"trackers, or {(refused == 1 ? "is no block" : "are no blocks")}: left out");
        return counted;
    }

    private bool Add(Dictionary<uint, PoolTagSum> sums, uint tag, ulong address, ulong bytes, bool isPaged)
    {
        if ((address & PageSize - 1) != 0 || !session.IsKernel(address) || bytes == 0 || (bytes & PageSize - 1) != 0)
            return false;
        if (!sums.TryGetValue(tag, out PoolTagSum? sum))
            return false;
        long all = isPaged ? sum.PagedBytes : sum.NonPagedBytes;
        ulong before = isPaged ? sum.LargePagedBytes : sum.LargeNonPagedBytes;
        if (all < 0 || bytes > (ulong)all - Math.Min((ulong)all, before))
            return false;
        if (isPaged)
        {
            sum.LargePagedCount++;
            sum.LargePagedBytes += bytes;
        }
        else
        {
            sum.LargeNonPagedCount++;
            sum.LargeNonPagedBytes += bytes;
        }
        return true;
    }
}
