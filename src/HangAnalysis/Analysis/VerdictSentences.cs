using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Words the one sentence of a verdict: what does not happen, where it is stuck, and whose code that is.</summary>
internal static class VerdictSentences
{
    /// <summary>The sentence.</summary>
    public static string Summarize(Judgement judgement, Chain chain, ISystemFacts system)
    {
        string who = Sufferer(chain, system);
        string root = judgement.Thread?.Process.Name ?? chain.Links[^1].Name;
        return Sentence(judgement, chain, system, who, root) + ExhaustedQueue(judgement, system);
    }

    private static string Sentence(Judgement judgement, Chain chain, ISystemFacts system, string who, string root)
    {
        return judgement.Class switch
        {
            VerdictClass.Deadlock when judgement.Thread is { } own =>
                $"{own.Process.Name} ({own.ClientId}) waits for {Lock(chain, system)} that it holds itself{Module(judgement, ", in ")}",
            VerdictClass.Deadlock => Circle(chain),
            VerdictClass.StuckInDriver => $"{who}: {root} is stuck in {Module(judgement)}{While(judgement, system)}",
            VerdictClass.StuckIo when system.FindObject(chain.Links[^1].Reference) is { IsExternal: true } =>
                $"{who}: {root} waits for an answer from the network ({chain.Links[^1].Name})",
            VerdictClass.StuckIo => $"{who}: {root} waits for {Request(judgement, chain, system)}",
            VerdictClass.OrphanedLock when judgement.Thread is null =>
                $"{who}: the owner of {Lock(chain, system)} is gone and has not released it",
            VerdictClass.OrphanedLock => $"{who}: a thread of {root} has ended without releasing {Lock(chain, system)}",
            VerdictClass.Starvation when judgement.Processor is { } taken =>
                ProcessorSentences.Starvation(who, taken, system.Words),
            VerdictClass.Spinning => ProcessorSentences.Spinning(who, judgement, chain, system),
            VerdictClass.ProcessorStuck when judgement.Processor is { } stuck =>
                (chain.Links[0].Thread is { Activity: ThreadActivity.Waiting } ? $"{who}: " : "")
                    + ProcessorSentences.Stuck(stuck, Module(judgement, " in ")),
            VerdictClass.Starvation => $"{who}: the thread of {root} that it waits for gets no processor",
            VerdictClass.OwnerRunning when judgement.Processor is { } works =>
                $"{who}: {root} has {Lock(chain, system)} and runs on processor {works.Number}{ProcessorSentences.Place(works)}",
            VerdictClass.OwnerUnknown when judgement is { Thread: { IsOverdue: true } stuck, Root.HasWaiters: false } =>
                $"{root} ({stuck.ClientId}) has waited for {AgeText.Format(stuck.Age)} in a way that no signal ends: who must act is not recorded",
            VerdictClass.LongDpc when judgement.Processor is { } busy => ProcessorSentences.LongDpc(
                who, busy, Module(judgement, " of "), system.Words),
            VerdictClass.LongDpc => $"{who}: a {system.Words.DeferredCall ?? "deferred call"} holds the processor of {root}",
            VerdictClass.ServerNotAnswering when judgement.Thread is { IsSuspended: true } =>
                $"{who}: the thread of {root} that it waits for is suspended",
            VerdictClass.ServerNotAnswering when judgement.Process is { IsFrozen: true } =>
                $"{who}: {root} is frozen, none of its threads can run",
            VerdictClass.ServerNotAnswering when judgement.Thread is not null =>
                $"{who}: {root} has the request and waits itself{Module(judgement, " in ")}",
            VerdictClass.ServerNotAnswering when chain.Links[^1].Reference.Kind == ObjectKind.Message =>
                $"{who}: nobody is recorded who should answer its message",
            VerdictClass.ServerNotAnswering when chain.Links[^1].Process is { HasExited: true } =>
                $"{who}: {root} has exited and will not answer",
            VerdictClass.ServerNotAnswering => $"{who}: {root} does not answer, and none of its threads is stuck",
            VerdictClass.OwnerUnknown when chain.Links[^1].Reference.Kind == ObjectKind.Lock =>
                $"{who}: who holds {Lock(chain, system)} is not recorded",
            _ => $"{who}: who must act is not recorded",
        };
    }

    /// <summary>
    /// A request that does not complete. The driver that has it is where it is now, not who is to blame: what it waits for
    /// itself is not known.
    /// </summary>
    private static string Request(Judgement judgement, Chain chain, ISystemFacts system)
    {
        ObjectReference end = judgement.Root.Ends[0];
        ObjectFacts? facts = system.FindObject(end);
        if (end.Kind == ObjectKind.Device)
            return end.Address != 0 && facts is { Name: { } disk }
                ? $"{facts.Title} {disk}, which does not answer"
                : "a page that its disk does not deliver";
        if (end.Kind == ObjectKind.Request)
            return $"a request that does not come back: {facts?.State?.ToString() ?? "who has it is not recorded"}";
        string age = judgement.Thread?.Age is { } a ? $" for {AgeText.Format(a)}" : "";
        string name = judgement.Culprit is null ? chain.Links[^1].Name : Module(judgement);
        return $"a request that the {facts?.Title ?? "device"} does not complete, currently at {name}{age}";
    }

    /// <summary>A queue of work that stands still for the same reason: many things do not happen that no thread waits for.</summary>
    private static string ExhaustedQueue(Judgement judgement, ISystemFacts system)
    {
        ObjectReference? queue = null;
        foreach (ObjectReference waiter in judgement.Root.Waiters.Keys)
            if (waiter.Kind == ObjectKind.Queue && (queue is null || waiter.Address < queue.Value.Address))
                queue = waiter;
        return queue is { } found && system.FindObject(found) is { State: { } state } facts
            ? $"; {facts.Title} {facts.Name} stands still: {state}"
            : "";
    }

    private static string Sufferer(Chain chain, ISystemFacts system)
    {
        ChainLink first = chain.Links[0];
        if (first.Thread is null)
            return $"{first.Name} cannot go on";
        // Told of apart is the thread at the end, where it waits itself; it does not where it has ended or a process is there.
        ThreadFacts? last = chain.Links.LastOrDefault(l => l.Thread is not null)?.Thread;
        int more = chain.BlockedThreads - (last != first.Thread && last?.Activity == ThreadActivity.Waiting ? 2 : 1);
        string others = more > 0 ? $" and {more:N0} more thread{(more == 1 ? "" : "s")}" : "";
        string? purpose = system.DescribePurpose(system.GetStack(first.Thread));
        if (purpose is not null)
            return $"{purpose} cannot finish{(others.Length == 0 ? "" : $", {chain.BlockedThreads:N0} threads wait")}";
        return chain.Links[^1].Thread == first.Thread || chain.BlockedThreads < 2
            ? $"a thread of {first.Process!.Name} cannot go on"
            : $"{first.Process!.Name}{others} cannot go on";
    }

    /// <summary>The lock nearest to the end of a chain, as people call it: <c>the mutant PlotterPort</c>.</summary>
    private static string Lock(Chain chain, ISystemFacts system)
    {
        for (int i = chain.Links.Count - 1; i >= 0; i--)
            if (chain.Links[i].Reference.Kind == ObjectKind.Lock && system.FindObject(chain.Links[i].Reference) is { } facts)
                return $"the {facts.Title} {facts.Name ?? $"{facts.Reference.Address:x16}"}";
        return "a lock";
    }

    /// <summary>The members of a circle; what waits for them is behind.</summary>
    private static string Circle(Chain chain)
    {
        List<string> names = [];
        bool isMember = false;
        foreach (ChainLink link in chain.Links)
        {
            isMember |= link.Reference == chain.Links[^1].Reference;
            if (isMember && link.Thread is not null && !names.Contains($"{link.Process!.Name} ({link.Thread.ClientId})"))
                names.Add($"{link.Process!.Name} ({link.Thread.ClientId})");
        }
        int more = chain.BlockedThreads - names.Count;
        string behind = more > 0 ? $", and {more:N0} more thread{(more == 1 ? "" : "s")} behind" : "";
        if (names.Count == 1)
            return $"{names[0]} waits for itself and can never go on{behind}";
        const int MostNames = 4;
        return $"{(names.Count <= MostNames ? string.Join(" and ", names) : $"{names.Count} threads")} wait for each other in a circle: " +
            $"none of them can go on{behind}";
    }

    public static string Module(Judgement judgement, string before = "")
    {
        if (judgement.Culprit is not { } culprit)
            return "";
        string company = culprit.Module.Company is { } c ? $" ({c})" : "";
        return $"{before}{culprit.Module.FileName}{company}";
    }

    private static string While(Judgement judgement, ISystemFacts system) =>
        judgement.Stack is not null && system.DescribeOperation(judgement.Stack) is { } operation ? $" while it {operation}" : "";
}
