using HangAnalysis.Model;

namespace HangAnalysis.Windows.Memory;

/// <summary>Says whose memory the pool's tags are, by the places in code that allocate and free with them.</summary>
/// <remarks>
/// crash-triage.md 3.5: a place that allocates is strong evidence, one that frees is weaker, the bare number is hardly any
/// (ten such hits in one driver were no tags). A wrong owner is worse than none: tags of static libraries and tags that many
/// share name nobody, and where several drivers allocate with one tag none of them is said to be it.
/// </remarks>
internal static class PoolOwnerFinder
{
    /// <summary>Finds the owners of tags.</summary>
    /// <param name="session">The system.</param>
    /// <param name="tags">The tags.</param>
    /// <param name="describe">Describes a module.</param>
    /// <param name="place">Names an address in code.</param>
    public static IReadOnlyList<PoolTagOwners> Find(KernelSession session, IReadOnlyList<uint> tags,
        Func<Targets.TargetModule, ModuleFacts> describe, Func<ulong, string> place)
    {
        if (tags.Count == 0)
            return [];
        PoolTagScan scan = PoolTagScan.Run(session, tags);
        List<PoolTagOwners> owners = new(tags.Count);
        foreach (uint tag in tags)
            owners.Add(Judge(tag, scan, describe, place));
        return owners;
    }

    private static PoolTagOwners Judge(uint tag, PoolTagScan scan, Func<Targets.TargetModule, ModuleFacts> describe,
        Func<ulong, string> place)
    {
        IReadOnlyList<PoolTagHit> hits = scan[tag];
        int allocating = 0;
        int freeing = 0;
        foreach (PoolTagHit hit in hits)
        {
            allocating += hit.Usage == PoolTagUsage.Allocates ? 1 : 0;
            freeing += hit.Usage == PoolTagUsage.Frees ? 1 : 0;
        }
        List<PoolTagOwner> owners = [];
        foreach (PoolTagHit hit in hits)
        {
            // What only has the number is told where nobody is known to use it.
            if (hit.Usage == PoolTagUsage.Mentions && allocating + freeing > 0)
                continue;
            (Certainty certainty, string reason) = Weigh(tag, hit, allocating, freeing);
            ulong address = hit.Call.Start;
            owners.Add(new PoolTagOwner(describe(hit.Module),
                new PoolTagSite(address, place(address), hit.Usage, hit.Call.Function?.Name, hit.Distance)
                {
                    Code = hit.Call.Function is null ? [] : hit.Finder.Disassemble(hit.Call),
                }, hit.Sites, certainty, reason));
        }
        owners.Sort((a, b) => b.Certainty != a.Certainty ? b.Certainty.CompareTo(a.Certainty)
            : b.Site.Usage != a.Site.Usage ? b.Site.Usage.CompareTo(a.Site.Usage) : b.Sites.CompareTo(a.Sites));
        return new PoolTagOwners(tag, owners, PoolTagKnowledge.ComponentOf(tag), Note(tag, scan, allocating, freeing, hits.Count));
    }

    private static (Certainty Certainty, string Reason) Weigh(uint tag, PoolTagHit hit, int allocating, int freeing)
    {
        string what = hit.Usage switch
        {
            PoolTagUsage.Allocates => $"its code allocates with the tag, {hit.Distance} bytes before the call of {hit.Call.Function!.Name}",
            PoolTagUsage.Frees => $"its code frees with the tag, by {hit.Call.Function!.Name}",
            _ => "its code has the number, and no call that takes a tag follows",
        };
        if (PoolTagKnowledge.LibraryOf(tag) is { } library)
            return (Certainty.Candidate, $"{what}; but the tag is of {library}, which every driver has that links it");
        if (PoolTagKnowledge.SharedBy(tag) is { } shared)
            return (Certainty.Candidate, $"{what}; but the tag is shared: {shared}");
        return hit.Usage switch
        {
            PoolTagUsage.Allocates when allocating > 1 =>
                (Certainty.Candidate, $"{what}; {allocating - 1} other module{(allocating > 2 ? "s do" : " does")} so, too"),
            PoolTagUsage.Allocates when hit.Distance <= PoolCallFinder.SureDistance => (Certainty.Proven, what),
            PoolTagUsage.Allocates => (Certainty.Inferred, $"{what}, which is far"),
            PoolTagUsage.Frees when allocating > 0 => (Certainty.Candidate, $"{what}; others allocate"),
            PoolTagUsage.Frees when freeing > 1 => (Certainty.Candidate, $"{what}; {freeing - 1} other module(s) too"),
            PoolTagUsage.Frees => (Certainty.Inferred, what),
            _ => (Certainty.Candidate, what),
        };
    }

    private static string? Note(uint tag, PoolTagScan scan, int allocating, int freeing, int hits)
    {
        if (PoolTagKnowledge.LibraryOf(tag) is { } library)
            return $"the tag of {library}: no driver can be named by it";
        if (PoolTagKnowledge.SharedBy(tag) is { } shared)
            return $"a shared tag ({shared}): no driver can be named by it";
        if (allocating == 1)
            return null;
        if (allocating > 1)
            return $"{allocating} modules allocate with this tag: which of them has the memory is not recorded";
        string absent = scan.AbsentPages > 0 ? $"; {scan.AbsentPages:N0} pages of code are not in the dump" : "";
        string known = scan.KnowsFunctions ? "" : "; the addresses of the pool's functions are not known";
        string searched = $"no allocation with this tag in the code of {scan.SearchedModules:N0} modules{absent}{known}";
        return freeing > 0 ? searched : hits > 0 ? $"{searched}: a number alone names nobody"
            : $"{searched}: it may be passed in a register or by a wrapper";
    }
}
