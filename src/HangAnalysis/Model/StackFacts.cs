namespace HangAnalysis.Model;

/// <summary>Where a module comes from, as far as blame goes.</summary>
public enum ModuleOrigin
{
    /// <summary>Neither version resource nor name tells.</summary>
    Unknown,

    /// <summary>A part of the system that everything passes through: never a culprit by being on a stack.</summary>
    Core,

    /// <summary>Another part of the operating system.</summary>
    System,

    /// <summary>Not a part of the operating system.</summary>
    ThirdParty,
}

/// <summary>How a module's name stands beside its symbols.</summary>
public enum SymbolNotation
{
    /// <summary>Before them, as in debuggers of Windows: <c>nt!KiSwapContext+0x76</c>.</summary>
    Before,

    /// <summary>Behind them, as Linux writes it: <c>abba_take_b+0x35 [abba]</c>.</summary>
    Behind,

    /// <summary>Not at all, as Linux writes symbols of the kernel itself: <c>__mutex_lock+0x1b0</c>.</summary>
    Absent,
}

/// <summary>A module as reports show it.</summary>
/// <param name="Name">Name beside its symbols.</param>
/// <param name="FileName">File name. Text from the dump.</param>
/// <param name="BaseAddress">Address of the first byte.</param>
/// <param name="IsUserMode">Whether it belongs to a process.</param>
public sealed record ModuleFacts(string Name, string FileName, ulong BaseAddress, bool IsUserMode)
{
    /// <summary>Where the module comes from.</summary>
    public ModuleOrigin Origin { get; init; }

    /// <summary>How its name stands beside its symbols.</summary>
    public SymbolNotation Notation { get; init; }

    /// <summary>Company of the version resource; null where unknown. Text from the dump.</summary>
    public string? Company { get; init; }

    /// <summary>
    /// What its system itself says against it: <c>out of tree, unsigned (OE)</c>; null where nothing is said, and where its
    /// company tells whose it is.
    /// </summary>
    public string? Remark { get; init; }

    /// <summary>File version; null where unknown. Text from the dump.</summary>
    public string? Version { get; init; }

    /// <summary>Link date; null where the time stamp is a hash or unknown.</summary>
    public DateTime? LinkDate { get; init; }
}

/// <summary>One frame of a stack.</summary>
/// <param name="StackPointer">Child-SP: the stack pointer inside this frame.</param>
/// <param name="InstructionPointer">Where this frame executes, or will go on.</param>
/// <param name="Module">The module at the instruction pointer; null where none is known.</param>
/// <param name="Symbol">Symbol at or before the instruction pointer, without the module; null where none.</param>
/// <param name="Displacement">Distance from the symbol, or from the module's start where there is no symbol, in bytes.</param>
/// <param name="Certainty">Proven when unwound; candidate when found by scanning the stack.</param>
public sealed record FrameFacts(
    ulong StackPointer, ulong InstructionPointer, ModuleFacts? Module, string? Symbol, ulong Displacement, Certainty Certainty)
{
    /// <summary>How a frame was found that is inferred: <c>by frame pointers</c>; null where that needs no words.</summary>
    public string? FoundBy { get; init; }

    /// <summary>Whether the frame is a step of the kernel's waiting machinery and says nothing about who waits.</summary>
    public bool IsWaitPrimitive { get; init; }

    /// <summary>
    /// As the system's people print it: <c>nt!KiSwapContext+0x76</c>, <c>abba_take_b+0x35 [abba]</c>,
    /// <c>TmXPFlt+0x1bce3</c>, or the bare address.
    /// </summary>
    public string Text => Module is null
        ? $"0x{InstructionPointer:x}"
        : Symbol is null
            ? $"{Module.Name}+0x{Displacement:x}"
            : WithModule(Module, Displacement == 0 ? Symbol : $"{Symbol}+0x{Displacement:x}");

    /// <summary>Module and function without the displacement: <c>nt!KiSwapContext</c>, <c>abba_take_b [abba]</c>.</summary>
    public string Function => Module is null
        ? $"0x{InstructionPointer:x}"
        : Symbol is null ? Module.Name : WithModule(Module, Symbol);

    private static string WithModule(ModuleFacts module, string symbol) => module.Notation switch
    {
        SymbolNotation.Before => $"{module.Name}!{symbol}",
        SymbolNotation.Behind => $"{symbol} [{module.Name}]",
        _ => symbol,
    };
}

/// <summary>A thread's stack, innermost frame first.</summary>
/// <param name="Frames">The frames; empty where none could be had.</param>
/// <param name="EndNote">Why the stack is missing or cut; null where it is whole.</param>
public sealed record StackFacts(IReadOnlyList<FrameFacts> Frames, string? EndNote)
{
    /// <summary>
    /// The frame that knowledge of the system accuses whatever other modules are on the stack; null where the common rule
    /// decides.
    /// </summary>
    public FrameFacts? Suspect { get; init; }
}
