using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>The verdict on a system that stopped by itself.</summary>
internal static class CrashVerdict
{
    /// <summary>Makes the verdict: from what the system's knowledge finds, else from the stack of the crash.</summary>
    public static Verdict Make(ISystemFacts system, StopFacts stop)
    {
        if (system is ICrashFactsSource { Crash: { } facts } && facts.Blame != CrashBlame.None)
            return Make(system, facts);
        (ThreadFacts? Thread, StackFacts Stack)? crash = system.GetStopStack();
        StackFacts stack = crash?.Stack ?? new StackFacts([], null);
        FrameFacts? fault = stop.FaultAddress == 0 ? null : Fault(system, stack, stop.FaultAddress);
        Culprit? culprit = CulpritFinder.OfCrash(fault, stack);
        bool faultsInCulprit = culprit is not null && culprit.Frame == fault;
        string where = fault?.Module is { } module ? $" in {module.FileName}" : "";
        if (culprit is not null && !faultsInCulprit)
            where += $", called by {culprit.Module.FileName}";
        return new Verdict
        {
            Class = VerdictClass.Crash,
            Confidence = ConfidenceRules.OfCrash(faultsInCulprit, stop.IsSelfEvident),
            Summary = stop.Conclusion ?? $"the system stopped by itself: {stop.Title}" +
                $"{(stop.Meaning is null ? "" : $": {stop.Meaning}")}{where}",
            Culprit = culprit,
            Evidence = stop.Evidence,
            Stacks = crash is { } k && k.Stack.Frames.Count > 0 ? [new TitledStack("crash", k.Thread, k.Stack)] : [],
            RuledOut = system.HoldsWholeSystem ? RuledOutFacts.Collect(system) : [],
            Unknown = system.HoldsWholeSystem ? system.Unknowns : [.. system.Unknowns, HangAnalyzer.MissingThreads(system)],
        };
    }

    private static Verdict Make(ISystemFacts system, CrashFacts facts) => new()
    {
        Class = VerdictClass.Crash,
        Confidence = ConfidenceRules.OfCrash(facts.Blame.Certainty),
        Summary = facts.Blame.Statement,
        Culprit = facts.Blame is { Module: { } module }
            ? new Culprit(module, facts.Blame.Frame, facts.Blame.Frame?.Text ?? facts.Blame.Reason)
            : null,
        Evidence = [.. facts.Evidence, .. facts.Stop.Evidence],
        Stacks = [.. facts.Stacks.Where(s => s.Stack.Frames.Count > 0).Select(s => new TitledStack(s.Title, s.Thread, s.Stack))],
        RuledOut = system.HoldsWholeSystem ? [.. facts.RuledOut, .. RuledOutFacts.Collect(system)] : facts.RuledOut,
        Unknown = system.HoldsWholeSystem
            ? [.. facts.Unknown, .. system.Unknowns]
            : [.. facts.Unknown, .. system.Unknowns, HangAnalyzer.MissingThreads(system)],
    };

    /// <summary>The faulting instruction as the frame of the stack that it is, or by itself.</summary>
    private static FrameFacts Fault(ISystemFacts system, StackFacts stack, ulong address)
    {
        foreach (FrameFacts frame in stack.Frames)
            if (frame.InstructionPointer == address && frame.Certainty == Certainty.Proven)
                return frame;
        return system.DescribeAddress(address);
    }
}
