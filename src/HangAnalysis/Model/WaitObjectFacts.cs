namespace HangAnalysis.Model;

/// <summary>What is recorded of one object that a thread waits for.</summary>
/// <param name="Object">The object, as the wait names it.</param>
public sealed record WaitObjectFacts(WaitedObject Object)
{
    /// <summary>Its name; null where it has none. Text from the dump.</summary>
    public string? Name { get; init; }

    /// <summary>Whether it is signalled; null where that is not in the dump.</summary>
    public bool? IsSignaled { get; init; }

    /// <summary>The thread that owns it, by the object's own record; null where it has no owner or records none.</summary>
    public ThreadFacts? Owner { get; init; }

    /// <summary>Whether nothing tells who must act: objects of its kind record no owner.</summary>
    public bool IsOwnerUnrecorded { get; init; }

    /// <summary>The thread whose end is awaited, where the object is one.</summary>
    public ThreadFacts? Thread { get; init; }

    /// <summary>The process whose end is awaited, where the object is one.</summary>
    public ProcessFacts? Process { get; init; }

    /// <summary>The request of the waiting thread whose completion signals it, where that is recorded.</summary>
    public ulong Request { get; init; }

    /// <summary>The other threads that wait for it, in the order of its list.</summary>
    public IReadOnlyList<ThreadFacts> OtherWaiters { get; init; } = [];

    /// <summary>Whether its list of waiters could be read to the end and has the thread itself.</summary>
    public bool AreWaitersWhole { get; init; }

    /// <summary>Time until it is due, if it is a timer that is set; negative where that has passed, null where unknown.</summary>
    public TimeSpan? DueIn { get; init; }

    /// <summary>What it is and who has it, in words, without its name.</summary>
    public required Phrase Info { get; init; }
}

/// <summary>What ends a wait when nothing else does.</summary>
/// <param name="Timer">Address of the timer.</param>
/// <param name="DueIn">Time until it is due; negative where that has passed, null where it is not known.</param>
public sealed record TimeOutFacts(ulong Timer, TimeSpan? DueIn);

/// <summary>The kind of COM apartment that a thread belongs to.</summary>
public enum ApartmentKind
{
    /// <summary>Not known.</summary>
    Unknown,

    /// <summary>None: it has not initialised COM.</summary>
    None,

    /// <summary>One of its own (STA): calls for its objects wait until it takes messages.</summary>
    SingleThreaded,

    /// <summary>The process's shared one (MTA).</summary>
    MultiThreaded,
}

/// <summary>A thread's COM apartment.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Certainty">How sure it is.</param>
/// <param name="Why">Why it is not known, or on what it rests.</param>
public sealed record ApartmentFacts(ApartmentKind Kind, Certainty Certainty, string Why);

/// <summary>Everything that is recorded of one thread, its waits and its requests.</summary>
public sealed record ThreadExamination
{
    /// <summary>Times, priorities, affinity.</summary>
    public required ThreadDetails Details { get; init; }

    /// <summary>Its pending requests.</summary>
    public IReadOnlyList<RequestFacts> Requests { get; init; } = [];

    /// <summary>The objects that it waits for, without the time-out.</summary>
    public IReadOnlyList<WaitObjectFacts> Objects { get; init; } = [];

    /// <summary>What ends the wait after a while; null where nothing does.</summary>
    public TimeOutFacts? TimeOut { get; init; }

    /// <summary>Its COM apartment.</summary>
    public required ApartmentFacts Apartment { get; init; }

    /// <summary>Where the kernel let it begin; null where not recorded.</summary>
    public FrameFacts? Start { get; init; }

    /// <summary>Where its program let it begin; null where not recorded.</summary>
    public FrameFacts? ProgramStart { get; init; }

    /// <summary>The processor that it is on; null where it is on none, or not known.</summary>
    public ProcessorFacts? Processor { get; init; }
}
