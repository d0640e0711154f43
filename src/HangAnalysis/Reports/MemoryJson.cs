namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!mem</c> on Windows: schema <c>hanganalysis-mem/1</c>. Sizes are in bytes, null where not known.</summary>
/// <param name="Schema">Name and version of this shape.</param>
/// <param name="Source">From what it was read.</param>
/// <param name="Figures">The figures by name.</param>
/// <param name="PageFiles">The page files.</param>
/// <param name="WhyNoPageFiles">Why page files may be missing.</param>
/// <param name="CommitParts">What has the commit.</param>
/// <param name="SystemMappings">Places for mappings of the system; null where not known.</param>
/// <param name="Failures">What failed since start-up; null where that is not known.</param>
/// <param name="Holders">The processes that have most commit.</param>
/// <param name="Warnings">What needs care.</param>
public sealed record MemoryJson(
    string Schema, string Source, IReadOnlyList<MemoryFigureJson> Figures, IReadOnlyList<PageFileJson> PageFiles,
    string? WhyNoPageFiles, IReadOnlyList<MemoryFigureJson> CommitParts, SystemMappingsJson? SystemMappings,
    IReadOnlyList<MemoryFailuresJson>? Failures, IReadOnlyList<MemoryHolderJson> Holders, IReadOnlyList<MemoryWarningJson> Warnings);

/// <summary>A figure; <c>whyNot</c> where it is not known.</summary>
public sealed record MemoryFigureJson(string Name, ulong? Bytes, string? WhyNot);

/// <summary>A page file; <c>virtual</c> for the store of compressed memory, <c>swap</c> for that of whole working sets.</summary>
public sealed record PageFileJson(
    string? Name, ulong Size, ulong Minimum, ulong Maximum, ulong Free, ulong Peak, bool Virtual, bool Swap);

/// <summary>Page table entries for mappings of the system.</summary>
public sealed record SystemMappingsJson(ulong Total, ulong? Free);

/// <summary>Failures since start-up.</summary>
public sealed record MemoryFailuresJson(string What, ulong Count);

/// <summary>A process with what it holds.</summary>
public sealed record MemoryHolderJson(
    string Address, ulong Pid, string Name, ulong? Commit, ulong? CommitPeak, ulong? Private, ulong? WorkingSet, ulong? Virtual,
    uint? Handles);

/// <summary>A warning with its rule.</summary>
public sealed record MemoryWarningJson(bool Critical, string Text, string Rule);
