using HangAnalysis.Model;

namespace HangAnalysis.Linux.Symbols;

/// <summary>How a frame of a kernel stack leads to the one behind it.</summary>
public enum LinuxFrameKind
{
    /// <summary>The function was called: its caller's address lies below <see cref="LinuxFrame.Cfa"/>.</summary>
    Call,

    /// <summary>
    /// An entry into the kernel saved all registers at <see cref="LinuxFrame.Cfa"/>; what follows was interrupted.
    /// </summary>
    Registers,

    /// <summary>As before, but only what the processor itself pushed is there.</summary>
    PartialRegisters,

    /// <summary>The unwind data says that the stack ends here.</summary>
    End,

    /// <summary>The user program that entered the kernel; no function of the kernel.</summary>
    User,

    /// <summary>
    /// The function has no unwind data; its caller was found by the call instruction before a word of the stack, which
    /// calls exactly this function.
    /// </summary>
    Searched,

    /// <summary>Nothing leads on from here: <see cref="LinuxStack.End"/> says why.</summary>
    Lost,
}

/// <summary>One frame of a kernel stack.</summary>
/// <param name="InstructionPointer">Return address, or where the processor was if <see cref="IsInterrupted"/>.</param>
/// <param name="StackPointer">RSP in this function; the return address of a call lies in the word below it.</param>
/// <param name="Cfa">
/// End of the frame: RSP of the caller, or address of the saved registers. 0 where nothing leads on.
/// </param>
/// <param name="Kind">How it leads to the next frame.</param>
/// <param name="IsInterrupted">
/// Whether the processor was exactly there: no return address, so the call before it is none.
/// </param>
/// <param name="RegistersIndex">
/// Index in <see cref="LinuxStack.Registers"/> of the registers with which this frame was interrupted, or -1.
/// </param>
/// <param name="Certainty">Proven by unwind data; inferred where a search found this frame or one before it.</param>
public readonly record struct LinuxFrame(
    ulong InstructionPointer, ulong StackPointer, ulong Cfa, LinuxFrameKind Kind, bool IsInterrupted, int RegistersIndex,
    Certainty Certainty)
{
    /// <summary>Where the return address lies: what <c>crash</c> prints in brackets.</summary>
    public ulong Slot => StackPointer - 8;

    /// <summary>Address within the function: a return address may already be that of the next one.</summary>
    public ulong LookupAddress => IsInterrupted ? InstructionPointer : InstructionPointer - 1;
}

/// <summary>Why a walk of a kernel stack ended.</summary>
public enum LinuxStackEnd
{
    /// <summary>At the end of the stack, or at the user program.</summary>
    Complete,

    /// <summary>A function has no unwind data and its caller was not found.</summary>
    NoUnwindData,

    /// <summary>Unwind data needs a register that is not known there.</summary>
    UnknownRegister,

    /// <summary>A word of the stack is not in the dump.</summary>
    Unreadable,

    /// <summary>The stack leads back to where it was: it is damaged.</summary>
    Loop,

    /// <summary>The most frames that are read.</summary>
    TooManyFrames,
}

/// <summary>A kernel stack; one object serves many walks.</summary>
public sealed class LinuxStack
{
    private readonly List<LinuxFrame> _frames = [];
    private readonly List<PtRegs> _registers = [];

    /// <summary>The frames, the innermost first.</summary>
    public IReadOnlyList<LinuxFrame> Frames => _frames;

    /// <summary>Registers that were saved on the stack, in the order of the frames that follow them.</summary>
    public IReadOnlyList<PtRegs> Registers => _registers;

    /// <summary>Why it ends.</summary>
    public LinuxStackEnd End { get; internal set; }

    internal void Clear()
    {
        _frames.Clear();
        _registers.Clear();
        End = LinuxStackEnd.Complete;
    }

    internal void Add(in LinuxFrame frame) => _frames.Add(frame);

    internal int Add(in PtRegs registers)
    {
        _registers.Add(registers);
        return _registers.Count - 1;
    }
}
