namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!poolwho</c>: schema <c>hanganalysis-poolwho/1</c>. Sizes are in bytes.</summary>
/// <param name="Schema">Name and version of this shape.</param>
/// <param name="Source">From which tables the counts are; null where there are none.</param>
/// <param name="ProcessorTables">Tables of single processors that were added up.</param>
/// <param name="NonPagedBytes">What all tags have of nonpaged pool.</param>
/// <param name="PagedBytes">What all tags have of paged pool.</param>
/// <param name="Tags">The tags that were asked for, in the order of the listing.</param>
/// <param name="MoreTags">Further tags that would fit.</param>
/// <param name="Suspects">Sentences on tags that look like a leak.</param>
/// <param name="Problems">What could not be read.</param>
public sealed record PoolWhoJson(
    string Schema, string? Source, int ProcessorTables, long NonPagedBytes, long PagedBytes, IReadOnlyList<PoolTagJson> Tags,
    int MoreTags, IReadOnlyList<string> Suspects, IReadOnlyList<string> Problems);

/// <summary>A tag; <c>tag</c> as people write it, <c>number</c> as code has it.</summary>
public sealed record PoolTagJson(
    string Tag, string Number, PoolCountJson NonPaged, PoolCountJson Paged, string? KnownAs, string? TagFile,
    IReadOnlyList<PoolOwnerJson> Owners, string? Note);

/// <summary>Counts of one kind of pool; large blocks are those with whole pages of their own.</summary>
public sealed record PoolCountJson(
    ulong Allocations, ulong Frees, long Outstanding, long Bytes, int LargeBlocks, ulong LargeBytes);

/// <summary>
/// A module that uses the tag: <c>usage</c> is <c>allocates</c>, <c>frees</c> or <c>mentions</c>, <c>distance</c> the bytes from
/// the tag to the call.
/// </summary>
public sealed record PoolOwnerJson(
    string Module, string? Company, string? Version, string Certainty, string Reason, string Usage, string? Function,
    string Address, string Place, int Sites, int Distance, IReadOnlyList<PoolCodeJson> Code);

/// <summary>An instruction.</summary>
public sealed record PoolCodeJson(string Address, string Bytes, string Text, bool HasTag);
