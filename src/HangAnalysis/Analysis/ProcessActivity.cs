using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>What the threads of one process do, as counts.</summary>
/// <remarks>
/// A waiting thread is counted once, by the first of these that holds: for a lock, for an answer, for memory, with a request
/// to a device pending. Being suspended is counted besides.
/// </remarks>
public sealed class ProcessActivity
{
    private ProcessActivity(ProcessFacts process) => Process = process;

    /// <summary>The process.</summary>
    public ProcessFacts Process { get; }

    /// <summary>Threads that have not ended.</summary>
    public int Threads { get; private set; }

    /// <summary>Threads that have ended and are still listed.</summary>
    public int Ended { get; private set; }

    /// <summary>On a processor.</summary>
    public int Running { get; private set; }

    /// <summary>Could run.</summary>
    public int Ready { get; private set; }

    /// <summary>Wait for a lock.</summary>
    public int OnLocks { get; private set; }

    /// <summary>Wait for the answer to a message.</summary>
    public int OnReplies { get; private set; }

    /// <summary>Wait, not for work, and have a request to a device pending.</summary>
    public int OnRequests { get; private set; }

    /// <summary>Wait for memory.</summary>
    public int OnMemory { get; private set; }

    /// <summary>Suspended, or in a process that is frozen.</summary>
    public int Suspended { get; private set; }

    /// <summary>Wait in the middle of an operation, or for a lock, which may be one of their own program.</summary>
    public int Blocked { get; private set; }

    /// <summary>The thread that has been blocked for the longest time; null where none is, or ages are unknown.</summary>
    public ThreadFacts? LongestBlocked { get; private set; }

    /// <summary>
    /// Whether it is worth a look: a thread has long been blocked, or could long run and does not; or it should end and does
    /// not.
    /// </summary>
    public bool IsNoteworthy { get; private set; }

    /// <summary>Counts the threads of all processes, in the order of the system's list.</summary>
    public static List<ProcessActivity> OfAll(ISystemFacts system)
    {
        HashSet<ulong> onLocks = WaitersOfLocks(system);
        List<ProcessActivity> activities = new(system.Processes.Count);
        foreach (ProcessFacts process in system.Processes)
            activities.Add(Of(process, onLocks));
        return activities;
    }

    /// <summary>Counts the threads of one process.</summary>
    public static ProcessActivity Of(ProcessFacts process, ISystemFacts system) => Of(process, WaitersOfLocks(system));

    private static ProcessActivity Of(ProcessFacts process, HashSet<ulong> onLocks)
    {
        ProcessActivity activity = new(process) { IsNoteworthy = process.IsEnding && process.Threads.Count > 0 };
        foreach (ThreadFacts thread in process.Threads)
            activity.Count(thread, onLocks);
        return activity;
    }

    /// <summary>Threads that wait for locks by the wait graph: also where the reason does not tell.</summary>
    private static HashSet<ulong> WaitersOfLocks(ISystemFacts system)
    {
        HashSet<ulong> waiters = [];
        foreach (WaitEdge edge in system.Edges)
            if (edge is { From.Kind: ObjectKind.Thread, To.Kind: ObjectKind.Lock, Certainty: not Certainty.Candidate })
                waiters.Add(edge.From.Address);
        return waiters;
    }

    private void Count(ThreadFacts thread, HashSet<ulong> onLocks)
    {
        if (thread.HasExited)
        {
            Ended++;
            return;
        }
        Threads++;
        if (thread.IsSuspended)
            Suspended++;
        switch (thread.Activity)
        {
            case ThreadActivity.Running:
                Running++;
                break;
            case ThreadActivity.Ready:
                Ready++;
                IsNoteworthy |= thread.Age is not null && WaitEvidence.HasLasted(thread);
                break;
            case ThreadActivity.Waiting:
                CountWait(thread, onLocks);
                break;
        }
    }

    private void CountWait(ThreadFacts thread, HashSet<ulong> onLocks)
    {
        bool onLock = thread.WaitGroup == WaitGroup.Lock || onLocks.Contains(thread.Address.Value);
        if (onLock)
            OnLocks++;
        else if (thread.WaitGroup == WaitGroup.Reply)
            OnReplies++;
        else if (thread.WaitGroup == WaitGroup.Memory)
            OnMemory++;
        else if (thread.HasRequests && thread.Role != WaitRole.Idle)
            OnRequests++;
        if (!onLock && thread.Role != WaitRole.Blocked)
            return;
        Blocked++;
        IsNoteworthy |= WaitEvidence.HasLasted(thread);
        if (thread.Age is { } age && (LongestBlocked?.Age is not { } longest || age > longest))
            LongestBlocked = thread;
    }
}
