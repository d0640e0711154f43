using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Something about memory that needs care, with the rule by which it was found.</summary>
/// <param name="IsCritical">Whether allocations fail or are about to.</param>
/// <param name="Text">What it is, with the figures.</param>
/// <param name="Rule">The rule, so that nobody has to guess what the limit is.</param>
public sealed record MemoryWarning(bool IsCritical, string Text, string Rule);

/// <summary>Judges the figures of memory. The limits are ours; where they come from is told beside them.</summary>
/// <remarks>
/// crash-triage.md 2.9: the system itself grows page files at 90 % of the commit limit [D]; a pool's maximum is a real limit
/// on old systems only, and on others as large as its addresses, so that there memory is what it is compared with.
/// </remarks>
public static class MemoryWarnings
{
    private const double CommitWarning = 0.90, CommitCritical = 0.97, AvailableShort = 0.02;
    private const double PoolWarning = 0.75, PoolCritical = 0.90, PoolOfMemory = 0.25;
    private const ulong PoolLarge = 2UL << 30;
    private const ulong FewAvailable = 1024 * 4096;
    private const double PageFileShort = 0.10, ModifiedMuch = 0.10, ProcessMuch = 0.25;
    private const uint ManyHandles = 10_000;
    private const int MostProcesses = 5;

    /// <summary>The warnings, the critical ones first.</summary>
    public static IReadOnlyList<MemoryWarning> Find(MemoryStatus memory, IReadOnlyList<MemoryHolder> holders)
    {
        List<MemoryWarning> warnings = [];
        AddCommit(memory, warnings);
        AddAvailable(memory, warnings);
        AddPool("nonpaged", memory.NonPaged, memory.Physical.Bytes, warnings);
        AddPool("paged", memory.Paged, null, warnings);
        AddPageFiles(memory, warnings);
        foreach (MemoryFailures failures in memory.Failures)
            warnings.Add(new MemoryWarning(failures.What.StartsWith("charges", StringComparison.Ordinal),
                $"{failures.Count:N0} {failures.What} have failed since start-up", "any"));
        AddProcesses(memory, holders, warnings);
        warnings.Sort((a, b) => b.IsCritical.CompareTo(a.IsCritical));
        return warnings;
    }

    /// <summary>
    /// Limits that are reached now, or nearly: of commit, of what is available and of the pools. Empty where the system does not
    /// tell, and where the dump does not hold it whole.
    /// </summary>
    public static IReadOnlyList<MemoryWarning> FindLimits(ISystemFacts system)
    {
        if (system is not IMemoryStatusSource source || !system.HoldsThreads)
            return [];
        MemoryStatus memory = source.MemoryStatus;
        List<MemoryWarning> warnings = [];
        AddCommit(memory, warnings);
        AddAvailable(memory, warnings);
        AddPool("nonpaged", memory.NonPaged, memory.Physical.Bytes, warnings);
        AddPool("paged", memory.Paged, null, warnings);
        warnings.RemoveAll(w => !w.IsCritical);
        return warnings;
    }

    private static void AddCommit(MemoryStatus memory, List<MemoryWarning> warnings)
    {
        if (memory is not { Committed.Bytes: { } used, CommitLimit.Bytes: { } limit and > 0 } || used < limit * CommitWarning)
            return;
        bool isCritical = used >= limit * CommitCritical;
        warnings.Add(new MemoryWarning(isCritical,
            $"commit is at {Percent(used, limit)} of its limit, {ByteText.Format(used)} of {ByteText.Format(limit)}",
            isCritical ? "97 %" : "90 %, where the system grows its page files"));
    }

    private static void AddAvailable(MemoryStatus memory, List<MemoryWarning> warnings)
    {
        if (memory.Available.Bytes is not { } free)
            return;
        // What is on standby is a part of what is available: with hardly any of either nothing can be given out.
        if (free < FewAvailable && memory.Standby.Bytes is null or 0)
            warnings.Add(new MemoryWarning(true,
                $"{ByteText.Format(free)} are available{(memory.Standby.Bytes is 0 ? ", and nothing is on standby" : "")}", "under 1,024 pages"));
        else if (memory.Physical.Bytes is { } all && free < all * AvailableShort)
            warnings.Add(new MemoryWarning(false, $"{ByteText.Format(free)} of {ByteText.Format(all)} are available", "2 % of memory"));
    }

    private static void AddPool(string name, PoolMemory pool, ulong? physical, List<MemoryWarning> warnings)
    {
        if (pool.Allocated.Bytes is not { } used)
            return;
        if (pool.Maximum.Bytes is { } most and > 0 && used >= most * PoolWarning)
        {
            bool isCritical = used >= most * PoolCritical;
            warnings.Add(new MemoryWarning(isCritical,
                $"{name} pool is at {Percent(used, most)} of its maximum, {ByteText.Format(used)} of {ByteText.Format(most)}",
                isCritical ? "90 %" : "75 %"));
        }
        else if (physical is { } all && used > PoolLarge && used > all * PoolOfMemory)
            warnings.Add(new MemoryWarning(false,
                $"{name} pool has {ByteText.Format(used)}, {Percent(used, all)} of memory", "2 GB and 25 % of memory"));
    }

    private static void AddPageFiles(MemoryStatus memory, List<MemoryWarning> warnings)
    {
        bool isBehind = memory is { Modified.Bytes: { } modified, Physical.Bytes: { } all } && modified > all * ModifiedMuch;
        foreach (PageFileFacts file in memory.PageFiles)
            if (!file.IsVirtual && isBehind && file.FreeShare < PageFileShort)
                warnings.Add(new MemoryWarning(true, $"{file.Name ?? "a page file"} has {ByteText.Format(file.Free)} free of " +
                    $"{ByteText.Format(file.Size)}, and {ByteText.Format(memory.Modified.Bytes)} wait to be written",
                    "10 % free, with 10 % of memory modified"));
    }

    private static void AddProcesses(MemoryStatus memory, IReadOnlyList<MemoryHolder> holders, List<MemoryWarning> warnings)
    {
        int told = 0;
        foreach (MemoryHolder holder in holders)
        {
            if (told >= MostProcesses)
                break;
            if (memory.CommitLimit.Bytes is { } limit && holder.Memory.Committed is { } used && used > limit * ProcessMuch)
            {
                warnings.Add(new MemoryWarning(false,
                    $"{holder.Process.Title} has {ByteText.Format(used)} of commit, {Percent(used, limit)} of the limit", "25 % of the limit"));
                told++;
            }
            if (holder.Handles is { } handles and > ManyHandles)
            {
                warnings.Add(new MemoryWarning(false, $"{holder.Process.Title} has {handles:N0} handles", "10,000"));
                told++;
            }
        }
    }

    private static string Percent(ulong part, ulong whole) => $"{Math.Floor(1000.0 * part / whole) / 10:0.#} %";
}
