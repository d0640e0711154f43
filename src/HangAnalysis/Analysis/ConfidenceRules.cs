using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>How much a verdict can be relied on. The rules stand in docs/verdicts.md; both are changed together.</summary>
internal static class ConfidenceRules
{
    /// <summary>The confidence of a judgement on an end of the wait graph.</summary>
    /// <param name="judgement">The judgement.</param>
    /// <param name="weakest">The least sure step of its first chain.</param>
    public static Confidence Of(Judgement judgement, Certainty weakest)
    {
        // That a processor stands still is the finding of the system's own watchdog, whether anybody waits or not.
        if (judgement.Class == VerdictClass.ProcessorStuck && weakest != Certainty.Candidate)
            return Confidence.Medium;
        if (weakest == Certainty.Candidate || (!judgement.Root.HasWaiters && !judgement.Root.IsCycle))
            return Confidence.Low;
        return judgement.Class switch
        {
            VerdictClass.Deadlock => weakest == Certainty.Proven ? Confidence.High : Confidence.Medium,
            VerdictClass.StuckInDriver => judgement.Culprit is { Module.Origin: ModuleOrigin.ThirdParty, Certainty: Certainty.Proven }
                ? Confidence.High
                : Confidence.Medium,
            VerdictClass.Spinning => weakest == Certainty.Proven && judgement.Culprit is { Module.Origin: ModuleOrigin.ThirdParty }
                ? Confidence.High
                : Confidence.Medium,
            // That it is suspended is recorded, and no thread goes on by itself after that.
            VerdictClass.ServerNotAnswering when judgement.Thread is { IsSuspended: true } => Confidence.Medium,
            // The owner waits for something of its own program: it may be about to go on.
            VerdictClass.ServerNotAnswering when judgement.Thread is not null => Confidence.Low,
            VerdictClass.StuckIo or VerdictClass.OrphanedLock => weakest == Certainty.Proven ? Confidence.High : Confidence.Medium,
            _ => Confidence.Medium,
        };
    }

    /// <summary>The confidence of a crash: a faulting module is not yet a culprit.</summary>
    /// <param name="faultsInCulprit">Whether the faulting instruction lies in the module that is named.</param>
    /// <param name="isSelfEvident">Whether the record of the stop says what is to blame.</param>
    public static Confidence OfCrash(bool faultsInCulprit, bool isSelfEvident = false) =>
        isSelfEvident ? Confidence.High : faultsInCulprit ? Confidence.Medium : Confidence.Low;

    /// <summary>The confidence of what the record of a watchdog names: as sure as the rule by which it was found.</summary>
    public static Confidence OfBlame(CrashBlame blame) => blame.Certainty switch
    {
        Certainty.Proven => Confidence.High,
        Certainty.Inferred => Confidence.Medium,
        _ => Confidence.Low,
    };

    /// <summary>The confidence that memory is exhausted.</summary>
    /// <param name="commit">Whether commit is at its limit.</param>
    /// <param name="pages">Whether hardly any memory is available.</param>
    public static Confidence OfMemory(bool commit, bool pages) => commit && pages ? Confidence.High : Confidence.Medium;

    /// <summary>The confidence that there is no hang: what could not be read may hold one.</summary>
    public static Confidence OfNoHang(ISystemFacts system) =>
        system.Unknowns.Count == 0 ? Confidence.High : Confidence.Medium;

    /// <summary>That a dump does not hold the threads is seen, not concluded.</summary>
    public static Confidence OfNotEnoughData => Confidence.High;
}
