using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>What one end of the wait graph means.</summary>
internal sealed partial class Judgement
{
    private Judgement(RootCause root, VerdictClass verdictClass)
    {
        Root = root;
        Class = verdictClass;
    }

    /// <summary>The end that is judged.</summary>
    public RootCause Root { get; }

    /// <summary>What it is.</summary>
    public VerdictClass Class { get; }

    /// <summary>The thread at the end, or the one that sent the request there; null where there is none.</summary>
    public ThreadFacts? Thread { get; private init; }

    /// <summary>The process at the end, where no thread of it is named; null otherwise.</summary>
    public ProcessFacts? Process { get; private init; }

    /// <summary>The stack of that thread.</summary>
    public StackFacts? Stack { get; private init; }

    /// <summary>The processor at the end, where the end is on one; null otherwise.</summary>
    public ProcessorFacts? Processor { get; private init; }

    /// <summary>The module that is named.</summary>
    public Culprit? Culprit { get; private init; }

    /// <summary>What this judgement leaves open.</summary>
    public IReadOnlyList<Unknown> Unknown { get; private init; } = [];

    /// <summary>Judges an end; null where it is no evidence of a hang.</summary>
    public static Judgement? Of(RootCause root, ISystemFacts system)
    {
        ObjectReference end = root.Ends[0];
        if (root.IsCycle)
            return OfCycle(root, system);
        switch (end.Kind)
        {
            case ObjectKind.Thread:
                return system.FindThread(end.Address) is { } thread ? OfThread(root, thread, system) : null;
            case ObjectKind.Process:
                return OfProcess(root, system.FindProcess(end.Address), system);
            case ObjectKind.Driver or ObjectKind.Request or ObjectKind.Device:
                return OfRequest(root, system);
            case ObjectKind.Message:
                return new Judgement(root, VerdictClass.ServerNotAnswering)
                {
                    Unknown = [new Unknown($"who should answer {system.FindObject(end)?.Title ?? "the message"} {end.Address:x16}",
                        system.FindObject(end)?.State?.ToString() ?? "the message's port has no owner")],
                };
            case ObjectKind.Lock when system.FindObject(end) is { IsOrphaned: true }:
                return new Judgement(root, VerdictClass.OrphanedLock);
            case ObjectKind.Lock or ObjectKind.Processor when IsSpinLock(end, system):
                return OfSpinLock(root, system);
            default:
                return new Judgement(root, VerdictClass.OwnerUnknown)
                {
                    Unknown = [new Unknown($"who holds {system.FindObject(end)?.Title ?? "the object"} {end.Address:x16}",
                        system.FindObject(end)?.State?.ToString() ?? "its owner is not recorded")],
                };
        }
    }

    /// <summary>A circle; a thread that waits for itself is stuck in the module that made it do so.</summary>
    private static Judgement OfCycle(RootCause root, ISystemFacts system)
    {
        ThreadFacts? only = null;
        int threads = 0;
        foreach (ObjectReference member in root.Ends)
            if (member.Kind == ObjectKind.Thread && threads++ == 0)
                only = system.FindThread(member.Address);
        if (threads != 1 || only is null)
            return new Judgement(root, VerdictClass.Deadlock);
        StackFacts stack = system.GetStack(only);
        return new Judgement(root, VerdictClass.Deadlock)
        {
            Thread = only,
            Stack = stack,
            Culprit = CulpritFinder.OfWait(stack, kernelOnly: true) is { Module.Origin: ModuleOrigin.ThirdParty } c ? c : null,
        };
    }

    private static Judgement? OfThread(RootCause root, ThreadFacts thread, ISystemFacts system)
    {
        if (thread.HasExited)
            return new Judgement(root, VerdictClass.OrphanedLock) { Thread = thread, Stack = system.GetStack(thread) };
        StackFacts stack = system.GetStack(thread);
        switch (thread.Activity)
        {
            case ThreadActivity.Ready:
                return thread.Age is { } age && age >= HangAnalyzer.HangAge
                    ? new Judgement(root, VerdictClass.Starvation) { Thread = thread, Stack = stack }
                    : null;
            case ThreadActivity.Running:
                return OfRunning(root, thread, stack, system);
        }
        bool hasWaiters = root.Waiters.Count > 0;
        if (thread.Role != WaitRole.Blocked && !(thread.Role == WaitRole.Parked && hasWaiters))
            return OfQuietOwner(root, thread, stack, system);
        Culprit? culprit = CulpritFinder.OfWait(stack, kernelOnly: true);
        if (culprit is null)
            return hasWaiters || thread.IsOverdue
                ? new Judgement(root, VerdictClass.OwnerUnknown)
                {
                    Thread = thread, Stack = stack, Unknown = [NoOwner(thread, system)],
                }
                : null;
        // Without anybody waiting for it, only a module that is not a part of the system is worth an accusation.
        if (!hasWaiters && !thread.IsOverdue && culprit.Module.Origin is not ModuleOrigin.ThirdParty)
            return null;
        return new Judgement(root, VerdictClass.StuckInDriver)
        {
            Thread = thread, Stack = stack, Culprit = culprit, Unknown = [NoOwner(thread, system)],
        };
    }

    /// <summary>A thread that others wait for and that waits in its own program: its program does not get on.</summary>
    private static Judgement? OfQuietOwner(RootCause root, ThreadFacts thread, StackFacts stack, ISystemFacts system)
    {
        if (root.Waiters.Count == 0)
            return null;
        // The end of a thread or process that works on is awaited all the time; a lock or an answer is owed. Of a process
        // only those threads are followed that keep it from what it owes.
        bool isOwed = false;
        foreach ((ObjectReference waiter, (WaitEdge step, _)) in root.Waiters)
            isOwed |= step.To == root.Ends[0] && waiter.Kind is ObjectKind.Lock or ObjectKind.Message or ObjectKind.Process;
        return isOwed
            ? new Judgement(root, VerdictClass.ServerNotAnswering)
            {
                Thread = thread,
                Stack = stack,
                Culprit = CulpritFinder.OfWait(stack, kernelOnly: false) is { Module.Origin: ModuleOrigin.ThirdParty } c ? c : null,
                Unknown = thread.IsSuspended ? [new Unknown("who has suspended the thread", system.Words.NotRecorded)] : [],
            }
            : null;
    }

    /// <summary>
    /// A request that does not come back. The driver that has it now is named if it is none of the system's own, which only
    /// pass requests on; and what it waits for itself is not known.
    /// </summary>
    private static Judgement OfRequest(RootCause root, ISystemFacts system)
    {
        ObjectReference end = root.Ends[0];
        ThreadFacts? sender = null;
        string? request = null;
        foreach ((ObjectReference waiter, (WaitEdge step, int distance)) in root.Waiters)
        {
            if (waiter.Kind == ObjectKind.Request && step.To == end)
                request ??= step.What.ToString();
            if (waiter.Kind == ObjectKind.Thread && (step.To.Kind == ObjectKind.Request || step.To == end)
                && system.FindThread(waiter.Address) is { } thread && (sender is null || thread.Age > sender.Age))
                sender = thread;
        }
        ModuleFacts? module = end.Kind == ObjectKind.Driver ? system.FindModule(end.Address) : null;
        return new Judgement(root, VerdictClass.StuckIo)
        {
            Thread = sender,
            Stack = sender is null ? null : system.GetStack(sender),
            Culprit = module is { Origin: ModuleOrigin.ThirdParty or ModuleOrigin.Unknown }
                ? new Culprit(module, null, request ?? "")
                : null,
            Unknown = [system.FindObject(end) is { IsExternal: true }
                ? new Unknown("which server must answer", system.Words.NetworkReason)
                : new Unknown("why the request does not complete", system.FindObject(end)?.State?.ToString()
                    ?? "the driver's own state is private to it; it may wait for another driver or for hardware")],
        };
    }

    /// <summary>
    /// A process owes an answer if a message waits for it. Its end may be awaited for ever: every shell does so with the
    /// programs it started.
    /// </summary>
    private static Judgement? OfProcess(RootCause root, ProcessFacts? process, ISystemFacts system)
    {
        bool owesAnswer = false;
        foreach ((ObjectReference waiter, (WaitEdge step, _)) in root.Waiters)
            owesAnswer |= step.To == root.Ends[0] && waiter.Kind == ObjectKind.Message;
        if (process is null || !owesAnswer)
            return null;
        if (process.HasExited)
            return new Judgement(root, VerdictClass.ServerNotAnswering);
        return new Judgement(root, VerdictClass.ServerNotAnswering)
        {
            Process = process,
            Unknown = process.IsFrozen
                ? [new Unknown($"who has frozen {process.Name}", system.Words.NotRecorded)]
                : [new Unknown($"why {process.Name} does not answer",
                $"its {process.Threads.Count:N0} threads wait for work or for objects of its own program")],
        };
    }

    private static Unknown NoOwner(ThreadFacts thread, ISystemFacts system) =>
        new("who would wake the root thread", system.DescribeWait(thread)?.ToString() ?? "its wait names no object");
}
