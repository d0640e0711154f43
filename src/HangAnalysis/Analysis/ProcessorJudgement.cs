using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Judges ends of the wait graph that are on a processor: deferred procedure calls, spin locks, starvation.</summary>
internal sealed partial class Judgement
{
    /// <summary>
    /// An owner that runs is slow, not stuck, unless its processor is held by a deferred procedure call, other processors spin
    /// for what it holds, or it keeps a thread that others wait for from its processor.
    /// </summary>
    private static Judgement? OfRunning(RootCause root, ThreadFacts thread, StackFacts stack, ISystemFacts system)
    {
        ProcessorFacts? processor = null;
        foreach (ProcessorFacts candidate in system.Processors)
            if (candidate.Current == thread)
                processor = candidate;
        if (processor is null)
            return null;
        Culprit? culprit = CulpritFinder.OfWait(stack, kernelOnly: true);
        if (processor.IsDpcLong)
            return new Judgement(root, VerdictClass.LongDpc)
            {
                Thread = thread,
                Stack = stack,
                Processor = processor,
                Culprit = processor.DpcRoutine is { Module: { Origin: not ModuleOrigin.Core } module } routine
                    ? new Culprit(module, routine)
                    : culprit,
            };
        if (IsSpunFor(root, system))
            return new Judgement(root, VerdictClass.Spinning)
            {
                Thread = thread, Stack = stack, Processor = processor, Culprit = culprit,
                Unknown = [new Unknown("why the lock is not released", system.Words.SpinReason)],
            };
        if (processor.Stall is { } stall)
            return new Judgement(root, VerdictClass.ProcessorStuck)
            {
                Thread = thread, Stack = stack, Processor = processor, Culprit = culprit,
                Unknown = stack.Frames.Count > 0 ? [] : [new Unknown($"what processor {processor.Number} does", stall.Answers == false
                    ? "it answers no interrupt, so that it could not tell"
                    : stack.EndNote ?? "its stack is not recorded")],
            };
        if (IsOverdue(root, system))
            return new Judgement(root, VerdictClass.OwnerRunning)
            {
                Thread = thread, Stack = stack, Processor = processor,
                Culprit = culprit is { Module.Origin: ModuleOrigin.ThirdParty } ? culprit : null,
                Unknown = [new Unknown("whether it gets on", "a dump is one moment: a second one shows whether it does")],
            };
        return IsStarving(root, system)
            ? new Judgement(root, VerdictClass.Starvation)
            {
                Thread = thread, Stack = stack, Processor = processor,
                Culprit = culprit is { Module.Origin: ModuleOrigin.ThirdParty } ? culprit : null,
            }
            : null;
    }

    /// <summary>A spin lock whose holder is not recorded; null where the end is none, or the spin no evidence.</summary>
    private static Judgement? OfSpinLock(RootCause root, ISystemFacts system) => IsSpunFor(root, system)
        ? new Judgement(root, VerdictClass.Spinning)
        {
            Unknown = [new Unknown("who holds the spin lock", system.Words.SpinHolder)],
        }
        : null;

    /// <summary>Whether an end is a lock that processors spin for.</summary>
    private static bool IsSpinLock(ObjectReference end, ISystemFacts system)
    {
        foreach (ProcessorFacts processor in system.Processors)
            if (processor.Spin is { } spin && spin.Lock == end)
                return true;
        return false;
    }

    /// <summary>
    /// Whether spins of processors lead to the end, and have lasted: every busy system spins for microseconds at any moment.
    /// That they last is shown by threads that wait or are ready behind them, by further processors that spin, or by deferred
    /// procedure calls that cannot run.
    /// </summary>
    private static bool IsSpunFor(RootCause root, ISystemFacts system)
    {
        int spinning = 0;
        bool hasEvidence = false;
        foreach (ProcessorFacts processor in system.Processors)
            if (processor is { Spin: not null, Current: { } thread }
                && root.Waiters.ContainsKey(ObjectReference.To(thread.Address)))
            {
                spinning++;
                hasEvidence |= processor.DpcQueueDepth > 0 || processor.Spin.HasLasted;
            }
        if (spinning == 0)
            return false;
        foreach (ThreadFacts blocked in root.Blocked)
            hasEvidence |= blocked.Activity != ThreadActivity.Running;
        return hasEvidence || spinning > 1;
    }

    /// <summary>Whether a lock that the end has is awaited for longer than the system holds for healthy.</summary>
    private static bool IsOverdue(RootCause root, ISystemFacts system)
    {
        bool isOwed = false;
        foreach ((ObjectReference waiter, (WaitEdge step, _)) in root.Waiters)
            isOwed |= step.To == root.Ends[0] && waiter.Kind is ObjectKind.Lock or ObjectKind.Event;
        if (!isOwed)
            return false;
        foreach (ThreadFacts blocked in root.Blocked)
            if (blocked.IsOverdue)
                return true;
        return false;
    }

    private static bool IsStarving(RootCause root, ISystemFacts system)
    {
        foreach ((ObjectReference waiter, (WaitEdge step, _)) in root.Waiters)
            if (waiter.Kind == ObjectKind.Thread && step.To == root.Ends[0]
                && system.FindThread(waiter.Address) is { Activity: ThreadActivity.Ready })
                return true;
        return false;
    }
}
