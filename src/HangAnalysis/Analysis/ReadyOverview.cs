using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Where a thread that could run waits for its processor.</summary>
public enum ReadyPlace
{
    /// <summary>It is chosen as the next one on a processor.</summary>
    Next,

    /// <summary>In a queue.</summary>
    Queued,

    /// <summary>Made ready while a processor was busy, and not yet put into a queue.</summary>
    Deferred,

    /// <summary>In no queue that could be read.</summary>
    Nowhere,
}

/// <summary>A thread that could run.</summary>
/// <param name="Thread">The thread.</param>
/// <param name="Place">Where it waits.</param>
public sealed record ReadyThread(ThreadFacts Thread, ReadyPlace Place)
{
    /// <summary>
    /// Whether its age may be longer than it has been ready: a thread is dated when it is put into a queue. Until then, the
    /// date is that of the wait before.
    /// </summary>
    public bool IsAgeAtMost => Place != ReadyPlace.Queued;
}

/// <summary>A queue of threads that could run, in the order in which they will.</summary>
/// <param name="Address">Address of a queue that processors share; 0 for the queues of one processor.</param>
/// <param name="Processors">The processors that take threads from it; empty for the threads that are in no queue.</param>
/// <param name="Threads">The threads.</param>
public sealed record ReadyQueue(ulong Address, IReadOnlyList<ProcessorFacts> Processors, IReadOnlyList<ReadyThread> Threads)
{
    /// <summary>Whether it is a queue that processors share.</summary>
    public bool IsShared => Address != 0;

    /// <summary>Threads in it that are known to have been ready for <see cref="ReadyOverview.LongReady"/> or longer.</summary>
    public int LongReady
    {
        get
        {
            int count = 0;
            foreach (ReadyThread ready in Threads)
                count += !ready.IsAgeAtMost && ready.Thread.Age >= ReadyOverview.LongReady ? 1 : 0;
            return count;
        }
    }
}

/// <summary>All threads that could run, by the queues in which they wait.</summary>
public sealed class ReadyOverview
{
    /// <summary>
    /// From this age on it is worth a word that a thread is ready: schedulers give starved threads a turn after some
    /// seconds ("Windows Internals": the balance set manager does so after about four).
    /// </summary>
    public static readonly TimeSpan LongReady = TimeSpan.FromSeconds(5);

    private ReadyOverview(IReadOnlyList<ReadyQueue> queues, IReadOnlyList<string> problems)
    {
        Queues = queues;
        Problems = problems;
    }

    /// <summary>Queues with threads: each processor's by number, then shared ones, then the threads that no queue holds.</summary>
    public IReadOnlyList<ReadyQueue> Queues { get; }

    /// <summary>What of the queues could not be read.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>Looks at all processors and threads of a system.</summary>
    public static ReadyOverview Of(ISystemFacts system)
    {
        List<ReadyQueue> queues = [];
        List<string> problems = [];
        HashSet<ThreadFacts> seen = [];
        List<(ulong Address, List<ProcessorFacts> Processors)> shared = [];
        foreach (ProcessorFacts processor in system.Processors)
        {
            AddIfAny(queues, new ReadyQueue(0, [processor], Own(processor, seen)));
            foreach (string problem in processor.QueueProblems)
                if (!problems.Contains(problem))
                    problems.Add(problem);
            if (processor.SharedQueue == 0)
                continue;
            int index = shared.FindIndex(s => s.Address == processor.SharedQueue);
            if (index < 0)
                shared.Add((processor.SharedQueue, [processor]));
            else
                shared[index].Processors.Add(processor);
        }
        foreach ((ulong address, List<ProcessorFacts> processors) in shared)
        {
            List<ReadyThread> threads = [];
            foreach (ThreadFacts thread in processors[0].SharedReady)
                Add(threads, thread, ReadyPlace.Queued, seen);
            AddIfAny(queues, new ReadyQueue(address, processors, threads));
        }
        List<ReadyThread> others = [];
        foreach (ThreadFacts thread in system.Threads)
            if (thread.Activity == ThreadActivity.Ready)
                Add(others, thread, ReadyPlace.Nowhere, seen);
        others.Sort((a, b) => b.Thread.Priority != a.Thread.Priority
            ? b.Thread.Priority.CompareTo(a.Thread.Priority) : Nullable.Compare(b.Thread.Age, a.Thread.Age));
        AddIfAny(queues, new ReadyQueue(0, [], others));
        return new ReadyOverview(queues, problems);
    }

    /// <summary>The one that has been ready for the longest time by the queues' own dates; null where none is dated.</summary>
    public (ReadyThread Thread, ReadyQueue Queue)? Oldest
    {
        get
        {
            (ReadyThread Thread, ReadyQueue Queue)? oldest = null;
            foreach (ReadyQueue queue in Queues)
                foreach (ReadyThread ready in queue.Threads)
                    if (!ready.IsAgeAtMost && ready.Thread.Age is { } age && !(oldest?.Thread.Thread.Age >= age))
                        oldest = (ready, queue);
            return oldest;
        }
    }

    private static List<ReadyThread> Own(ProcessorFacts processor, HashSet<ThreadFacts> seen)
    {
        List<ReadyThread> threads = [];
        if (processor.Next is { Activity: ThreadActivity.Ready } next)
            Add(threads, next, ReadyPlace.Next, seen);
        int queued = processor.Ready.Count - processor.DeferredCount;
        for (int i = 0; i < processor.Ready.Count; i++)
            Add(threads, processor.Ready[i], i < queued ? ReadyPlace.Queued : ReadyPlace.Deferred, seen);
        return threads;
    }

    private static void Add(List<ReadyThread> threads, ThreadFacts thread, ReadyPlace place, HashSet<ThreadFacts> seen)
    {
        if (seen.Add(thread))
            threads.Add(new ReadyThread(thread, place));
    }

    private static void AddIfAny(List<ReadyQueue> queues, ReadyQueue queue)
    {
        if (queue.Threads.Count > 0)
            queues.Add(queue);
    }
}
