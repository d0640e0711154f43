using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Adds the work queues in which items wait while every worker is blocked.</summary>
/// <remarks>
/// An item waits for whichever worker is free first, so that a step from the queue to one of several workers is a
/// candidate. Which threads wait for an item is recorded nowhere: who queues work and waits does so by an event of his own.
/// </remarks>
internal static class WorkQueueWaits
{
    /// <summary>What the wait graph calls them.</summary>
    public const string TypeName = "work queue";

    /// <summary>Busy systems have all workers in short waits at times: as long as verdicts ask for.</summary>
    private static readonly TimeSpan s_shortest = TimeSpan.FromSeconds(5);

    /// <summary>Adds the steps, and counts the workers of exhausted queues as blocked whatever their stacks look like.</summary>
    public static void Add(IReadOnlyList<WorkQueueFacts> queues, WaitGraphBuilder graph)
    {
        foreach (WorkQueueFacts queue in queues)
        {
            if (!queue.IsExhausted || queue.ExhaustedFor is { } age && age < s_shortest)
                continue;
            ObjectReference reference = new(ObjectKind.Queue, queue.Address);
            string evidence = $"dt nt!{queue.Structure} {queue.Address:x16}";
            graph.Describe(new ObjectFacts(reference, TypeName, queue.Name, Phrase.Of(Describe(queue))));
            foreach (ThreadFacts worker in queue.BlockedWorkers)
            {
                // A work item that waits holds up those behind it, even where it looks like a thread's own loop.
                worker.Role = WaitRole.Blocked;
                graph.Add(reference, ObjectReference.To(worker.Address),
                    Phrase.Of($"{queue.Items:N0} items wait for a worker such as thread {ObjectReference.To(worker.Address)}"),
                    queue.BlockedWorkers.Count == 1 ? Certainty.Proven : Certainty.Candidate, evidence);
            }
        }
    }

    private static string Describe(WorkQueueFacts queue)
    {
        string workers = queue.BlockedWorkers.Count == 1 ? "its only worker is" : $"all {queue.BlockedWorkers.Count:N0} workers are";
        return $"{queue.Items:N0} item{(queue.Items == 1 ? " waits" : "s wait")}, and {workers} blocked";
    }
}
