using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>A tag that looks like a leak, and why.</summary>
/// <param name="Use">The tag.</param>
/// <param name="IsPaged">Of which pool.</param>
/// <param name="Sentence">What is conspicuous about it.</param>
public sealed record PoolSuspect(PoolTagUse Use, bool IsPaged, string Sentence);

/// <summary>Finds tags whose memory looks like a leak. The rules are ours; none of them proves one.</summary>
/// <remarks>
/// A leak is growth, which one dump does not show. What it shows is a tag that has much of a pool for itself, or one of
/// which hardly anything was ever freed.
/// </remarks>
public static class PoolSuspects
{
    private const long LeastShare = 32L << 20;
    private const double Share = 0.25;
    private const long LeastUnfreed = 8L << 20;
    private const long ManyUnfreed = 10_000;
    private const double HardlyFreed = 0.10;
    private const int Most = 4;

    /// <summary>The suspects, the largest first.</summary>
    public static IReadOnlyList<PoolSuspect> Find(PoolFacts pool)
    {
        List<PoolSuspect> suspects = [];
        foreach (bool isPaged in (ReadOnlySpan<bool>)[false, true])
        {
            long total = Total(pool, isPaged);
            foreach (PoolTagUse tag in pool.Tags)
                if (Conspicuous(isPaged ? tag.Paged : tag.NonPaged, total, isPaged) is { } sentence)
                    suspects.Add(new PoolSuspect(tag, isPaged, sentence));
        }
        suspects.Sort((a, b) => Bytes(b).CompareTo(Bytes(a)));
        return suspects.Count > Most ? suspects.GetRange(0, Most) : suspects;
    }

    /// <summary>Bytes of all tags; what contradicts itself is left out.</summary>
    public static long Total(PoolFacts pool, bool isPaged)
    {
        long total = 0;
        foreach (PoolTagUse tag in pool.Tags)
            total = unchecked(total + Math.Max(0, isPaged ? tag.Paged.Bytes : tag.NonPaged.Bytes));
        return Math.Max(0, total);
    }

    private static long Bytes(PoolSuspect suspect) => suspect.IsPaged ? suspect.Use.Paged.Bytes : suspect.Use.NonPaged.Bytes;

    private static string? Conspicuous(PoolCount count, long total, bool isPaged)
    {
        bool hasMuch = count.Bytes >= LeastShare && count.Bytes >= total * Share;
        bool isKept = count.Bytes >= LeastUnfreed && count.Outstanding >= ManyUnfreed
            && count.Frees <= count.Allocations * HardlyFreed;
        if (!hasMuch && !isKept)
            return null;
        string freed = count.Frees == 0 ? "none was freed" : $"{count.Frees:N0} were freed";
        return $"holds {ByteText.Format((ulong)count.Bytes)}, {100.0 * count.Bytes / total:0.#} % of {(isPaged ? "paged" : "nonpaged")} " +
            $"pool: of {count.Allocations:N0} allocations {freed}";
    }
}
