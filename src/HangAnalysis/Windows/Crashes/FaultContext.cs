using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>The registers at a fault, and which of them can be trusted.</summary>
/// <param name="Registers">The registers; those that are not known hold whatever the record held.</param>
/// <param name="Known">A bit for each register, by its index in <see cref="CpuContext"/>.</param>
/// <param name="Source">Where they come from: <c>trap frame at ffffc085`…, parameter 3</c>.</param>
internal sealed record FaultContext(CpuContext Registers, uint Known, Phrase Source)
{
    /// <summary>Every register is known: those of a CONTEXT.</summary>
    public const uint All = uint.MaxValue;

    /// <summary>What the processor reported as the address that failed; null where the record has no such field, or it is not used.</summary>
    public ulong? FaultAddress { get; init; }

    /// <summary>The error code that the processor pushed; null where none is recorded.</summary>
    public ulong? ErrorCode { get; init; }

    /// <summary>Where the instruction stands.</summary>
    public ulong InstructionPointer => Registers.InstructionPointer;

    /// <summary>The value of a register by its index; null where it is not known.</summary>
    public ulong? Value(int register) => (Known >> register & 1) != 0 ? Registers.Registers[register] : null;
}

/// <summary>An EXCEPTION_RECORD.</summary>
/// <param name="At">Where it lies.</param>
/// <param name="Code">The exception.</param>
/// <param name="Address">The instruction.</param>
/// <param name="Information">Its parameters: of an access violation, 0 read, 1 write or 8 execution, and the address.</param>
internal sealed record ExceptionRecord(ulong At, uint Code, ulong Address, IReadOnlyList<ulong> Information)
{
    /// <summary>Whether it was found by searching the stacks: then it may be that of an earlier exception.</summary>
    public bool IsFound { get; init; }

    /// <summary>STATUS_ACCESS_VIOLATION.</summary>
    public const uint AccessViolation = 0xc0000005;

    /// <summary>STATUS_IN_PAGE_ERROR: its third parameter is the status of the read that failed.</summary>
    public const uint InPageError = 0xc0000006;

    /// <summary>STATUS_ILLEGAL_INSTRUCTION.</summary>
    public const uint IllegalInstruction = 0xc000001d;

    /// <summary>STATUS_BREAKPOINT.</summary>
    public const uint Breakpoint = 0x80000003;

    /// <summary>The address that could not be accessed; null where the exception has none.</summary>
    public ulong? AccessedAddress => Code is AccessViolation or InPageError && Information.Count >= 2 ? Information[1] : null;
}
