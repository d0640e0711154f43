using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Joins what a stop says of itself with what the waits say: for dumps that were forced, and for watchdogs.</summary>
/// <remarks>
/// A forced dump accuses nobody by its own stack, so that the waits alone are the verdict. Where a watchdog of the system ended a
/// hang, its record is the better witness if it names something: it says what hung, and the waits only who else did.
/// </remarks>
internal static class StopVerdict
{
    /// <summary>The verdict of a stop, of which the waits gave <paramref name="waits"/>.</summary>
    public static Verdict Join(ISystemFacts system, StopFacts stop, Verdict waits)
    {
        bool isHang = waits.Class is not (VerdictClass.NoHang or VerdictClass.NotEnoughData);
        if (stop.IsForced)
            return waits.Class == VerdictClass.NotEnoughData ? waits : Begin(stop, waits);
        CrashFacts? crash = (system as ICrashFactsSource)?.Crash;
        if (crash is null)
            return isHang ? Begin(stop, waits) : CrashVerdict.Make(system, stop);
        bool isNamed = crash.Blame is { Cause: not CrashCause.Unknown, Certainty: not Certainty.Candidate };
        // The stack of the stop is the watchdog's: where its record names nobody, nobody is accused by that.
        return isHang && !isNamed ? Begin(stop, waits) : OfBlame(system, stop, crash, isHang ? waits : null);
    }

    /// <summary>Puts the end that <paramref name="focus"/> waits for before all others; nothing changes where there is none.</summary>
    public static void PutFirst(ObjectReference focus, List<Judgement> judgements, WaitGraph graph, ISystemFacts system)
    {
        HashSet<ObjectReference> reached = [focus];
        // A process hangs where one of its threads does.
        if (focus.Kind == ObjectKind.Process && system.FindProcess(focus.Address) is { } process)
            reached.UnionWith(process.Threads.Select(t => ObjectReference.To(t.Address)));
        Queue<ObjectReference> queue = new(reached);
        while (queue.TryDequeue(out ObjectReference at))
            foreach (WaitEdge edge in graph.From(at))
                if (reached.Add(edge.To))
                    queue.Enqueue(edge.To);
        int index = judgements.FindIndex(j => j.Root.Ends.Any(reached.Contains));
        if (index <= 0)
            return;
        Judgement first = judgements[index];
        judgements.RemoveAt(index);
        judgements.Insert(0, first);
    }

    private static Verdict Begin(StopFacts stop, Verdict waits) =>
        stop.Preface is { } preface ? waits with { Summary = $"{preface}: {waits.Summary}" } : waits;

    private static Verdict OfBlame(ISystemFacts system, StopFacts stop, CrashFacts crash, Verdict? waits)
    {
        CrashBlame blame = crash.Blame;
        List<(string, Phrase)> evidence = [.. crash.Evidence];
        if (waits is not null)
            evidence.Add(("Waits", Phrase.Of(waits.Summary)));
        return new Verdict
        {
            Class = VerdictClass.Crash,
            Confidence = ConfidenceRules.OfCrash(blame.Certainty),
            Summary = blame.Cause == CrashCause.Unknown
                ? $"{stop.Preface ?? stop.Title}; {blame.Statement}" : $"{stop.Title}: {blame.Statement}",
            Culprit = blame.Module is { } module ? new Culprit(module, blame.Frame, blame.Frame?.Text ?? blame.Reason) : null,
            Evidence = evidence,
            Stacks = [.. crash.Stacks.Where(s => s.Stack.Frames.Count > 0).Select(s => new TitledStack(s.Title, s.Thread, s.Stack))],
            RuledOut = [.. crash.RuledOut, .. system.HoldsWholeSystem ? RuledOutFacts.Collect(system) : []],
            Unknown = [.. crash.Unknown.Union(system.Unknowns)],
        };
    }
}
