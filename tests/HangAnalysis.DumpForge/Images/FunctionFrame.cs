namespace HangAnalysis.DumpForge.Images;

/// <summary>x64 registers by their number in instructions and unwind codes.</summary>
public enum X64Register
{
    Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15,
}

/// <summary>What one instruction of a prolog does.</summary>
public enum FrameStepKind
{
    /// <summary>push register</summary>
    Push,

    /// <summary>sub rsp, Value</summary>
    Allocate,

    /// <summary>lea register, [rsp + Value]</summary>
    SetFrame,

    /// <summary>mov [rsp + Value], register</summary>
    Save,

    /// <summary>movaps [rsp + Value], xmm register</summary>
    SaveXmm,

    /// <summary>The frame that the processor pushes at an interrupt; Value 1 with an error code.</summary>
    MachineFrame,

    /// <summary>The same frame, built by the function's own code, as at a system call's entry.</summary>
    BuiltMachineFrame,
}

/// <summary>One step of a prolog.</summary>
public readonly record struct FrameStep(FrameStepKind Kind, X64Register Register, int Value);

/// <summary>
/// What a function's prolog does to the stack, in order. Immutable: each method returns a longer frame. From it come
/// the machine code and the unwind codes (format: Microsoft's "x64 exception handling").
/// </summary>
public class FunctionFrame
{
    /// <summary>Takes the parts of a frame.</summary>
    private protected FunctionFrame(bool isLeaf, FrameStep[] steps, uint? chainedTo = null, uint? handler = null)
    {
        IsLeaf = isLeaf;
        Steps = steps;
        ChainedTo = chainedTo;
        Handler = handler;
    }

    /// <summary>A function that has no unwind information: its return address is at [rsp] everywhere.</summary>
    public static FunctionFrame Leaf { get; } = new(true, []);

    /// <summary>A function with unwind information and an empty prolog.</summary>
    public static FunctionFrame Empty { get; } = new(false, []);

    /// <summary>
    /// The shape of KiSystemCall64: the processor's frame built by code, rbp, and the rest of a KTRAP_FRAME, with rbp
    /// at its middle. The whole is 0x190 bytes: exactly a KTRAP_FRAME.
    /// </summary>
    public static FunctionFrame SystemCall { get; } = new FunctionFrame(false,
        [new FrameStep(FrameStepKind.BuiltMachineFrame, default, 1)])
        .Push(X64Register.Rbp).Allocate(0x158).SetFrame(X64Register.Rbp, 0x80);

    /// <summary>Whether the function has no unwind information.</summary>
    public bool IsLeaf { get; }

    /// <summary>Steps of the prolog.</summary>
    public IReadOnlyList<FrameStep> Steps { get; }

    /// <summary>RVA of the function whose frame this part of it continues; null for none.</summary>
    public uint? ChainedTo { get; }

    /// <summary>RVA of the exception handler; null for none.</summary>
    public uint? Handler { get; }

    /// <summary>
    /// A separate part of another function, with that function's frame and maybe more saves of its own.
    /// </summary>
    public static FunctionFrame ChainTo(uint function) => new(false, [], function);

    /// <summary>A frame that only subtracts from rsp.</summary>
    public static FunctionFrame Sub(int size) => Empty.Allocate(size);

    public FunctionFrame Push(X64Register register) => With(FrameStepKind.Push, register, 0);

    public FunctionFrame Allocate(int size) => With(FrameStepKind.Allocate, default, size);

    /// <summary>Sets the frame register to rsp + offset; the offset is a multiple of 16 up to 240.</summary>
    public FunctionFrame SetFrame(X64Register register, int offset) => With(FrameStepKind.SetFrame, register, offset);

    public FunctionFrame Save(X64Register register, int offset) => With(FrameStepKind.Save, register, offset);

    /// <summary>Saves xmm6 to xmm15; the offset is a multiple of 16.</summary>
    public FunctionFrame SaveXmm(int number, int offset) => With(FrameStepKind.SaveXmm, (X64Register)number, offset);

    /// <summary>The frame that the processor pushed before the function's first instruction.</summary>
    public static FunctionFrame Interrupt(bool errorCode) =>
        new(false, [new FrameStep(FrameStepKind.MachineFrame, default, errorCode ? 1 : 0)]);

    public FunctionFrame WithHandler(uint handler) => new(IsLeaf, [.. Steps], ChainedTo, handler);

    /// <summary>Bytes between rsp in the body and the return address (of a machine frame: its end).</summary>
    public virtual int Size
    {
        get
        {
            int size = 0;
            foreach (FrameStep step in Steps)
                size += step.Kind switch
                {
                    FrameStepKind.Push => 8,
                    FrameStepKind.Allocate => step.Value,
                    FrameStepKind.MachineFrame or FrameStepKind.BuiltMachineFrame => MachineFrameSize(step),
                    _ => 0,
                };
            return size;
        }
    }

    /// <summary>Whether the processor made the frame: the code of the next frame was interrupted.</summary>
    public virtual bool IsTrap => Steps.Count > 0 && Steps[0].Kind == FrameStepKind.MachineFrame;

    /// <summary>Bytes from this frame's stack pointer to that of its caller behind the return.</summary>
    public virtual int Extent => Size + (IsTrap ? 0 : 8);

    /// <summary>Where a register is saved, from rsp in the body; null where the frame does not save it.</summary>
    public int? SavedAt(X64Register register)
    {
        int depth = 0, total = Size;
        foreach (FrameStep step in Steps)
        {
            if (step.Kind == FrameStepKind.Save && step.Register == register)
                return step.Value;
            depth += step.Kind switch
            {
                FrameStepKind.Push => 8,
                FrameStepKind.Allocate => step.Value,
                FrameStepKind.MachineFrame or FrameStepKind.BuiltMachineFrame => MachineFrameSize(step),
                _ => 0,
            };
            if (step.Kind == FrameStepKind.Push && step.Register == register)
                return total - depth;
        }
        return null;
    }

    // ss, rsp, flags, cs, rip, and below them the error code.
    internal static int MachineFrameSize(FrameStep step) => step.Value == 1 ? 0x30 : 0x28;

    private FunctionFrame With(FrameStepKind kind, X64Register register, int value) =>
        new(false, [.. Steps, new FrameStep(kind, register, value)], ChainedTo, Handler);
}
