namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!t</c>: one thread. What is not recorded is null.</summary>
public sealed record ThreadDetailJson
{
    /// <summary>Name and version of this shape.</summary>
    public string Schema { get; init; } = "hanganalysis-t/1";

    /// <summary>Address of the thread object.</summary>
    public required string Address { get; init; }

    /// <summary>The process: name, address, identifier.</summary>
    public required string Process { get; init; }

    /// <summary>Address of the process object.</summary>
    public required string ProcessAddress { get; init; }

    /// <summary>Process identifier.</summary>
    public ulong Pid { get; init; }

    /// <summary>Thread identifier.</summary>
    public ulong Tid { get; init; }

    /// <summary>The name that the program gave the thread.</summary>
    public string? Name { get; init; }

    /// <summary>Address of the thread environment block.</summary>
    public string? Teb { get; init; }

    /// <summary>Time in the program.</summary>
    public string? UserTime { get; init; }

    /// <summary>Time in the kernel.</summary>
    public string? KernelTime { get; init; }

    /// <summary>How often it was switched to.</summary>
    public uint? ContextSwitches { get; init; }

    /// <summary>State by the system's own name.</summary>
    public required string State { get; init; }

    /// <summary>Time in this state.</summary>
    public string? Time { get; init; }

    /// <summary>Wait reason; null unless it waits.</summary>
    public string? WaitReason { get; init; }

    /// <summary><c>kernel</c> or <c>user</c>; null unless it waits.</summary>
    public string? WaitMode { get; init; }

    /// <summary>Apartment: <c>STA</c>, <c>MTA</c>, <c>none</c> or null, how sure it is, and on what it rests.</summary>
    public required ThreadComJson Com { get; init; }

    /// <summary>Whether it has ended.</summary>
    public bool Terminated { get; init; }

    /// <summary>Whether it is being ended.</summary>
    public bool Ending { get; init; }

    /// <summary>Whether it is suspended or frozen.</summary>
    public bool Suspended { get; init; }

    /// <summary>How often it was suspended more than resumed.</summary>
    public int? SuspendCount { get; init; }

    /// <summary>When it was created.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>Where the kernel let it begin.</summary>
    public ThreadPlaceJson? Start { get; init; }

    /// <summary>Where its program let it begin.</summary>
    public ThreadPlaceJson? ProgramStart { get; init; }

    /// <summary>Priorities.</summary>
    public required ThreadPriorityJson Priority { get; init; }

    /// <summary>Processors.</summary>
    public required ThreadProcessorsJson Processors { get; init; }

    /// <summary>Pending requests, as those of <c>!irps</c>.</summary>
    public required IReadOnlyList<IrpJson> Requests { get; init; }

    /// <summary>Whether the wait needs all its objects; null unless it has several.</summary>
    public bool? WaitsForAll { get; init; }

    /// <summary>The objects in its wait blocks.</summary>
    public required IReadOnlyList<ThreadWaitObjectJson> WaitBlocks { get; init; }

    /// <summary>What ends the wait after a while.</summary>
    public ThreadTimeOutJson? TimeOut { get; init; }

    /// <summary>What it waits for by everything that is known, and who has that.</summary>
    public required IReadOnlyList<ThreadStepJson> WaitsFor { get; init; }

    /// <summary>Locks that it has and that others wait for.</summary>
    public required IReadOnlyList<ThreadHeldJson> Holds { get; init; }

    /// <summary>The stack, innermost frame first.</summary>
    public required IReadOnlyList<ThreadFrameJson> Frames { get; init; }

    /// <summary>Why the stack is missing or cut; null where it is whole.</summary>
    public string? StackEnd { get; init; }
}

/// <summary>A COM apartment.</summary>
public sealed record ThreadComJson(string? Apartment, string? Certainty, string Why);

/// <summary>An address with its name.</summary>
public sealed record ThreadPlaceJson(string Address, string Name);

/// <summary>Priorities of a thread.</summary>
public sealed record ThreadPriorityJson(int Current, int? Base, int? Decrement, int? ForegroundBoost, int? Io, int? Page);

/// <summary>Processors of a thread: where it runs and what that does, and where it may, should and will run.</summary>
public sealed record ThreadProcessorsJson(int? On, string? Doing, string? Affinity, int? Group, int? Ideal, int? Next);

/// <summary>An object that is waited for.</summary>
public sealed record ThreadWaitObjectJson(
    string Address, string Type, string? Name, bool? Signaled, string? Owner, string? Request, string? DueIn,
    IReadOnlyList<string> OtherWaiters, bool OtherWaitersWhole, string Info);

/// <summary>A time-out; one of the two times is null, or both where it is not known.</summary>
public sealed record ThreadTimeOutJson(string Timer, string? DueIn, string? DueAgo);

/// <summary>A step of the wait graph, and the steps that follow it.</summary>
public sealed record ThreadStepJson(
    string Kind, string Address, string Step, string Certainty, string Evidence, IReadOnlyList<ThreadStepJson> Then);

/// <summary>A lock that the thread has.</summary>
public sealed record ThreadHeldJson(string Address, string Kind, string? Name, int Waiters, string? Oldest, string Certainty);

/// <summary>A frame with its stack pointer and where it returns to.</summary>
public sealed record ThreadFrameJson(string ChildSp, string? Return, string Address, string Frame, string Certainty);
