namespace HangAnalysis.Model;

/// <summary>Stacks of threads. Looked up when asked for.</summary>
public interface IStackSource
{
    /// <summary>The stack of a thread, with names.</summary>
    StackFacts GetStack(ThreadFacts thread);

    /// <summary>
    /// The instruction pointers of a thread's stack, innermost first, and why it is missing or cut. Threads are grouped by
    /// them before any name is looked up, so that a system whose names cost time has a way of its own.
    /// </summary>
    (IReadOnlyList<ulong> Frames, string? EndNote) GetRawStack(ThreadFacts thread)
    {
        StackFacts named = GetStack(thread);
        ulong[] frames = new ulong[named.Frames.Count];
        for (int i = 0; i < frames.Length; i++)
            frames[i] = named.Frames[i].InstructionPointer;
        return (frames, named.EndNote);
    }

    /// <summary>The stack of the crash or of the processor that took the dump; null where there is none.</summary>
    (ThreadFacts? Thread, StackFacts Stack)? GetStopStack();
}

/// <summary>A system whose reading goes on when something is asked for, and can be ended.</summary>
public interface IInterruptible
{
    /// <summary>Ends what is read when asked for; a host gives a new one after it has cancelled the last.</summary>
    CancellationToken Cancellation { get; set; }
}

/// <summary>A system that has names for the states of threads and for the reasons of their waits.</summary>
public interface IThreadStateNames
{
    /// <summary>Names of the states of threads.</summary>
    IReadOnlyList<string> ThreadStateNames { get; }

    /// <summary>Names of the reasons for which threads wait.</summary>
    IReadOnlyList<string> WaitReasonNames { get; }
}

/// <summary>A system that records more of a thread than every listing needs.</summary>
public interface IThreadDetailsSource
{
    /// <summary>What is recorded of a thread beyond its facts. Read when asked for.</summary>
    ThreadDetails GetDetails(ThreadFacts thread);
}

/// <summary>A system that knows the queues of its disks.</summary>
public interface IStorageSource
{
    /// <summary>All that is known of the disks. Read when first asked for.</summary>
    StorageFacts Storage { get; }
}

/// <summary>A system whose threads' stacks tell which function called the waiting machinery.</summary>
public interface IWaitFunctionSource
{
    /// <summary>
    /// The function that called the waiting machinery, such as <c>nt!IopSynchronousServiceTail</c>; or why it is not known.
    /// Both are null for a thread that does not wait. Its stack is walked when asked for.
    /// </summary>
    (string? Function, string? Why) FindWaitFunction(ThreadFacts thread);
}

/// <summary>A system that has queues of work which threads of the system serve.</summary>
public interface IWorkQueueSource
{
    /// <summary>The queues, by address.</summary>
    IReadOnlyList<WorkQueueFacts> WorkQueues { get; }

    /// <summary>The debugger command that shows a queue; null where there is none.</summary>
    string? DescribeQueueCommand(WorkQueueFacts queue);
}

/// <summary>A system of which more is known than its processes and processors tell: known cases, what its own checks found.</summary>
public interface IOwnFindings
{
    /// <summary>What was looked at and found in order.</summary>
    IReadOnlyList<RuledOut> RuledOut { get; }

    /// <summary>What to do next, a line each.</summary>
    IReadOnlyList<string> NextSteps { get; }
}

/// <summary>A system that has processes which host others' code.</summary>
public interface IHostedCodeSource
{
    /// <summary>What such a process was started for; null for other processes, and where it is not in the dump.</summary>
    string? DescribeHosted(ProcessFacts process);
}

/// <summary>A system that keeps a log, in which it names threads, processors and disks that do not get on.</summary>
public interface ILogSource
{
    /// <summary>
    /// What the log says of somebody, as labelled lines in its order; of anybody where nobody is named. What it says of the
    /// system's own stop is not among them.
    /// </summary>
    /// <param name="threads">Threads.</param>
    /// <param name="processors">Numbers of processors.</param>
    /// <param name="names">Names of disks and other objects.</param>
    IReadOnlyList<(string Label, Phrase Text)> GetLogEvidence(
        IReadOnlyCollection<ThreadFacts> threads, IReadOnlyCollection<int> processors, IReadOnlyCollection<string> names);
}

/// <summary>A system whose memory tells of the moment of the dump what the file does not.</summary>
public interface IDumpMoment
{
    /// <summary>When the dump was taken; null where that is not known.</summary>
    DateTimeOffset? Time { get; }

    /// <summary>Time since start-up; null where that is not known.</summary>
    TimeSpan? Uptime { get; }

    /// <summary>How the dump came to be, where the system itself did not ask for it; null otherwise.</summary>
    string? Origin { get; }
}
