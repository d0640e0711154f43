using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Words the sentences of verdicts about processors.</summary>
internal static class ProcessorSentences
{
    /// <summary>A thread of high priority keeps a processor.</summary>
    public static string Starvation(string who, ProcessorFacts processor, SystemWords words)
    {
        ThreadFacts thread = processor.Current!;
        string kind = thread.Priority >= words.RealTimePriority ? "real-time thread" : "thread";
        return $"{who}: a {kind} of {thread.Process.Name} ({thread.ClientId}, priority {thread.Priority}) keeps processor " +
            $"{processor.Number} from the thread that it waits for";
    }

    /// <summary>A deferred procedure call does not end.</summary>
    public static string LongDpc(string who, ProcessorFacts processor, string ofModule, SystemWords words)
    {
        string duration = processor.DpcTime is { } time && time >= ProcessorFacts.LongDpc ? $" for {AgeText.Format(time)}" : "";
        string queue = processor.DpcQueueDepth > 0 ? $", {processor.DpcQueueDepth:N0} more wait behind it" : "";
        return $"{who}: a {words.DeferredCall ?? "deferred call"}{ofModule} holds processor {processor.Number}{duration}{queue}";
    }

    /// <summary>Processors spin for a lock that is not released.</summary>
    public static string Spinning(string sufferer, Judgement judgement, Chain chain, ISystemFacts system)
    {
        int spinning = 0;
        foreach (ProcessorFacts processor in system.Processors)
            if (processor is { Spin: not null, Current: { } thread }
                && judgement.Root.Waiters.ContainsKey(ObjectReference.To(thread.Address)))
                spinning++;
        // Who spins suffers too, and is named by its processor.
        string before = chain.Links[0].Thread is { Activity: ThreadActivity.Running } ? "" : $"{sufferer}: ";
        string who = before + (spinning == 1 ? "a processor spins" : $"{spinning} processors spin");
        return judgement.Processor is { } holder
            ? $"{who} for a lock that processor {holder.Number} holds and does not release{VerdictSentences.Module(judgement, ": it is in ")}"
            : $"{who} for a lock whose holder is not recorded";
    }
}
