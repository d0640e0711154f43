using HangAnalysis.Linux.Log;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets.Code;

namespace HangAnalysis.Linux.Stops;

/// <summary>How a kernel came to its end, with all that is recorded of it.</summary>
public sealed class LinuxStop
{
    /// <summary>What kind of end it is.</summary>
    public required StopKind Kind { get; init; }

    /// <summary>The line of the panic; null where the log has none.</summary>
    public LogEvent? Panic { get; init; }

    /// <summary>What the log says of the death; null where it is none, or where the log does not have it.</summary>
    public OopsReport? Oops { get; init; }

    /// <summary>The processor on which it happened; null where not known.</summary>
    public int? Processor { get; init; }

    /// <summary>The task that was on it; null where not known.</summary>
    public ThreadFacts? Thread { get; init; }

    /// <summary>
    /// The registers at the instruction that failed; null where it is none, or where they are not recorded.
    /// </summary>
    public PtRegs? Registers { get; init; }

    /// <summary>The instruction that failed; 0 where it is none, or where it is not recorded.</summary>
    public ulong FaultAddress { get; init; }

    /// <summary>The address that could not be accessed; null where none is recorded.</summary>
    public ulong? BadAddress { get; init; }

    /// <summary>The error code of a page fault; null for all else.</summary>
    public ulong? ErrorCode { get; init; }

    /// <summary>The code around the instruction that failed; empty where it is neither in the dump nor in the log.</summary>
    public IReadOnlyList<CodeLine> Code { get; init; } = [];

    /// <summary>Whether the code is the log's, because memory does not hold it.</summary>
    public bool IsCodeFromLog { get; init; }

    /// <summary>What the instruction accesses by its registers.</summary>
    public IReadOnlyList<CodeAccess> Accesses { get; init; } = [];

    /// <summary>The registers by which it addresses memory, with what they held.</summary>
    public IReadOnlyList<(string Name, ulong Value)> Inputs { get; init; } = [];

    /// <summary>The stack from the instruction that failed on, or from who called panic.</summary>
    public required StackFacts Stack { get; init; }

    /// <summary>The same for all systems.</summary>
    public StopFacts Facts { get; internal set; } = new("", false, null, 0);
}
