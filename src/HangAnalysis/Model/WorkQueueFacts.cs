namespace HangAnalysis.Model;

/// <summary>Items that wait in a work queue for one routine.</summary>
/// <param name="Routine">Name of the routine that will do the work.</param>
/// <param name="Count">How many wait.</param>
public sealed record QueuedWork(string Routine, int Count);

/// <summary>A queue of work with the threads that serve it.</summary>
/// <param name="Address">Address of the queue.</param>
/// <param name="Name">What to call it, such as <c>Delayed</c> or <c>IoPoolUntrusted</c>.</param>
public sealed record WorkQueueFacts(ulong Address, string Name)
{
    /// <summary>The structure that a debugger shows, such as <c>_EX_WORK_QUEUE</c>.</summary>
    public required string Structure { get; init; }

    /// <summary>Its threads, by address.</summary>
    public IReadOnlyList<ThreadFacts> Workers { get; init; } = [];

    /// <summary>Those that wait in the middle of a piece of work.</summary>
    public IReadOnlyList<ThreadFacts> BlockedWorkers { get; init; } = [];

    /// <summary>Those that wait for work.</summary>
    public int IdleWorkers { get; init; }

    /// <summary>Items that wait.</summary>
    public int Items { get; init; }

    /// <summary>The same by routine, most first.</summary>
    public IReadOnlyList<QueuedWork> Work { get; init; } = [];

    /// <summary>Workers that the queue counts as running.</summary>
    public int Running { get; init; }

    /// <summary>Workers that it lets run at the same time; 0 where unknown.</summary>
    public int MostRunning { get; init; }

    /// <summary>Workers that the system would make at most; 0 where unknown.</summary>
    public int MostWorkers { get; init; }

    /// <summary>Whether items wait and every worker is blocked.</summary>
    public bool IsExhausted => Items > 0 && Workers.Count > 0 && BlockedWorkers.Count == Workers.Count;

    /// <summary>For how long every worker has been blocked: the shortest of their waits; null where one is unknown.</summary>
    public TimeSpan? ExhaustedFor
    {
        get
        {
            if (!IsExhausted)
                return null;
            TimeSpan shortest = TimeSpan.MaxValue;
            foreach (ThreadFacts worker in BlockedWorkers)
            {
                if (worker.Age is not { } age)
                    return null;
                shortest = age < shortest ? age : shortest;
            }
            return shortest;
        }
    }
}
