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
        string call = words.DeferredCall ?? "deferred call";
        return $"{who}: a {call}{ofModule} holds processor {processor.Number}{duration}{queue}";
    }

    /// <summary>A processor does nothing but execute one piece of kernel code.</summary>
    public static string LockedUp(string? who, ProcessorFacts processor, Judgement judgement)
    {
        ThreadFacts thread = processor.Current!;
        string time = thread.Age is { } age ? $" for {AgeText.Format(age)}" : "";
        return $"{(who is null ? "" : $"{who}: ")}processor {processor.Number} has executed {thread.Process.Name} ({thread.ClientId}) " +
            $"in the kernel{time} and lets nothing else run{Place(processor)}{VerdictSentences.Module(judgement, ", of ")}";
    }

    /// <summary>Where a processor is, for the end of a sentence.</summary>
    public static string Place(ProcessorFacts processor) => processor.Doing is { } frame ? $", in {frame.Function}" : "";

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
