using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Makes the verdict of a dump.</summary>
/// <remarks>
/// The order of judgement: a stop of the system by itself is a crash, unless a watchdog ended a hang by it; a dump without the
/// system's threads cannot speak of a hang; otherwise the ends of the wait graph are ranked, and the first that has lasted decides. docs/verdicts.md has the
/// rules of each class and of its confidence.
/// </remarks>
public static class HangAnalyzer
{
    /// <summary>A wait is no evidence before it has lasted this long.</summary>
    public static TimeSpan HangAge => WaitEvidence.LeastAge;

    /// <summary>Ends that are judged and told unless all are asked for: each costs a stack and a chain.</summary>
    public const int MostEnds = 128;

    /// <summary>Makes the verdict.</summary>
    /// <param name="system">The system.</param>
    /// <param name="judgesAll">Whether all ends are judged, and not only the <see cref="MostEnds"/> most important.</param>
    public static Verdict Analyze(ISystemFacts system, bool judgesAll = false)
    {
        if (system.Stop is not { } stop)
            return AnalyzeWaits(system, null, judgesAll);
        return stop is { IsForced: false, IsHang: false }
            ? CrashVerdict.Make(system, stop)
            : StopVerdict.Join(system, stop, AnalyzeWaits(system, stop.Focus, judgesAll));
    }

    /// <summary>The verdict that the waits give; a chain that leads from <paramref name="focus"/> on comes first.</summary>
    private static Verdict AnalyzeWaits(ISystemFacts system, ObjectReference? focus, bool judgesAll)
    {
        if (!system.HoldsWholeSystem)
            return NotEnoughData(system);
        WaitGraph graph = new(system.Edges, system);
        List<RootCause> roots = RootCause.FindAll(graph, system);
        Judges judges = new(graph, roots, system);
        (List<Judgement> judgements, int left) = judges.Judge(judgesAll ? int.MaxValue : MostEnds);
        if (judgements.Count == 0)
            return MemoryVerdict.Make(system) ?? (system.WasInterrupted ? Interrupted(system)
                : system.MissingThreads > 0 ? Incomplete(system) : NoHang(system, roots));
        if (focus is { } first)
            StopVerdict.PutFirst(first, judgements, graph, system);
        Judgement best = judgements[0];
        // That a thread waits, and nobody for it, and nobody knows for what, says less than that there is no memory left.
        if (best is { Class: VerdictClass.OwnerUnknown, Root.HasWaiters: false } && MemoryVerdict.Make(system) is { } exhausted)
            return exhausted;
        List<Chain> chains = ChainCollapse.Collapse(judgements, new ChainBuilder(system, graph));
        Certainty weakest = Certainty.Proven;
        foreach (ChainLink link in chains[0].Links)
            weakest = link.Certainty < weakest ? link.Certainty : weakest;
        List<Unknown> unknown = [.. best.Unknown.Union(system.Unknowns)];
        if (left > 0)
            unknown.Add(new Unknown($"{left:N0} further ends of waits", $"only the {MostEnds:N0} most important are judged unless all are asked for"));
        return new Verdict
        {
            Class = best.Class,
            Confidence = ConfidenceRules.Of(best, weakest),
            Summary = VerdictSentences.Summarize(best, chains[0], system),
            Culprit = best.Culprit,
            Evidence = RecordedEvidence.Collect(system, chains[0]),
            BlockedThreads = chains[0].BlockedThreads,
            LongestWait = chains[0].LongestWait,
            Chains = chains,
            Stacks = Stacks(best, chains[0], system),
            RuledOut = RuledOutFacts.Collect(system),
            Unknown = unknown,
        };
    }

    /// <summary>The stack of the thread at the end; of a circle, those of its threads.</summary>
    private static IReadOnlyList<TitledStack> Stacks(Judgement judgement, Chain chain, ISystemFacts system)
    {
        if (judgement.Thread is not null)
            return [new TitledStack("root thread", judgement.Thread, judgement.Stack!)];
        List<TitledStack> stacks = [];
        const int MostStacks = 4;
        if (!chain.IsCycle)
            return stacks;
        foreach (ChainLink link in chain.Links)
            if (link.Thread is { } thread && judgement.Root.Ends.Contains(link.Reference) && stacks.Count < MostStacks
                && !stacks.Exists(s => s.Thread == thread))
                stacks.Add(new TitledStack("thread in the circle", thread, system.GetStack(thread)));
        return stacks;
    }

    /// <summary>Whether an end has lasted long enough to be evidence.</summary>
    internal static bool HasLasted(RootCause root) =>
        root.IsCycle || root.LongestWait is not { } wait || wait >= HangAge;

    private static Verdict NotEnoughData(ISystemFacts system)
    {
        (ThreadFacts? Thread, StackFacts Stack)? stop = system.GetStopStack();
        string forced = system.Stop switch
        {
            { Preface: { } preface } => $"{preface}, but ",
            { Meaning: { } meaning } => $"{meaning}, so it hung, but ",
            _ => "",
        };
        string reason = system.HoldsThreads && system.Unknowns.Count > 0
            ? $"{system.Unknowns[0].What} cannot be told: {system.Unknowns[0].Why}"
            : "the dump does not hold the threads of the system";
        return new Verdict
        {
            Class = VerdictClass.NotEnoughData,
            Confidence = ConfidenceRules.OfNotEnoughData,
            Summary = system.Stop?.Conclusion ?? forced + reason,
            Evidence = system.Stop?.Evidence ?? [],
            Stacks = stop is { } s && s.Stack.Frames.Count > 0 ? [new TitledStack("processor that took the dump", s.Thread, s.Stack)] : [],
            Unknown = system.HoldsThreads ? system.Unknowns : [.. system.Unknowns, MissingThreads(system)],
        };
    }

    internal static Unknown MissingThreads(ISystemFacts system) => new("who waits for whom", system.Words.MissingThreads);

    private static Verdict Interrupted(ISystemFacts system) => new()
    {
        Class = VerdictClass.NotEnoughData,
        Confidence = Confidence.High,
        Summary = $"reading was interrupted; nothing that hangs is among what was read of {system.Threads.Count:N0} threads",
        Evidence = RecordedEvidence.Collect(system, null),
        RuledOut = RuledOutFacts.Collect(system),
        Unknown = system.Unknowns,
    };

    private static Verdict Incomplete(ISystemFacts system) => new()
    {
        Class = VerdictClass.NotEnoughData,
        Confidence = ConfidenceRules.OfNotEnoughData,
        Summary = $"{system.MissingThreads:N0} threads of {system.Threads.Count + system.MissingThreads:N0} are not in the dump; " +
            "nothing that hangs is among the others",
        Evidence = RecordedEvidence.Collect(system, null),
        RuledOut = RuledOutFacts.Collect(system),
        Unknown = system.Unknowns,
    };

    private static Verdict NoHang(ISystemFacts system, List<RootCause> roots)
    {
        int shortWaits = roots.Count(r => !HasLasted(r));
        string note = shortWaits == 0 ? "" :
            $"; {shortWaits:N0} short wait{(shortWaits == 1 ? "" : "s")} (under {HangAge.TotalSeconds:0} s) in progress";
        return new Verdict
        {
            Class = VerdictClass.NoHang,
            Confidence = ConfidenceRules.OfNoHang(system),
            Summary = $"no thread of {system.Threads.Count:N0} waits for anything that has an owner or a driver to answer{note}",
            Evidence = RecordedEvidence.Collect(system, null),
            RuledOut = RuledOutFacts.Collect(system),
            Unknown = system.Unknowns,
        };
    }
}
