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
        return judgement.Class switch
        {
            VerdictClass.Deadlock => $"{Circle(chain)} wait for each other in a circle: none of them can go on",
            VerdictClass.StuckInDriver => $"{who}: {root} is stuck in {Module(judgement)}{While(judgement, system)}",
            VerdictClass.StuckIo => $"{who}: {root} waits for a request that {chain.Links[^1].Name} does not complete",
            VerdictClass.OrphanedLock => $"{who}: a thread of {root} has ended without releasing {Lock(chain, system)}",
            VerdictClass.Starvation => $"{who}: the thread of {root} that it waits for gets no processor",
            VerdictClass.LongDpc => $"{who}: a deferred procedure call holds the processor of {root}",
            VerdictClass.ServerNotAnswering when judgement.Thread is not null =>
                $"{who}: {root} has the request and waits itself{Module(judgement, " in ")}",
            VerdictClass.ServerNotAnswering => $"{who}: {root} does not answer, and none of its threads is stuck",
            _ => $"{who}: who must act is not recorded",
        };
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

    private static string Circle(Chain chain)
    {
        List<string> names = [];
        foreach (ChainLink link in chain.Links)
            if (link.Thread is not null && !names.Contains($"{link.Process!.Name} ({link.Thread.ClientId})"))
                names.Add($"{link.Process!.Name} ({link.Thread.ClientId})");
        const int MostNames = 4;
        return names.Count <= MostNames ? string.Join(" and ", names) : $"{names.Count} threads";
    }

    private static string Module(Judgement judgement, string before = "")
    {
        if (judgement.Culprit is not { } culprit)
            return "";
        string company = culprit.Module.Company is { } c ? $" ({c})" : "";
        return $"{before}{culprit.Module.FileName}{company}";
    }

    private static string While(Judgement judgement, ISystemFacts system) =>
        judgement.Stack is not null && system.DescribeOperation(judgement.Stack) is { } operation ? $" while it {operation}" : "";
}
