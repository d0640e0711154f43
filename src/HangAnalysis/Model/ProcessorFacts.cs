namespace HangAnalysis.Model;

/// <summary>State of one of the machine's processors.</summary>
/// <param name="Number">Number from 0.</param>
/// <param name="Current">Thread on it; null where not known.</param>
/// <param name="IsIdle">Whether it runs its idle thread.</param>
/// <param name="DpcActive">Whether it executes a deferred procedure call.</param>
public sealed record ProcessorFacts(int Number, ThreadFacts? Current, bool IsIdle, bool DpcActive)
{
    /// <summary>The level from which on a processor switches to no other thread (DISPATCH_LEVEL).</summary>
    public const int DispatchLevel = 2;

    /// <summary>A deferred procedure call that lasts as long as this is stuck: guidelines allow 100 microseconds.</summary>
    public static readonly TimeSpan LongDpc = TimeSpan.FromSeconds(1);

    /// <summary>The thread that comes next; null where none is chosen.</summary>
    public ThreadFacts? Next { get; init; }

    /// <summary>Interrupt request level before the processor was stopped for the dump; null where not recorded.</summary>
    public int? Irql { get; init; }

    /// <summary>Whether the level is not recorded but follows from what the processor does.</summary>
    public bool IsIrqlInferred { get; init; }

    /// <summary>The deferred procedure call that it executes; null where there is none or it is not recorded.</summary>
    public FrameFacts? DpcRoutine { get; init; }

    /// <summary>How long the deferred procedure call has run by the clock's own count; null where not recorded.</summary>
    public TimeSpan? DpcTime { get; init; }

    /// <summary>Deferred procedure calls in its queues.</summary>
    public int DpcQueueDepth { get; init; }

    /// <summary>How the processor has spent its time since the system started; null where not recorded.</summary>
    public ProcessorTimes? Times { get; init; }

    /// <summary>Threads in its own queues that could run, in the order in which they will; at the end the deferred ones.</summary>
    public IReadOnlyList<ThreadFacts> Ready { get; init; } = [];

    /// <summary>
    /// How many of <see cref="Ready"/>, the last ones, are deferred: made ready while the processor was busy, and not yet put
    /// into a queue.
    /// </summary>
    public int DeferredCount { get; init; }

    /// <summary>Address of the queue that it shares with others, by which one knows who shares it; 0 where there is none.</summary>
    public ulong SharedQueue { get; init; }

    /// <summary>Threads in the queue that it shares with other processors that could run.</summary>
    public IReadOnlyList<ThreadFacts> SharedReady { get; init; } = [];

    /// <summary>What of its queues could not be read; empty where all could.</summary>
    public IReadOnlyList<string> QueueProblems { get; init; } = [];

    /// <summary>What it does, without the frames by which it was stopped for the dump; null where not recorded.</summary>
    public FrameFacts? Doing { get; init; }

    /// <summary>Whether it is the one that writes the dump, and nothing is known of what it did before.</summary>
    public bool WritesDump { get; init; }

    /// <summary>The lock for which it spins; null where it does not.</summary>
    public SpinFacts? Spin { get; set; }

    /// <summary>Why the system holds that it stands still; null where it does not.</summary>
    public StallFacts? Stall { get; init; }

    /// <summary>
    /// The longest time that its thread can have run: since the thread was made ready. Null where that is not known, and of
    /// idle threads, which are never made ready.
    /// </summary>
    public TimeSpan? SinceSwitch => IsIdle ? null : Current?.Age;

    /// <summary>Whether it is known to be at a level where it can hold a spin lock.</summary>
    public bool IsAtDispatch => Irql >= DispatchLevel;

    /// <summary>
    /// Whether the deferred procedure call is more than one of the short ones that every processor executes all the time.
    /// The clock counts its ticks; where it has counted none, others that wait behind it tell. Kernels that count none (before
    /// Windows 7) at least switch to no thread during one, so that it is no older than the thread's time on the processor.
    /// </summary>
    public bool IsDpcLong => DpcActive && ((DpcTime ?? SinceSwitch) is not { } most || most >= LongDpc
        || (DpcQueueDepth > 0 && (DpcTime is null || most == TimeSpan.Zero)));
}

/// <summary>Times of a processor.</summary>
/// <param name="Kernel">In the kernel, also idle.</param>
/// <param name="User">In programs.</param>
/// <param name="Dpc">In deferred procedure calls.</param>
/// <param name="Interrupt">In interrupt service routines.</param>
public sealed record ProcessorTimes(TimeSpan Kernel, TimeSpan User, TimeSpan Dpc, TimeSpan Interrupt);

/// <summary>A processor that the system's own watch holds to stand still.</summary>
/// <param name="Duration">For how long; null where not recorded.</param>
/// <param name="Answers">
/// Whether it takes interrupts: then it executes code that does not end, otherwise it has them off or is broken. Null where not
/// recorded.
/// </param>
public sealed record StallFacts(TimeSpan? Duration, bool? Answers);

/// <summary>A lock for which a processor spins.</summary>
/// <param name="Lock">The lock; where its address is not recorded, the processor stands for it.</param>
/// <param name="Function">The function that spins.</param>
public sealed record SpinFacts(ObjectReference Lock, string Function)
{
    /// <summary>Whether the system's own watch says that it has spun for too long; otherwise what waits behind it must show that.</summary>
    public bool HasLasted { get; init; }

    /// <summary>Whether the lock's address is known.</summary>
    public bool IsAddressKnown => Lock.Kind == ObjectKind.Lock;

    /// <summary>Whether another spin is known to be for another lock; of two of which one has no address nothing is known.</summary>
    public bool IsForOther(SpinFacts other) => IsAddressKnown && other.IsAddressKnown && Lock != other.Lock;

    /// <summary>The processor that holds the lock; null where not recorded, or where there are several possibilities.</summary>
    public int? Holder { get; set; }

    /// <summary>How sure the holder is.</summary>
    public Certainty HolderCertainty { get; set; }
}
