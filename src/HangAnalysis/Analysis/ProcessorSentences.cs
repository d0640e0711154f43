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
        string spun = NameOfLock(chain, system) is { } name ? $"the spin lock {name}" : "a lock";
        return judgement.Processor is { } holder
            ? $"{who} for {spun} that processor {holder.Number} holds and does not release" +
                VerdictSentences.Module(judgement, ": it is in ")
            : $"{who} for {spun} whose holder is not recorded";
    }

    /// <summary>A processor that stands still by the system's own watch.</summary>
    public static string Stuck(ProcessorFacts processor, string inModule)
    {
        string duration = processor.Stall?.Duration is { } time ? $" for {AgeText.Format(time)}" : "";
        string what = processor.Stall?.Answers switch
        {
            true => "it takes interrupts and executes code that does not end",
            false => "it takes no interrupt: it has them off, or its hardware stands still",
            _ => "it does not get on",
        };
        return $"processor {processor.Number} is stuck{inModule}{duration}: {what}";
    }

    /// <summary>The name of the lock that processors of a chain spin for; null where it has none.</summary>
    private static string? NameOfLock(Chain chain, ISystemFacts system)
    {
        foreach (ProcessorFacts processor in system.Processors)
            if (processor.Spin is { } spin && system.FindObject(spin.Lock) is { Name: { } name }
                && chain.Links.Any(l => l.Reference == spin.Lock))
                return name;
        return null;
    }
}
