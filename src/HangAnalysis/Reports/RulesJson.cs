namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!rules</c>: the rules, or with <c>-m</c> those that fit the dump, the best first.</summary>
public sealed record RulesJson(string Schema, IReadOnlyList<RuleJson>? Rules, IReadOnlyList<KnownIssueJson>? Matches);

/// <summary>
/// A rule. Kind is crash, hang, leak, config or hardware; confidence high, medium or hint; file is null for rules that are
/// built in; of the ways to show one has to be met with all that it asks for.
/// </summary>
public sealed record RuleJson(
    string Id, string Kind, string Confidence, string Says, string Advice, string? Note, IReadOnlyList<string> Refs, string Checked,
    string? File, IReadOnlyList<IReadOnlyList<EvidenceJson>> When);

/// <summary>A known issue that fits, with what of the dump does.</summary>
public sealed record KnownIssueJson(
    string Id, string Kind, string Confidence, string Says, string Advice, string? Note, IReadOnlyList<string> Refs, string Checked,
    string? File, IReadOnlyList<string> Found);
