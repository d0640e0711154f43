using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>The verdict on a system that has no memory left.</summary>
internal static class MemoryVerdict
{
    /// <summary>Commit in use from which on allocations begin to fail, in parts of the limit.</summary>
    private const double CommitExhausted = 0.99;

    /// <summary>Available memory below which everything waits for pages, in parts of physical memory.</summary>
    private const double AvailableExhausted = 0.005;

    /// <summary>Makes the verdict, or returns null where memory is in order or not known.</summary>
    public static Verdict? Make(ISystemFacts system)
    {
        MemoryFacts m = system.Memory;
        bool commit = m is { Committed: { } used, CommitLimit: { } limit and > 0 } && used >= limit * CommitExhausted;
        bool pages = m is { Available: { } free, Physical: { } all and > 0 } && free <= all * AvailableExhausted;
        if (!commit && !pages)
            return null;
        string what = commit
            ? $"commit is at its limit, {ByteText.Gigabytes(m.Committed!.Value)} of {ByteText.Gigabytes(m.CommitLimit!.Value)}"
            : "";
        if (pages)
            what += $"{(commit ? ", and " : "")}{ByteText.Gigabytes(m.Available!.Value)} of " +
                $"{ByteText.Gigabytes(m.Physical!.Value)} are available";
        var pool = PoolVerdict.Find(system);
        return new Verdict
        {
            Class = VerdictClass.MemoryExhausted,
            Confidence = ConfidenceRules.OfMemory(commit, pages),
            Summary = $"memory is exhausted: {what}{(pool is { } holder ? $"; {holder.Words}" : "")}",
            Culprit = pool?.Culprit,
            Evidence = [.. system.Stop?.Evidence ?? [], .. pool is { } shown ? [shown.Evidence] : ((string, Phrase)[])[]],
            RuledOut = RuledOutFacts.Collect(system),
            Unknown = system.Unknowns,
        };
    }
}
