namespace HangAnalysis.Model;

/// <summary>Memory of the machine, in bytes; null where the dump does not tell.</summary>
public sealed record MemoryFacts(ulong? Physical, ulong? Available, ulong? Committed, ulong? CommitLimit);

/// <summary>How many locks of one kind there are and how many are contended.</summary>
/// <param name="Kind">Kind in the field's words: <c>ERESOURCE</c>.</param>
/// <param name="Total">Locks of the system; null where they could not be counted.</param>
/// <param name="Contended">Those with waiters.</param>
public sealed record LockCount(string Kind, int? Total, int Contended)
{
    /// <summary>Threads that wait for locks of this kind; null where they were not counted.</summary>
    public int? Waiters { get; init; }

    /// <summary>The longest wait among them; null where there is none or ages are unknown.</summary>
    public TimeSpan? OldestWait { get; init; }
}

/// <summary>A stop of the whole system: a bug check, a panic, an oops, a purple screen.</summary>
/// <param name="Title">
/// What people call it, in one line: <c>stop 0x7e SYSTEM_THREAD_EXCEPTION_NOT_HANDLED</c>, <c>Oops 0002: NULL pointer
/// dereference</c>, <c>panic: hung_task: blocked tasks</c>. It may hold text from the dump.
/// </param>
/// <param name="IsForced">Whether somebody, or a watchdog, forced the dump because the system hung.</param>
/// <param name="Meaning">What happened, in words; null where nothing is known of it.</param>
/// <param name="FaultAddress">The instruction that failed, where that is recorded; 0 otherwise.</param>
public sealed record StopFacts(string Title, bool IsForced, string? Meaning, ulong FaultAddress)
{
    /// <summary>The whole sentence of the verdict, where the stop says all that there is to say; null otherwise.</summary>
    public string? Conclusion { get; init; }

    /// <summary>
    /// Whether the stop is the system's own way to end a hang: a watchdog ran out. The waits of the system may tell more of it
    /// than the stack of the stop.
    /// </summary>
    public bool IsHang { get; init; }

    /// <summary>
    /// How a sentence on the waits of such a system begins: <c>dump forced by NMI (operator or hardware)</c>; null where the
    /// record of the stop is enough.
    /// </summary>
    public string? Preface { get; init; }

    /// <summary>The thread, lock, queue or process that the stop itself names as what hangs; null where it names none.</summary>
    public ObjectReference? Focus { get; init; }

    /// <summary>Whether its own record says what is to blame, as a machine check does, and no stack has to be read for it.</summary>
    public bool IsSelfEvident { get; init; }

    /// <summary>Its name alone, such as <c>SYSTEM_THREAD_EXCEPTION_NOT_HANDLED</c>; null where it has none.</summary>
    public string? Name { get; init; }

    /// <summary>The system's own record of it with all its numbers, one line; null where the title is all.</summary>
    public string? Record { get; init; }

    /// <summary>What shows that it happened so, as labelled lines: <c>Error code</c>, <c>Log</c>.</summary>
    public IReadOnlyList<(string Label, Phrase Text)> Evidence { get; init; } = [];
}

/// <summary>Everything that the analysis of one dump starts from. Nothing in it belongs to one operating system.</summary>
/// <remarks>What only some systems can tell stands in interfaces of its own; see SystemCapabilities.cs.</remarks>
public interface ISystemFacts : IStackSource
{
    /// <summary>How the system is spoken of.</summary>
    SystemWords Words => SystemWords.Plain;

    /// <summary>Whether this kind of dump holds the system's processes and threads, and not only those of the crash.</summary>
    bool HoldsThreads { get; }

    /// <summary>Whether the system's processes and threads could be read.</summary>
    bool HoldsWholeSystem { get; }

    /// <summary>Threads that the system has and the dump does not: nothing is known of them.</summary>
    int MissingThreads => 0;

    /// <summary>Whether reading was broken off: what these facts do not have may be in the system all the same.</summary>
    bool WasInterrupted { get; }

    /// <summary>The bug check or panic; null where there was none.</summary>
    StopFacts? Stop { get; }

    /// <summary>All processes.</summary>
    IReadOnlyList<ProcessFacts> Processes { get; }

    /// <summary>All threads.</summary>
    IReadOnlyList<ThreadFacts> Threads { get; }

    /// <summary>All processors.</summary>
    IReadOnlyList<ProcessorFacts> Processors { get; }

    /// <summary>How many modules the kernel has, itself among them; null where that is not known.</summary>
    int? KernelModuleCount => null;

    /// <summary>Memory of the machine.</summary>
    MemoryFacts Memory { get; }

    /// <summary>Locks that were counted.</summary>
    IReadOnlyList<LockCount> Locks { get; }

    /// <summary>
    /// Requests that are pending, and the longest that one is, or a thread with one waits; -1 where they could not be counted.
    /// </summary>
    (int Count, TimeSpan? Oldest) PendingRequests { get; }

    /// <summary>The steps of the wait graph.</summary>
    IReadOnlyList<WaitEdge> Edges { get; }

    /// <summary>What could not be read, as far as it is known now.</summary>
    IReadOnlyList<Unknown> Unknowns { get; }

    /// <summary>The thread at an address, or null.</summary>
    ThreadFacts? FindThread(ulong address);

    /// <summary>The process at an address, or null.</summary>
    ProcessFacts? FindProcess(ulong address);

    /// <summary>What is known of an object of the wait graph that is neither a thread nor a process, or null.</summary>
    ObjectFacts? FindObject(ObjectReference reference);

    /// <summary>The kernel module that contains an address, or null.</summary>
    ModuleFacts? FindModule(ulong address);

    /// <summary>Names a kernel address as a frame of a stack.</summary>
    FrameFacts DescribeAddress(ulong address);

    /// <summary>What a thread waits for, in words; null where it does not wait.</summary>
    Phrase? DescribeWait(ThreadFacts thread);

    /// <summary>
    /// What a thread was asked to do when it stopped, as the end of a sentence: <c>closes a file</c>; null where its stack
    /// does not show it.
    /// </summary>
    string? DescribeOperation(StackFacts stack);

    /// <summary>
    /// The function by which people recognise a thread: its main function, or the outermost one that is not a part of the
    /// system's machinery; null where its stack does not show it.
    /// </summary>
    string? DescribeLandmark(StackFacts stack);

    /// <summary>The debugger command that shows a thread's stack.</summary>
    string DescribeStackCommand(ThreadFacts thread);

    /// <summary>The debugger command that shows an object; null where there is none.</summary>
    string? DescribeObjectCommand(ObjectReference reference);

    /// <summary>The debugger command that shows a kernel module.</summary>
    string DescribeModuleCommand(ModuleFacts module);

    /// <summary>What people would call the work that a thread is part of: <c>log-off</c>; null where its stack does not show it.</summary>
    string? DescribePurpose(StackFacts stack);
}
