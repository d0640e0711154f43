namespace HangAnalysis.Model;

/// <summary>What a thread is doing, in words that hold for every operating system.</summary>
public enum ThreadActivity
{
    /// <summary>Not known.</summary>
    Unknown,

    /// <summary>On a processor.</summary>
    Running,

    /// <summary>Could run and waits for a processor.</summary>
    Ready,

    /// <summary>Waits for something.</summary>
    Waiting,

    /// <summary>Has ended or is not yet started.</summary>
    NotRunnable,
}

/// <summary>What a thread's wait means for a hang.</summary>
public enum WaitRole
{
    /// <summary>Not looked at, or not waiting.</summary>
    None,

    /// <summary>Waits for work, as a healthy idle thread does: no evidence of anything.</summary>
    Idle,

    /// <summary>Waits for something in its own program; whether that is healthy cannot be told from the kernel.</summary>
    Ordinary,

    /// <summary>
    /// Waits in kernel mode inside a request to a device or file system. Programs send such requests to be told of something
    /// one day: healthy, unless somebody waits for the thread.
    /// </summary>
    Parked,

    /// <summary>Waits in the middle of an operation that it was asked to do.</summary>
    Blocked,
}

/// <summary>A thread.</summary>
public sealed class ThreadFacts
{
    /// <summary>Address of the thread object.</summary>
    public required ThreadAddress Address { get; init; }

    /// <summary>The process that the thread belongs to.</summary>
    public required ProcessFacts Process { get; init; }

    /// <summary>Thread identifier.</summary>
    public required ulong Id { get; init; }

    /// <summary>What it is doing.</summary>
    public required ThreadActivity Activity { get; init; }

    /// <summary>State by the operating system's own name.</summary>
    public required string State { get; init; }

    /// <summary>Wait reason by the operating system's own name; null unless the thread waits: otherwise it is stale.</summary>
    public string? WaitReason { get; init; }

    /// <summary>What kind of thing it waits for, by that reason.</summary>
    public WaitGroup WaitGroup { get; init; }

    /// <summary>
    /// How long it has been in this state; null where the dump does not tell. What it waits for may tell of a longer wait, from
    /// which the thread awakes now and then.
    /// </summary>
    public TimeSpan? Age { get; set; }

    /// <summary>Current priority.</summary>
    public int Priority { get; init; }

    /// <summary>Whether the wait is of kernel code (true), of the program itself (false), or unknown (null).</summary>
    public bool? WaitsInKernelMode { get; init; }

    /// <summary>Whether it has never a user half: a thread of the kernel or of a driver.</summary>
    public bool IsSystemThread { get; init; }

    /// <summary>Whether the thread has ended; its object is still there.</summary>
    public bool HasExited { get; init; }

    /// <summary>Whether somebody has suspended it, or its process is frozen: it runs only when that is taken back.</summary>
    public bool IsSuspended { get; init; }

    /// <summary>
    /// Whether it has been in a wait that nothing but its object ends for longer than its system holds for healthy: then it is
    /// worth a line also where nobody waits for it.
    /// </summary>
    public bool IsOverdue { get; set; }

    /// <summary>Whether somebody has asked for its end and it has not ended yet.</summary>
    public bool IsEnding { get; init; }

    /// <summary>Processor on which it runs, or null.</summary>
    public int? Processor { get; set; }

    /// <summary>What it waits for, by the wait blocks; empty unless it waits.</summary>
    public IReadOnlyList<WaitedObject> WaitsFor { get; init; } = [];

    /// <summary>Saved stack pointer of a thread that is not running.</summary>
    public ulong KernelStack { get; init; }

    /// <summary>Highest address of the kernel stack (exclusive).</summary>
    public ulong StackBase { get; init; }

    /// <summary>Lowest address of the kernel stack.</summary>
    public ulong StackLimit { get; init; }

    /// <summary>Whether the kernel stack is in memory.</summary>
    public bool StackResident { get; init; } = true;

    /// <summary>Address of the last trap frame; 0 where none.</summary>
    public ulong TrapFrame { get; init; }

    /// <summary>Address of the thread environment block; 0 for kernel-only threads.</summary>
    public ulong EnvironmentBlock { get; init; }

    /// <summary>The message whose reply it waits for; 0 where none.</summary>
    public ulong Message { get; init; }

    /// <summary>Whether the thread has requests (IRPs) of its own.</summary>
    public bool HasRequests { get; init; }

    /// <summary>What the wait means; set when the stack was looked at.</summary>
    public WaitRole Role { get; set; }

    /// <summary>Its identifier as people write it.</summary>
    public string IdText => Process.FormatId(Id);

    /// <summary>
    /// Such as <c>3a4.500</c>: process and thread identifiers. Where identifiers are decimal, that of a process is also that
    /// of its first thread, and is written once: <c>96</c>.
    /// </summary>
    public string ClientId => Process.IsIdDecimal && Process.Id == Id ? IdText : $"{Process.IdText}.{IdText}";
}

/// <summary>An object in a thread's wait blocks.</summary>
/// <param name="Address">Address of the object's dispatcher header.</param>
/// <param name="TypeName">Kind of object in the system's words, such as <c>SynchronizationEvent</c>.</param>
/// <param name="Kind">What it is for a wait: a thread, a process, a lock, an event.</param>
/// <param name="IsTimeout">Whether it is only the timer that ends the wait after a while.</param>
public sealed record WaitedObject(ulong Address, string TypeName, ObjectKind Kind, bool IsTimeout = false)
{
    /// <summary>Whether the wait ends only when all its objects are signalled, and not with the first of them.</summary>
    public bool NeedsAll { get; init; }

    /// <summary>The object.</summary>
    public ObjectReference Reference => new(Kind, Address);
}
