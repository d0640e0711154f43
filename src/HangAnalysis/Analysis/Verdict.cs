using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>What kind of answer was found.</summary>
public enum VerdictClass
{
    /// <summary>Threads wait for each other in a circle.</summary>
    Deadlock,

    /// <summary>A thread does not come out of a driver, or of another module.</summary>
    StuckInDriver,

    /// <summary>A request does not complete.</summary>
    StuckIo,

    /// <summary>A process does not answer messages, and its threads do not show why.</summary>
    ServerNotAnswering,

    /// <summary>The owner of a lock has ended.</summary>
    OrphanedLock,

    /// <summary>A thread that others wait for could run and gets no processor.</summary>
    Starvation,

    /// <summary>A processor spins.</summary>
    Spinning,

    /// <summary>The owner of what others wait for runs: it is slow, or goes round and round.</summary>
    OwnerRunning,

    /// <summary>A processor gives no sign of life.</summary>
    ProcessorStuck,

    /// <summary>A deferred procedure call does not end.</summary>
    LongDpc,

    /// <summary>There is no memory left.</summary>
    MemoryExhausted,

    /// <summary>Threads wait, and who must act is not recorded.</summary>
    OwnerUnknown,

    /// <summary>The system stopped by itself.</summary>
    Crash,

    /// <summary>Nothing waits that should not.</summary>
    NoHang,

    /// <summary>The dump does not hold what is needed to say more.</summary>
    NotEnoughData,
}

/// <summary>How much a verdict can be relied on. docs/verdicts.md has the rule of each class.</summary>
public enum Confidence
{
    /// <summary>Rests on a guess, or on few facts.</summary>
    Low,

    /// <summary>Rests on rules that real systems keep.</summary>
    Medium,

    /// <summary>Rests on what is recorded.</summary>
    High,
}

/// <summary>The module that is named, and what shows it.</summary>
/// <param name="Module">The module.</param>
/// <param name="Frame">The frame that shows it; null where it holds a request instead of a thread.</param>
/// <param name="Evidence">The frame in words, or the request that the module holds.</param>
public sealed record Culprit(ModuleFacts Module, FrameFacts? Frame, string Evidence)
{
    /// <summary>Names the module of a frame.</summary>
    public Culprit(ModuleFacts module, FrameFacts frame) : this(module, frame, frame.Text) { }

    /// <summary>How sure it is.</summary>
    public Certainty Certainty => Frame?.Certainty ?? Certainty.Proven;
}

/// <summary>One link of a chain.</summary>
/// <param name="Reference">The object; a driver's is the base of its image.</param>
/// <param name="Name">What to call it: of threads and processes the image name, such as <c>svchost.exe</c>. Text from the dump.</param>
/// <param name="Thread">The thread, if it is one.</param>
/// <param name="Process">The process that it is or belongs to, or null.</param>
/// <param name="WaitsFor">What it waits for, in words; null at the end of the chain.</param>
/// <param name="Certainty">How sure the step to the next link is.</param>
/// <param name="Evidence">The debugger command that shows the step; empty at the end of the chain.</param>
public sealed record ChainLink(
    ObjectReference Reference, string Name, ThreadFacts? Thread, ProcessFacts? Process, Phrase? WaitsFor, Certainty Certainty,
    string Evidence)
{
    /// <summary>Further threads that wait for what this link waits for: they are told by their number.</summary>
    public int AlikeThreads { get; init; }

    /// <summary>The longest wait among those; null where unknown.</summary>
    public TimeSpan? AlikeLongest { get; init; }

    /// <summary>Links between this one and the next that are left out, because nobody would read so many.</summary>
    public int Omitted { get; init; }
}

/// <summary>A chain from who suffers to what causes it.</summary>
/// <param name="Links">The links; of a deadlock, the first stands again at the end.</param>
/// <param name="BlockedThreads">Threads that cannot go on before the last link does.</param>
/// <param name="LongestWait">The longest wait among them; null where ages are unknown.</param>
/// <param name="IsCycle">Whether the chain closes.</param>
public sealed record Chain(IReadOnlyList<ChainLink> Links, int BlockedThreads, TimeSpan? LongestWait, bool IsCycle)
{
    /// <summary>Further chains that are like this one link by link and are counted with it.</summary>
    public int Similar { get; init; }

    /// <summary>Why it ends where it does; null for a circle and where a module is named.</summary>
    public Phrase? End { get; init; }
}

/// <summary>A stack worth showing with the verdict.</summary>
/// <param name="Title">What it is: <c>root thread</c>, <c>crash</c>.</param>
/// <param name="Thread">Its thread; null where not known.</param>
/// <param name="Stack">The frames.</param>
public sealed record TitledStack(string Title, ThreadFacts? Thread, StackFacts Stack);

/// <summary>The answer: what keeps everybody waiting, how sure that is, and on what it rests.</summary>
public sealed record Verdict
{
    /// <summary>What kind of answer it is.</summary>
    public required VerdictClass Class { get; init; }

    /// <summary>How much it can be relied on.</summary>
    public required Confidence Confidence { get; init; }

    /// <summary>One sentence that a manager can read.</summary>
    public required string Summary { get; init; }

    /// <summary>The module that is named, or null.</summary>
    public Culprit? Culprit { get; init; }

    /// <summary>What shows it besides chains and stacks, as labelled lines; empty where the system records none.</summary>
    public IReadOnlyList<(string Label, Phrase Text)> Evidence { get; init; } = [];

    /// <summary>Threads that cannot go on.</summary>
    public int BlockedThreads { get; init; }

    /// <summary>The longest of their waits; null where unknown.</summary>
    public TimeSpan? LongestWait { get; init; }

    /// <summary>The chains, most important first.</summary>
    public IReadOnlyList<Chain> Chains { get; init; } = [];

    /// <summary>The stacks that show it.</summary>
    public IReadOnlyList<TitledStack> Stacks { get; init; } = [];

    /// <summary>What was looked at and found in order.</summary>
    public IReadOnlyList<RuledOut> RuledOut { get; init; } = [];

    /// <summary>What could not be found out.</summary>
    public IReadOnlyList<Unknown> Unknown { get; init; } = [];
}
