using HangAnalysis.Model;

namespace HangAnalysis.Analysis.Rules;

/// <summary>A stack that the verdict rests on.</summary>
/// <param name="Title">Whose it is: <c>crash</c>, <c>root thread</c>.</param>
/// <param name="Thread">Its thread; null where not known.</param>
/// <param name="Frames">The frames that were unwound: what a scan found may be left over from earlier calls.</param>
public sealed record EvidenceStack(string Title, ThreadFacts? Thread, IReadOnlyList<FrameFacts> Frames);

/// <summary>A module with what shows that it has a part in it.</summary>
/// <param name="Module">The module.</param>
/// <param name="Shows">What shows it, in words.</param>
public sealed record EvidenceModule(ModuleFacts Module, Phrase Shows);

/// <summary>What of a dump rules are held against. Plain data: whoever fills it can have its rules matched.</summary>
public sealed record RuleEvidence
{
    /// <summary>Class of the verdict.</summary>
    public required VerdictClass Class { get; init; }

    /// <summary>The number of the stop; null where there is none.</summary>
    public uint? Code { get; init; }

    /// <summary>Parameters of the stop.</summary>
    public IReadOnlyList<ulong> Parameters { get; init; } = [];

    /// <summary>The module that contains the address that a parameter is; null where none does.</summary>
    public Func<ulong, ModuleFacts?> FindModule { get; init; } = _ => null;

    /// <summary>The kind of cause that the stop was found to have, as sure as it is; null where none was found.</summary>
    public (CrashCause Cause, Certainty Certainty)? Cause { get; init; }

    /// <summary>The faulting instruction as the innermost frame; null where it is not known.</summary>
    public FrameFacts? Fault { get; init; }

    /// <summary>The faulting instruction as debuggers print it; null where the dump does not hold it.</summary>
    public string? Instruction { get; init; }

    /// <summary>The module that had been in the place of the fault; null where none had.</summary>
    public ListedModule? FaultUnloaded { get; init; }

    /// <summary>The module that the verdict names; null where it names none.</summary>
    public EvidenceModule? Culprit { get; init; }

    /// <summary>The stacks.</summary>
    public IReadOnlyList<EvidenceStack> Stacks { get; init; } = [];

    /// <summary>What the threads that others wait for do not come out of.</summary>
    public IReadOnlyList<EvidenceModule> Owners { get; init; } = [];

    /// <summary>The same of the threads that wait.</summary>
    public IReadOnlyList<EvidenceModule> Waiters { get; init; } = [];

    /// <summary>Drivers that have requests for which others wait.</summary>
    public IReadOnlyList<EvidenceModule> RequestHolders { get; init; } = [];

    /// <summary>Names of the processes that it is about.</summary>
    public IReadOnlyList<string> Processes { get; init; } = [];

    /// <summary>The longest wait; null where there is none or ages are unknown.</summary>
    public TimeSpan? LongestWait { get; init; }

    /// <summary>What the system keeps lists of.</summary>
    public SystemInventory Inventory { get; init; } = new();

    /// <summary>Build of the system; null where not known.</summary>
    public int? Build { get; init; }

    /// <summary>When the dump was taken; null where not known.</summary>
    public DateTimeOffset? Time { get; init; }
}
