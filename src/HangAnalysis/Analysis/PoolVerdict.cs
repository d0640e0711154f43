using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Who has the memory, where it is the system's own pool: asked only when memory is found to be exhausted.</summary>
internal static class PoolVerdict
{
    /// <summary>Part of all memory from which on the pool that stays in memory is worth naming.</summary>
    private const double PoolOfMemory = 0.25;

    /// <summary>Part of that pool which one tag has to have.</summary>
    private const double TagOfPool = 0.5;

    /// <summary>The end of the sentence, the module, and the line that shows it; null where pool is not what has the memory.</summary>
    public static (string Words, Culprit? Culprit, (string Label, Phrase Text) Evidence)? Find(ISystemFacts system)
    {
        if (system is not (IMemoryStatusSource memory and IPoolSource source) || system.Memory.Physical is not { } physical
            || UsedPool(memory, source) is not { } pool || pool < physical * PoolOfMemory)
            return null;
        PoolTagUse? largest = null;
        foreach (PoolTagUse tag in source.Pool.Tags)
            if (largest is null || tag.NonPaged.Bytes > largest.NonPaged.Bytes)
                largest = tag;
        if (largest is null || largest.NonPaged.Bytes < pool * TagOfPool)
            return null;
        ulong bytes = (ulong)largest.NonPaged.Bytes;
        PoolTagOwner? owner = null;
        foreach (PoolTagOwners owners in source.FindPoolOwners([largest.Tag]))
            if (owners.Owners.Count > 0 && owners.Owners[0].Certainty == Certainty.Proven)
                owner = owners.Owners[0];
        string what = $"pool tag {largest.Name} has {ByteText.Gigabytes(bytes)} of nonpaged pool";
        string code = owner is null ? "no module is proven to allocate with it" : $"{owner.Site.Place}: {owner.Reason}";
        // Parts of the system allocate on behalf of others.
        bool isNamed = owner?.Module.Origin is ModuleOrigin.ThirdParty or ModuleOrigin.Unknown;
        return (owner is null ? what : $"{what}, with which {owner.Module.FileName} allocates",
            isNamed ? new Culprit(owner!.Module, null, $"{owner.Site.Place}, which allocates with the pool tag {largest.Name}") : null,
            ("Pool", Phrase.Of($"{largest.Name}: {ByteText.Format(bytes)} in {largest.NonPaged.Outstanding:N0} blocks; {code}")));
    }

    /// <summary>Where the memory manager's count is not known, what the tags have in all is nearly it.</summary>
    private static ulong? UsedPool(IMemoryStatusSource memory, IPoolSource source) =>
        memory.MemoryStatus.NonPaged.Allocated.Bytes
            ?? (source.Pool.Tags.Count > 0 ? (ulong)PoolSuspects.Total(source.Pool, isPaged: false) : null);
}
