using System.Text.Json.Serialization;

namespace HangAnalysis.Reports;

/// <summary>
/// The verdict as JSON: schema <c>hanganalysis/1</c>, documented in docs/json.md. Addresses are <c>0x</c> and 16 lower-case
/// digits; ages and times as the debugger prints them are text, durations in <c>timings</c> are milliseconds.
/// </summary>
public sealed record HangReport
{
    /// <summary>Name and version of this shape.</summary>
    public string Schema { get; init; } = "hanganalysis/1";

    /// <summary>What the dump says of itself.</summary>
    public required DumpJson Dump { get; init; }

    /// <summary>The answer.</summary>
    public required VerdictJson Verdict { get; init; }

    /// <summary>The chains, most important first.</summary>
    public required IReadOnlyList<ChainJson> Chains { get; init; }

    /// <summary>The root thread's and the crashing thread's stacks.</summary>
    public required IReadOnlyList<StackJson> Stacks { get; init; }

    /// <summary>What shows it besides; left out where the system records nothing of the kind, as Windows.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<EvidenceJson>? Evidence { get; init; }

    /// <summary>Known issues that fit, the best first; left out of systems of which the rules have none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<KnownIssueJson>? KnownIssues { get; init; }

    /// <summary>What was looked at and found in order.</summary>
    public required IReadOnlyList<ReasonJson> RuledOut { get; init; }

    /// <summary>What could not be found out.</summary>
    public required IReadOnlyList<ReasonJson> Unknown { get; init; }

    /// <summary>Durations in milliseconds by step.</summary>
    public required IReadOnlyDictionary<string, double> Timings { get; init; }
}

/// <summary>The dump.</summary>
public sealed record DumpJson(
    string Path, string Kind, string Os, string Architecture, int Processors, BugCheckJson? Bugcheck, DateTimeOffset? Time,
    string? Uptime)
{
    /// <summary>The stop of a system whose stops have no code; left out where there was none, and for bug checks.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public StopJson? Stop { get; init; }
}

/// <summary>A stop by what people call it, whether it was forced, what happened, and the instruction that failed.</summary>
public sealed record StopJson(string Title, bool Forced, string? Meaning, string? FaultAddress);

/// <summary>A labelled line.</summary>
public sealed record EvidenceJson(string Label, string Text);

/// <summary>A bug check. Code without the mark of small dumps; rawCode as recorded.</summary>
public sealed record BugCheckJson(string Code, string RawCode, string? Name, IReadOnlyList<string> Parameters);

/// <summary>The answer.</summary>
public sealed record VerdictJson(string Class, string Confidence, string Summary, CulpritJson? Culprit, int BlockedThreads)
{
    /// <summary>What is the same in every dump of the problem; null where nothing is wrong, or nothing can be said.</summary>
    public SignatureJson? Signature { get; init; }
}

/// <summary>A bucket: a short hash, and what it is made of in one line.</summary>
public sealed record SignatureJson(string Hash, string Title);

/// <summary>The module that is named, and the frame that shows it.</summary>
public sealed record CulpritJson(string Module, string? Company, string? Version, string Frame);

/// <summary>
/// A chain from who suffers to what causes it; further chains that are alike, links left out in its middle, and why it ends.
/// </summary>
public sealed record ChainJson(
    int BlockedThreads, int Similar, int OmittedLinks, string? End, IReadOnlyList<LinkJson> Links);

/// <summary>One link of a chain.</summary>
public sealed record LinkJson(
    string Kind, string Address, string Name, string? Process, ulong? Pid, ulong? Tid, string? WaitsFor, string? Age,
    string Certainty, string Evidence);

/// <summary>A stack.</summary>
public sealed record StackJson(string Title, string? Thread, IReadOnlyList<FrameJson> Frames);

/// <summary>A frame: its instruction pointer, its name, and how sure it is.</summary>
public sealed record FrameJson(string Address, string Frame, string Certainty);

/// <summary>Something ruled out or unknown, with the reason.</summary>
public sealed record ReasonJson(string What, string Why);

/// <summary>Serialisation of the reports, generated at compile time: no reflection at run time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(HangReport))]
[JsonSerializable(typeof(StackGroupsJson))]
[JsonSerializable(typeof(ChainsJson))]
[JsonSerializable(typeof(ModulesJson))]
[JsonSerializable(typeof(ProcessorsJson))]
[JsonSerializable(typeof(LocksJson))]
[JsonSerializable(typeof(DeadlocksJson))]
[JsonSerializable(typeof(WhyJson))]
[JsonSerializable(typeof(IrpsJson))]
[JsonSerializable(typeof(WorkersJson))]
[JsonSerializable(typeof(StorageJson))]
[JsonSerializable(typeof(DumpCheckJson))]
[JsonSerializable(typeof(ThreadDetailJson))]
[JsonSerializable(typeof(MatchingThreadsJson))]
[JsonSerializable(typeof(ThreadListJson))]
[JsonSerializable(typeof(RunningJson))]
[JsonSerializable(typeof(ReadyJson))]
[JsonSerializable(typeof(LpcPortsJson))]
[JsonSerializable(typeof(LpcWaitJson))]
[JsonSerializable(typeof(MsgJson))]
[JsonSerializable(typeof(ProcessesJson))]
[JsonSerializable(typeof(ProcessListJson))]
[JsonSerializable(typeof(LogJson))]
[JsonSerializable(typeof(RulesJson))]
[JsonSerializable(typeof(CrashWhyJson))]
[JsonSerializable(typeof(PoolWhoJson))]
[JsonSerializable(typeof(MemoryJson))]
[JsonSerializable(typeof(SystemJson))]
[JsonSerializable(typeof(LinuxTasksJson))]
[JsonSerializable(typeof(TaskListJson))]
[JsonSerializable(typeof(LinuxModulesJson))]
[JsonSerializable(typeof(LinuxMemoryJson))]
[JsonSerializable(typeof(LinuxWorkersJson))]
[JsonSerializable(typeof(LinuxProcessesJson))]
public sealed partial class ReportJsonContext : JsonSerializerContext;

/// <summary>The JSON of <c>!lpcchain</c>.</summary>
public sealed record ChainsJson(string Schema, IReadOnlyList<ChainJson> Chains);

/// <summary>The JSON of <c>!mods</c>.</summary>
public sealed record ModulesJson(string Schema, IReadOnlyList<ModuleJson> Modules);

/// <summary>A module. Origin is core, windows, third-party or unknown.</summary>
public sealed record ModuleJson(
    string Address, string Size, string Name, string File, string? Version, string? Company, string? LinkDate, string Origin);
