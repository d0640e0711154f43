using HangAnalysis.Model;

namespace HangAnalysis.Analysis.Rules;

/// <summary>What a known issue does to a system.</summary>
public enum IssueKind
{
    /// <summary>The system stops by itself.</summary>
    Crash,

    /// <summary>Threads wait for ever, or for much too long.</summary>
    Hang,

    /// <summary>Memory is asked for and never given back.</summary>
    Leak,

    /// <summary>A setting, or a combination of products, is the reason.</summary>
    Config,

    /// <summary>A machine, a device, or what connects them.</summary>
    Hardware,
}

/// <summary>How much a match says.</summary>
public enum IssueConfidence
{
    /// <summary>Worth a look, and no more: something is there that others had trouble with.</summary>
    Hint,

    /// <summary>What is published fits what is found, and other reasons are possible.</summary>
    Medium,

    /// <summary>What is found is what is published, and hardly anything else looks so.</summary>
    High,
}

/// <summary>A published problem, by what one recognises it and what helps.</summary>
public sealed class KnownIssue
{
    /// <summary>Its name among the rules: <c>ms17-010</c>.</summary>
    public required string Id { get; init; }

    /// <summary>What it does.</summary>
    public required IssueKind Kind { get; init; }

    /// <summary>How much a match says.</summary>
    public required IssueConfidence Confidence { get; init; }

    /// <summary>What it is, in one or two sentences.</summary>
    public required string Says { get; init; }

    /// <summary>What to do.</summary>
    public required string Advice { get; init; }

    /// <summary>What the published text does not tell, or what was not seen here; null where nothing is left out.</summary>
    public string? Note { get; init; }

    /// <summary>Where it is published.</summary>
    public required IReadOnlyList<string> References { get; init; }

    /// <summary>When the references were read.</summary>
    public required DateOnly Checked { get; init; }

    /// <summary>The file that it comes from; null for those that are built in.</summary>
    public string? File { get; init; }

    /// <summary>The ways in which it shows: one has to be met.</summary>
    internal IReadOnlyList<IssueEvidence> Ways { get; init; } = [];

    /// <summary>What each of these ways asks for, as labelled lines.</summary>
    public IReadOnlyList<IReadOnlyList<(string Label, string Text)>> DescribeWays() => [.. Ways.Select(w => w.Describe())];
}

/// <summary>A known issue that fits a dump.</summary>
/// <param name="Issue">The issue.</param>
/// <param name="Findings">What of the dump fits, a few words each: <c>frame srv!SrvOs2FeaToNt+0x48</c>.</param>
public sealed record IssueMatch(KnownIssue Issue, IReadOnlyList<Phrase> Findings);
