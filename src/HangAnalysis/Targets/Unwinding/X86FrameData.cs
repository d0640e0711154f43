namespace HangAnalysis.Targets.Unwinding;

/// <summary>How a function of x86 keeps its frame, as its PDB tells.</summary>
public enum X86FrameKind
{
    /// <summary>A program in postfix notation computes the caller's registers.</summary>
    Program,

    /// <summary>No frame pointer: sizes of locals, saved registers and parameters.</summary>
    Omitted,

    /// <summary>The usual frame: EBP points to the caller's EBP, the return address lies behind it.</summary>
    FramePointer,

    /// <summary>EBP points to a trap frame.</summary>
    Trap,

    /// <summary>The processor switched to a task's own stack; nothing on that leads back.</summary>
    TaskGate,
}

/// <summary>Frame data of one range of code.</summary>
/// <param name="Kind">How the frame is kept.</param>
/// <param name="Locals">Bytes of local variables.</param>
/// <param name="SavedRegisters">Bytes of saved registers.</param>
/// <param name="Parameters">Bytes of the parameters on the stack.</param>
/// <param name="UsesEbp">Whether a function without a frame pointer uses EBP for something else, and so has saved it.</param>
/// <param name="Program">The program; empty for the other kinds.</param>
public readonly record struct X86FrameData(
    X86FrameKind Kind, uint Locals, uint SavedRegisters, uint Parameters, bool UsesEbp, string Program);

/// <summary>Frame data of an image's functions.</summary>
public interface IX86FrameSource
{
    /// <summary>Finds what is recorded of the code at an address, relative to the image's base.</summary>
    bool TryFindFrame(uint rva, out X86FrameData frame);
}
