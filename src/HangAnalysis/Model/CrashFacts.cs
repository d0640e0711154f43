namespace HangAnalysis.Model;

/// <summary>What a stop is owed to, as far as it is known.</summary>
public enum CrashCause
{
    /// <summary>Not known.</summary>
    Unknown,

    /// <summary>A module's own code did what it must not.</summary>
    Module,

    /// <summary>Memory that somebody else damaged: whoever tripped over it is a victim.</summary>
    Corruption,

    /// <summary>Processor, memory, or the way between them.</summary>
    Hardware,

    /// <summary>Code that this processor cannot run.</summary>
    ProcessorFeature,

    /// <summary>A device, or what is behind it, did not do what it was asked.</summary>
    Device,

    /// <summary>A program that the system cannot do without ended.</summary>
    Program,

    /// <summary>Somebody, or a watchdog, forced the dump: the system hung, or was well.</summary>
    Forced,
}

/// <summary>One parameter of a stop.</summary>
/// <param name="Value">Its value.</param>
/// <param name="Name">What such a parameter is: <c>faulting instruction</c>.</param>
/// <param name="Meaning">What this value says, in words; null where it says nothing by itself.</param>
public sealed record CrashParameter(ulong Value, string Name, Phrase? Meaning);

/// <summary>A line of code around the instruction that failed.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Bytes">Its bytes in hexadecimal.</param>
/// <param name="Text">The instruction, as the system's debuggers print it.</param>
/// <param name="IsFault">Whether it is the one that failed.</param>
public sealed record CrashCodeLine(ulong Address, string Bytes, string Text, bool IsFault);

/// <summary>An access to memory that the instruction makes.</summary>
/// <param name="Operand">As it stands in the code: <c>[rsi+8]</c>.</param>
/// <param name="Address">The address that the registers make; null where one of them is not known.</param>
/// <param name="IsWrite">Whether it writes.</param>
/// <param name="Bytes">How many bytes; 0 where that depends.</param>
public sealed record CrashAccess(string Operand, ulong? Address, bool IsWrite, int Bytes);

/// <summary>The instruction that failed, with the registers before it.</summary>
/// <param name="Where">The instruction as the innermost frame.</param>
/// <param name="Source">Where the registers come from: <c>CONTEXT at ffffc085`… (parameter 4)</c>.</param>
public sealed record CrashFault(FrameFacts Where, Phrase Source)
{
    /// <summary>Registers by name with their values, in the order in which debuggers print them; only those that are known.</summary>
    public IReadOnlyList<(string Name, ulong Value)> Registers { get; init; } = [];

    /// <summary>Registers that cannot be told, by name.</summary>
    public IReadOnlyList<string> UnknownRegisters { get; init; } = [];

    /// <summary>The code around it; empty where the dump does not hold it.</summary>
    public IReadOnlyList<CrashCodeLine> Code { get; init; } = [];

    /// <summary>What the instruction accesses.</summary>
    public IReadOnlyList<CrashAccess> Accesses { get; init; } = [];

    /// <summary>The error code that the processor pushed at the fault; null where none is recorded.</summary>
    public ulong? ErrorCode { get; init; }

    /// <summary>The address that the processor, or the stop, says could not be accessed; null where none is recorded.</summary>
    public ulong? ReportedAddress { get; init; }
}

/// <summary>What is to blame, how sure that is, and by which rule.</summary>
/// <param name="Cause">The kind of cause.</param>
/// <param name="Statement">
/// One sentence that a manager can read: <c>memory is defective: bit 37 of a page table entry is set that should be clear</c>.
/// </param>
/// <param name="Certainty">How sure it is.</param>
/// <param name="Reason">Why, in words: the rule and what it saw.</param>
public sealed record CrashBlame(CrashCause Cause, string Statement, Certainty Certainty, string Reason)
{
    /// <summary>Nobody made a claim.</summary>
    public static CrashBlame None { get; } =
        new(CrashCause.Unknown, "the cause is not known", Certainty.Candidate, "no rule names one");

    /// <summary>The module that is named; null where none is.</summary>
    public ModuleFacts? Module { get; init; }

    /// <summary>The frame that shows it; null where something else does.</summary>
    public FrameFacts? Frame { get; init; }
}

/// <summary>A stack that belongs to the stop: of the fault, of the watchdog's samples, of whoever killed.</summary>
/// <param name="Title">Whose it is: <c>faulting thread</c>, <c>watchdog sample 3 of 12</c>.</param>
/// <param name="Thread">Its thread; null where not known.</param>
/// <param name="Stack">The frames.</param>
public sealed record CrashStack(string Title, ThreadFacts? Thread, StackFacts Stack);

/// <summary>Everything that is known of a stop: nothing in it belongs to one operating system.</summary>
public sealed class CrashFacts
{
    /// <summary>The stop by its name.</summary>
    public required StopFacts Stop { get; init; }

    /// <summary>Its parameters with their meaning.</summary>
    public IReadOnlyList<CrashParameter> Parameters { get; init; } = [];

    /// <summary>The instruction that failed; null where it is none, or where it is not in the dump.</summary>
    public CrashFault? Fault { get; init; }

    /// <summary>
    /// Where the processor stood when the kernel stopped, with its registers; null where <see cref="Fault"/> has those that count,
    /// or where the dump has none.
    /// </summary>
    public CrashFault? Halt { get; init; }

    /// <summary>
    /// Where the program called the kernel, with its registers; null where the thread is the kernel's, or where that is not kept.
    /// </summary>
    public CrashFault? Entry { get; init; }

    /// <summary>What is to blame.</summary>
    public required CrashBlame Blame { get; init; }

    /// <summary>What shows it, as labelled lines in reading order.</summary>
    public IReadOnlyList<(string Label, Phrase Text)> Evidence { get; init; } = [];

    /// <summary>The stacks, the most telling first.</summary>
    public IReadOnlyList<CrashStack> Stacks { get; init; } = [];

    /// <summary>What was looked at and does not explain it.</summary>
    public IReadOnlyList<RuledOut> RuledOut { get; init; } = [];

    /// <summary>What could not be found out.</summary>
    public IReadOnlyList<Unknown> Unknown { get; init; } = [];

    /// <summary>What to do next, a line each.</summary>
    public IReadOnlyList<string> Advice { get; init; } = [];

    /// <summary>Commands that show more, without the debugger's own prompt.</summary>
    public IReadOnlyList<string> Commands { get; init; } = [];
}

/// <summary>A system that knows more of its stop than name and stack.</summary>
public interface ICrashFactsSource
{
    /// <summary>Everything that is known of the stop; null where there was none. Read when first asked for.</summary>
    CrashFacts? Crash { get; }
}
