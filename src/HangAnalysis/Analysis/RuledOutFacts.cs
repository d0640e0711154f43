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
        if (system is IOwnFindings findings)
            lines.AddRange(findings.RuledOut);
        // What holds a few threads shows nothing of the others.
        if (!system.HoldsThreads)
            return lines;
        // What is free is not all that there is to memory: a pool may be full beside it.
        if (MemoryWarnings.FindLimits(system).Count == 0)
            AddMemory(system.Memory, lines);
        if (system.WasInterrupted)
            return lines;
        AddLocks(system.Locks, lines);
        AddProcessors(system, lines);
        AddRequests(system, lines);
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
        List<string> facts = [];
        foreach (LockCount kind in locks)
            if (kind is { Total: { } total, Contended: 0 })
                facts.Add($"0 of {total:N0} {kind.Kind}s contended");
        AddWaiters(locks, facts, "", kind => kind.Waiters == 0);
        AddWaiters(locks, facts, $" older than {HangAnalyzer.HangAge.TotalSeconds:0} s",
            kind => kind is { Waiters: > 0, OldestWait: { } oldest } && oldest < HangAnalyzer.HangAge);
        if (facts.Count > 0)
            lines.Add(new RuledOut("locks", string.Join("; ", facts)));
    }

    /// <summary>Names the kinds of locks of which something is true: <c>no push lock, fast mutex or guarded mutex waiter</c>.</summary>
    private static void AddWaiters(IReadOnlyList<LockCount> locks, List<string> facts, string which, Predicate<LockCount> isTrue)
    {
        List<string> kinds = [];
        foreach (LockCount kind in locks)
            if (isTrue(kind))
                kinds.Add(kind.Kind);
        if (kinds.Count == 0)
            return;
        string names = kinds.Count == 1 ? kinds[0] : $"{string.Join(", ", kinds[..^1])} or {kinds[^1]}";
        facts.Add($"no {names} waiter{which}");
    }

    private static void AddProcessors(ISystemFacts system, List<RuledOut> lines)
    {
        int count = system.Processors.Count;
        if (count == 0)
            return;
        int idle = system.Processors.Count(p => p.IsIdle);
        int dpcs = system.Processors.Count(p => p.DpcActive);
        int ready = system.Threads.Count(t => t.Activity == ThreadActivity.Ready);
        bool spins = system.Processors.Any(p => p.Spin is not null);
        if (idle == 0 || dpcs > 0 || ready > 0 || spins)
            return;
        string deferred = system.Words.NoDeferredCall is { } none ? $" {none}," : "";
        lines.Add(new RuledOut("CPU", $"{idle} of {count} idle,{deferred} no thread ready"));
    }

    private static void AddRequests(ISystemFacts system, List<RuledOut> lines)
    {
        if (system.PendingRequests.Count == 0)
            lines.Add(new RuledOut("I/O", system.Words.NoRequest));
    }
}
