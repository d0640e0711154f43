using System.Text.Json;
using System.Text.Json.Serialization;

namespace HangAnalysis.Analysis.Rules;

/// <summary>A file of rules as it is written; docs/rules.md explains it.</summary>
internal sealed record RuleFileShape : OpenShape
{
    /// <summary>Name and version of this shape.</summary>
    public const string Name = "hanganalysis-rules/1";

    /// <summary>Where an editor finds the description of the shape; not read.</summary>
    [JsonPropertyName("$schema")]
    public string? Description { get; init; }

    public string? Schema { get; init; }

    public IReadOnlyList<RuleShape?>? Rules { get; init; }
}

/// <summary>A rule as it is written.</summary>
internal sealed record RuleShape : OpenShape
{
    public string? Id { get; init; }

    public string? Kind { get; init; }

    public string? Confidence { get; init; }

    public WhenShape? When { get; init; }

    public IReadOnlyList<WhenShape?>? OrWhen { get; init; }

    public string? Says { get; init; }

    public string? Advice { get; init; }

    public string? Note { get; init; }

    public IReadOnlyList<string?>? Refs { get; init; }

    public string? Checked { get; init; }
}

/// <summary>Evidence as it is written.</summary>
internal sealed record WhenShape : OpenShape
{
    public IReadOnlyList<string?>? Code { get; init; }

    public ParameterShape? P1 { get; init; }

    public ParameterShape? P2 { get; init; }

    public ParameterShape? P3 { get; init; }

    public ParameterShape? P4 { get; init; }

    public ModuleShape? FaultModule { get; init; }

    public ModuleShape? Culprit { get; init; }

    public IReadOnlyList<string?>? Cause { get; init; }

    public IReadOnlyList<string?>? Instruction { get; init; }

    public IReadOnlyList<string?>? StackAny { get; init; }

    public IReadOnlyList<string?>? StackAll { get; init; }

    public IReadOnlyList<string?>? StackNone { get; init; }

    public IReadOnlyList<string?>? Owner { get; init; }

    public IReadOnlyList<string?>? Waiter { get; init; }

    public IReadOnlyList<string?>? IrpHolder { get; init; }

    public IReadOnlyList<string?>? Verdict { get; init; }

    public IReadOnlyList<string?>? ProcessName { get; init; }

    public IReadOnlyList<string?>? FaultUnloaded { get; init; }

    public PoolTagShape? PoolTag { get; init; }

    public IReadOnlyList<ModuleShape?>? ModuleLoaded { get; init; }

    public IReadOnlyList<string?>? ModuleUnloaded { get; init; }

    public RangeShape? Os { get; init; }

    public double? MinWaitSeconds { get; init; }

    public DaysShape? Date { get; init; }
}

/// <summary>A condition on a parameter as it is written.</summary>
internal sealed record ParameterShape : OpenShape
{
    public string? Eq { get; init; }

    public IReadOnlyList<string?>? Any { get; init; }

    public string? Mask { get; init; }

    public bool? OneBit { get; init; }

    public int? OneBitOff { get; init; }

    public IReadOnlyList<string?>? Module { get; init; }
}

/// <summary>A condition on a module as it is written.</summary>
internal sealed record ModuleShape : OpenShape
{
    public IReadOnlyList<string?>? Name { get; init; }

    public string? VersionFrom { get; init; }

    public string? VersionBefore { get; init; }

    public string? TimestampBefore { get; init; }
}

/// <summary>A condition on a tag as it is written.</summary>
internal sealed record PoolTagShape : OpenShape
{
    public IReadOnlyList<string?>? Tag { get; init; }

    [JsonPropertyName("minMB")]
    public double? MinMegabytes { get; init; }

    public string? Kind { get; init; }
}

/// <summary>Builds as they are written.</summary>
internal sealed record RangeShape : OpenShape
{
    public int? Min { get; init; }

    public int? Max { get; init; }
}

/// <summary>Days as they are written.</summary>
internal sealed record DaysShape : OpenShape
{
    public string? From { get; init; }

    public string? To { get; init; }
}

/// <summary>An object of the file. What nobody knows is kept, so that the error names it with its line.</summary>
internal abstract record OpenShape
{
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>Reads files of rules without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowTrailingCommas = true,
    ReadCommentHandling = JsonCommentHandling.Skip, AllowDuplicateProperties = false, MaxDepth = RuleFile.MostDepth)]
[JsonSerializable(typeof(RuleFileShape))]
internal sealed partial class RuleJsonContext : JsonSerializerContext;
