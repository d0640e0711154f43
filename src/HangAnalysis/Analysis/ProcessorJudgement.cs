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
                hasEvidence |= processor.DpcQueueDepth > 0;
            }
        if (spinning == 0)
            return false;
        foreach (ThreadFacts blocked in root.Blocked)
            hasEvidence |= blocked.Activity != ThreadActivity.Running;
        return hasEvidence || spinning > 1;
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
