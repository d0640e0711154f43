using System.Globalization;
using HangAnalysis.Model;

namespace HangAnalysis.Analysis.Rules;

/// <summary>What has to be found, all of it: what is null or empty is not asked for.</summary>
internal sealed record IssueEvidence
{
    /// <summary>Numbers of stops, of which one is the dump's.</summary>
    public IReadOnlyList<uint> Codes { get; init; } = [];

    /// <summary>Parameters 1 to 4 of the stop.</summary>
    public IReadOnlyList<ParameterCondition?> Parameters { get; init; } = [];

    /// <summary>The module of the faulting instruction.</summary>
    public ModuleCondition? FaultModule { get; init; }

    /// <summary>The module that the verdict names.</summary>
    public ModuleCondition? Culprit { get; init; }

    /// <summary>Kinds of cause that the examination of the stop came to.</summary>
    public IReadOnlyList<CrashCause> Causes { get; init; } = [];

    /// <summary>The faulting instruction as debuggers print it.</summary>
    public IReadOnlyList<NamePattern> Instructions { get; init; } = [];

    /// <summary>Frames of which one is in a stack of the verdict.</summary>
    public IReadOnlyList<NamePattern> StackAny { get; init; } = [];

    /// <summary>Frames that are all in one and the same stack of the verdict.</summary>
    public IReadOnlyList<NamePattern> StackAll { get; init; } = [];

    /// <summary>Frames of which none is in any stack of the verdict.</summary>
    public IReadOnlyList<NamePattern> StackNone { get; init; } = [];

    /// <summary>Modules of which one is what the thread at the end of the chain does not come out of.</summary>
    public IReadOnlyList<NamePattern> Owners { get; init; } = [];

    /// <summary>The same of the threads that wait for it.</summary>
    public IReadOnlyList<NamePattern> Waiters { get; init; } = [];

    /// <summary>Drivers of which one has the request that does not complete.</summary>
    public IReadOnlyList<NamePattern> RequestHolders { get; init; } = [];

    /// <summary>Classes of verdicts.</summary>
    public IReadOnlyList<VerdictClass> Verdicts { get; init; } = [];

    /// <summary>Processes of which one is the thread's that the verdict is about, or the one that died.</summary>
    public IReadOnlyList<NamePattern> Processes { get; init; } = [];

    /// <summary>Modules in whose place, after it was unloaded, the fault is.</summary>
    public IReadOnlyList<NamePattern> FaultUnloaded { get; init; } = [];

    /// <summary>What is allocated under a tag.</summary>
    public PoolTagCondition? PoolTag { get; init; }

    /// <summary>Modules that are all loaded. By itself no evidence of anything.</summary>
    public IReadOnlyList<ModuleCondition> Loaded { get; init; } = [];

    /// <summary>Modules of which one had been unloaded. By itself no evidence of anything.</summary>
    public IReadOnlyList<NamePattern> Unloaded { get; init; } = [];

    /// <summary>The first and the last build of the system.</summary>
    public (int? First, int? Last) Builds { get; init; }

    /// <summary>The least time for which the longest wait has lasted.</summary>
    public TimeSpan? LeastWait { get; init; }

    /// <summary>The first and the last day of the dump.</summary>
    public (DateOnly? First, DateOnly? Last) Days { get; init; }

    /// <summary>Whether something is asked for that says where a module was when it happened, and not only that it is there.</summary>
    public bool HasPlace => FaultModule is not null || Culprit is not null || Instructions.Count > 0 || StackAny.Count > 0
        || StackAll.Count > 0 || Owners.Count > 0 || Waiters.Count > 0 || RequestHolders.Count > 0 || FaultUnloaded.Count > 0
        || PoolTag is not null || Parameters.Any(p => p?.Modules.Count > 0);

    /// <summary>Whether something is asked for that other dumps of such machines do not have.</summary>
    public bool HasEvidence => HasPlace || Codes.Count > 0 || Causes.Count > 0;

    /// <summary>What is asked for, by the names that files of rules have for it.</summary>
    public IReadOnlyList<(string Label, string Text)> Describe()
    {
        List<(string, string)> lines = [];
        Add("code", Codes.Select(c => $"0x{c:x}"));
        for (int i = 0; i < Parameters.Count; i++)
            if (Parameters[i] is { } parameter)
                Add($"p{i + 1}", [parameter.Describe()]);
        Add("verdict", Verdicts.Select(v => ContractWords.Of(v)));
        Add("cause", Causes.Select(c => ContractWords.Of(c)));
        Add("faultModule", [FaultModule?.Describe()]);
        Add("instruction", Instructions.Select(p => p.Text));
        Add("faultUnloaded", FaultUnloaded.Select(p => p.Text));
        Add("culprit", [Culprit?.Describe()]);
        Add("stackAny", StackAny.Select(p => p.Text));
        Add("stackAll", StackAll.Select(p => p.Text), " and ");
        Add("stackNone", StackNone.Select(p => p.Text));
        Add("owner", Owners.Select(p => p.Text));
        Add("waiter", Waiters.Select(p => p.Text));
        Add("irpHolder", RequestHolders.Select(p => p.Text));
        Add("poolTag", [PoolTag?.Describe()]);
        Add("processName", Processes.Select(p => p.Text));
        Add("minWaitSeconds", [LeastWait?.TotalSeconds.ToString(CultureInfo.InvariantCulture)]);
        Add("moduleLoaded", Loaded.Select(m => m.Describe()), " and ");
        Add("moduleUnloaded", Unloaded.Select(p => p.Text));
        Add("os", [Range(Builds.First?.ToString(CultureInfo.InvariantCulture), Builds.Last?.ToString(CultureInfo.InvariantCulture))]);
        Add("date", [Range(Days.First?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            Days.Last?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture))]);
        return lines;

        void Add(string label, IEnumerable<string?> texts, string separator = ", ")
        {
            string text = string.Join(separator, texts.OfType<string>());
            if (text.Length > 0)
                lines.Add((label, text));
        }
    }

    private static string? Range(string? first, string? last) =>
        first is null && last is null ? null
        : first == last ? first
        : first is null ? $"up to {last}" : last is null ? $"from {first}" : $"{first} to {last}";

    /// <summary>How many things are asked for: of two issues that fit, the one that asks for more is the better one.</summary>
    public int Weight
    {
        get
        {
            int weight = StackAll.Count;
            foreach (bool isAsked in (ReadOnlySpan<bool>)[
                Codes.Count > 0, FaultModule is not null, Culprit is not null, Causes.Count > 0, Instructions.Count > 0,
                StackAny.Count > 0, StackNone.Count > 0, Owners.Count > 0, Waiters.Count > 0, RequestHolders.Count > 0, Verdicts.Count > 0,
                Processes.Count > 0, FaultUnloaded.Count > 0, PoolTag is not null, Loaded.Count > 0, Unloaded.Count > 0,
                Builds != default, LeastWait is not null, Days != default])
                weight += isAsked ? 1 : 0;
            foreach (ParameterCondition? parameter in Parameters)
                weight += parameter is null ? 0 : 1;
            return weight;
        }
    }
}

/// <summary>What a parameter of the stop has to be.</summary>
/// <param name="Mask">The bits that are looked at.</param>
/// <param name="Values">Values of which these bits make one; empty where the value does not matter.</param>
/// <param name="OneBit">Whether exactly one of its bits is set.</param>
/// <param name="OneBitOff">The parameter from which it differs in exactly one bit; 0 for none.</param>
/// <param name="Modules">Modules of which one contains the address that it is; empty where it may be anything.</param>
internal sealed record ParameterCondition(
    ulong Mask, IReadOnlyList<ulong> Values, bool OneBit, int OneBitOff, IReadOnlyList<NamePattern> Modules)
{
    /// <summary>The condition in words.</summary>
    public string Describe()
    {
        List<string> words = [];
        if (Values.Count > 0)
            words.Add(string.Join(" or ", Values.Select(v => $"0x{v:x}")) + (Mask == ulong.MaxValue ? "" : $" (bits 0x{Mask:x})"));
        if (OneBit)
            words.Add("one bit");
        if (OneBitOff > 0)
            words.Add($"one bit other than p{OneBitOff}");
        if (Modules.Count > 0)
            words.Add($"in {string.Join(" or ", Modules.Select(m => m.Text))}");
        return string.Join(", ", words);
    }
}

/// <summary>What a module has to be. What of it the dump does not tell is not met.</summary>
/// <param name="Names">Names of which it has one.</param>
/// <param name="First">The first version; null for any.</param>
/// <param name="Before">The version that it is older than; null for any.</param>
/// <param name="LinkedBefore">The day before which it was linked; null for any.</param>
internal sealed record ModuleCondition(
    IReadOnlyList<NamePattern> Names, FileVersion? First, FileVersion? Before, DateOnly? LinkedBefore)
{
    /// <summary>The condition in words.</summary>
    public string Describe() => string.Join(" or ", Names.Select(n => n.Text))
        + (First is { } first ? $", version {first} or later" : "") + (Before is { } before ? $", before version {before}" : "")
        + (LinkedBefore is { } day ? $", linked before {day:yyyy-MM-dd}" : "");
}

/// <summary>How much has to be allocated under a tag.</summary>
/// <param name="Tags">Tags of which one has that much.</param>
/// <param name="LeastBytes">How much.</param>
/// <param name="IsPaged">Whether of paged memory, of nonpaged, or null for either.</param>
internal sealed record PoolTagCondition(IReadOnlyList<NamePattern> Tags, ulong LeastBytes, bool? IsPaged)
{
    /// <summary>The condition in words.</summary>
    public string Describe() => string.Join(" or ", Tags.Select(t => t.Text))
        + $", {ByteText.Format(LeastBytes)} or more{(IsPaged is { } paged ? paged ? " of paged pool" : " of nonpaged pool" : "")}";
}
