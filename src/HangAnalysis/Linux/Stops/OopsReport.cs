using HangAnalysis.Linux.Log;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Stops;

/// <summary>What the log says of one death of the kernel: between its first line and the end of its trace.</summary>
/// <param name="Die">The line with the number of the death: <c>Oops: 0002 [#1] PREEMPT SMP</c>.</param>
/// <param name="First">Number of the first record that belongs to it.</param>
/// <param name="Last">Number of the last record that belongs to it.</param>
/// <param name="Exception">What happened, as the line begins: <c>Oops</c>, <c>invalid opcode</c>.</param>
/// <param name="ErrorCode">The error code of that line.</param>
/// <param name="Count">How often the kernel had died then, this time included.</param>
public sealed record OopsReport(LogRecord Die, int First, int Last, string Exception, ulong ErrorCode, int Count)
{
    /// <summary>
    /// The line before it that says more: <c>BUG: kernel NULL pointer dereference, address: …</c>; null for none.
    /// </summary>
    public string? Headline { get; init; }

    /// <summary>The address that could not be accessed; null where none is told.</summary>
    public ulong? Address { get; init; }

    /// <summary>File and line of a failed check; null where it is none.</summary>
    public string? Place { get; init; }

    /// <summary>Number of the processor.</summary>
    public int? Processor { get; init; }

    /// <summary>Identifier of the task.</summary>
    public int? Pid { get; init; }

    /// <summary>Name of the task. Text from the dump.</summary>
    public string? Task { get; init; }

    /// <summary>
    /// The instruction as the log names it: <c>nullptr_poke+0x5/0x1000 [nullptr]</c>; null where it does not.
    /// </summary>
    public string? Instruction { get; init; }

    /// <summary>Bytes around the instruction; empty where the log has none.</summary>
    public IReadOnlyList<byte> Code { get; init; } = [];

    /// <summary>Which of those is the instruction's first.</summary>
    public int CodeIndex { get; init; }

    /// <summary>
    /// Integer registers; null where the log has none. The instruction pointer is 0 where only its name is told.
    /// </summary>
    public CpuContext? Registers { get; init; }

    /// <summary>Flags of the processor.</summary>
    public ulong Flags { get; init; }

    /// <summary>Whether it is a page fault, whose error code has a meaning of its own.</summary>
    public bool IsPageFault => Exception == "Oops";
}
