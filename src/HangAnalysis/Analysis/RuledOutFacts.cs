using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Collects what was looked at and found in order, with its figures. What was not looked at is not listed.</summary>
internal static class RuledOutFacts
{
    /// <summary>Available memory above which memory is not the reason, in parts of physical memory.</summary>
    private const double EnoughMemory = 0.02;

    /// <summary>Commit in use below which it is not the reason, in parts of the limit.</summary>
    private const double EnoughCommit = 0.9;

    /// <summary>The lines in the order in which people ask.</summary>
    public static IReadOnlyList<RuledOut> Collect(ISystemFacts system)
    {
        List<RuledOut> lines = [];
        AddMemory(system.Memory, lines);
        if (system.WasInterrupted)
            return lines;
        AddLocks(system.Locks, lines);
        AddProcessors(system, lines);
        AddRequests(system.PendingRequests, lines);
        return lines;
    }

    private static void AddMemory(MemoryFacts m, List<RuledOut> lines)
    {
        if (m is not { Available: { } free, Physical: { } all and > 0 } || free < all * EnoughMemory)
            return;
        string text = $"{ByteText.Gigabytes(free)} of {ByteText.Gigabytes(all)} available";
        if (m is { Committed: { } used, CommitLimit: { } limit })
        {
            if (used > limit * EnoughCommit)
                return;
            text += $", commit {ByteText.Gigabytes(used)} of {ByteText.Gigabytes(limit)}";
        }
        lines.Add(new RuledOut("memory", text));
    }

    private static void AddLocks(IReadOnlyList<LockCount> locks, List<RuledOut> lines)
    {
        foreach (LockCount kind in locks)
            if (kind is { Total: { } total, Contended: 0 })
                lines.Add(new RuledOut("locks", $"0 of {total:N0} {kind.Kind}s contended"));
    }

    private static void AddProcessors(ISystemFacts system, List<RuledOut> lines)
    {
        int count = system.Processors.Count;
        if (count == 0)
            return;
        int idle = system.Processors.Count(p => p.IsIdle);
        int dpcs = system.Processors.Count(p => p.DpcActive);
        int ready = system.Threads.Count(t => t.Activity == ThreadActivity.Ready);
        if (idle == 0 || dpcs > 0 || ready > 0)
            return;
        lines.Add(new RuledOut("CPU", $"{idle} of {count} idle, no DPC active, no thread ready"));
    }

    private static void AddRequests((int Count, TimeSpan? Oldest) pending, List<RuledOut> lines)
    {
        if (pending.Count == 0)
            lines.Add(new RuledOut("I/O", "no thread has a request pending"));
    }
}
