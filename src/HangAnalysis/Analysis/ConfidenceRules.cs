using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>How much a verdict can be relied on. The rules stand in docs/verdicts.md; both are changed together.</summary>
internal static class ConfidenceRules
{
    /// <summary>The confidence of a judgement.</summary>
    /// <param name="judgement">The judgement.</param>
    /// <param name="weakest">The least sure step of its first chain.</param>
    public static Confidence Of(Judgement judgement, Certainty weakest)
    {
        if (weakest == Certainty.Candidate || (judgement.Root.Waiters.Count == 0 && !judgement.Root.IsCycle))
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
}
