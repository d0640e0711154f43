using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Makes the verdict of a dump.</summary>
/// <remarks>
/// The order of judgement: a stop of the system by itself is a crash; a dump without the system's threads cannot speak of a
/// hang; otherwise the ends of the wait graph are ranked, and the first that has lasted decides. docs/verdicts.md has the
/// rules of each class and of its confidence.
/// </remarks>
public static class HangAnalyzer
{
    /// <summary>
    /// A wait is no evidence before it has lasted this long: healthy systems have thousands of shorter ones at any moment.
    /// </summary>
    public static readonly TimeSpan HangAge = TimeSpan.FromSeconds(5);

    /// <summary>Chains that a verdict lists.</summary>
    private const int MostChains = 8;

    /// <summary>Makes the verdict.</summary>
    public static Verdict Analyze(ISystemFacts system)
    {
        if (system.Stop is { IsForced: false } stop)
            return CrashVerdict.Make(system, stop);
        if (!system.HoldsWholeSystem)
            return NotEnoughData(system);
        WaitGraph graph = new(system.Edges);
        List<RootCause> roots = RootCause.FindAll(graph, system);
        List<Judgement> judgements = [];
        foreach (RootCause root in roots)
        {
            if (judgements.Count >= MostChains)
                break;
            if (HasLasted(root) && Judgement.Of(root, system) is { } judgement)
                judgements.Add(judgement);
        }
        // Ranked by what waits; among equals the surer one first, so that a guess never hides a proof.
        Judgement? best = judgements.Count == 0 ? null : judgements[0];
        if (best is null)
            return MemoryVerdict.Make(system) ?? (system.WasInterrupted ? Interrupted(system) : NoHang(system, roots));
        ChainBuilder chains = new(system, graph);
        Chain[] built = judgements.ConvertAll(j => chains.Build(j.Root, j.Culprit)).ToArray();
        Certainty weakest = Certainty.Proven;
        foreach (ChainLink link in built[0].Links)
            weakest = link.Certainty < weakest ? link.Certainty : weakest;
        return new Verdict
        {
            Class = best.Class,
            Confidence = ConfidenceRules.Of(best, weakest),
            Summary = VerdictSentences.Summarize(best, built[0], system),
            Culprit = best.Culprit,
            BlockedThreads = built[0].BlockedThreads,
            LongestWait = built[0].LongestWait,
            Chains = built,
            Stacks = best.Thread is null ? [] : [new TitledStack("root thread", best.Thread, best.Stack!)],
            RuledOut = RuledOutFacts.Collect(system),
            Unknown = [.. best.Unknown, .. system.Unknowns],
        };
    }

    private static bool HasLasted(RootCause root) => root.IsCycle || root.LongestWait is not { } wait || wait >= HangAge;

    private static Verdict NotEnoughData(ISystemFacts system)
    {
        (ThreadFacts? Thread, StackFacts Stack)? stop = system.GetStopStack();
        string forced = system.Stop?.Meaning is { } meaning ? $"{meaning}, so it hung, but " : "";
        string reason = system.HoldsThreads && system.Unknowns.Count > 0
            ? $"{system.Unknowns[0].What} cannot be told: {system.Unknowns[0].Why}"
            : "the dump does not hold the threads of the system";
        return new Verdict
        {
            Class = VerdictClass.NotEnoughData,
            Confidence = Confidence.High,
            Summary = forced + reason,
            Stacks = stop is { } s && s.Stack.Frames.Count > 0 ? [new TitledStack("processor that took the dump", s.Thread, s.Stack)] : [],
            Unknown = system.HoldsThreads ? system.Unknowns : [.. system.Unknowns, MissingThreads],
        };
    }

    internal static Unknown MissingThreads { get; } =
        new("who waits for whom", "this kind of dump holds one thread; a kernel or complete dump holds them all");

    private static Verdict Interrupted(ISystemFacts system) => new()
    {
        Class = VerdictClass.NotEnoughData,
        Confidence = Confidence.High,
        Summary = $"reading was interrupted; nothing that hangs is among what was read of {system.Threads.Count:N0} threads",
        RuledOut = RuledOutFacts.Collect(system),
        Unknown = system.Unknowns,
    };

    private static Verdict NoHang(ISystemFacts system, List<RootCause> roots)
    {
        int shortWaits = roots.Count(r => !HasLasted(r));
        string note = shortWaits == 0 ? "" : $"; {shortWaits:N0} short waits (under {HangAge.TotalSeconds:0} s) are in progress";
        return new Verdict
        {
            Class = VerdictClass.NoHang,
            Confidence = system.Unknowns.Count == 0 ? Confidence.High : Confidence.Medium,
            Summary = $"no thread of {system.Threads.Count:N0} waits for anything that has an owner or a driver to answer{note}",
            RuledOut = RuledOutFacts.Collect(system),
            Unknown = system.Unknowns,
        };
    }
}
