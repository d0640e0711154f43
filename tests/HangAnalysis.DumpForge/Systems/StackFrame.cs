using HangAnalysis.DumpForge.Images;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>A frame of a stack: where it returns to, in which module (null for none), and how large it is.</summary>
public sealed record StackFrame(ForgedModule? Module, string Text, ulong Address, FunctionFrame Frame)
{
    /// <summary>A frame in no module: of code whose image nobody knows.</summary>
    public static StackFrame Nowhere(ulong address, string text) =>
        new(null, text, address, FunctionFrame.Leaf) { Function = address };

    /// <summary>Name of the function; null where the module has none.</summary>
    public string? Symbol { get; init; }

    /// <summary>Address where the function begins.</summary>
    public ulong Function { get; init; }

    /// <summary>Whether this is the frame between kernel and user mode: of a system call, or of a thread's first step.</summary>
    public bool IsSystemCall => Symbol is not null && ForgedModule.IsEntry(Symbol);

    /// <summary>Whether the code of the next frame was interrupted there.</summary>
    public bool IsTrap { get; } = Frame.IsTrap;

    /// <summary>Bytes from this frame's stack pointer to the next one's.</summary>
    public int Extent { get; init; } = Frame.Extent;

    /// <summary>Bytes of parameters behind the return address, which the caller pushed and the function takes off.</summary>
    public int Arguments { get; init; }
}
