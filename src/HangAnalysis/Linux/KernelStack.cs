using HangAnalysis.Linux.Symbols;

namespace HangAnalysis.Linux;

/// <summary>The walked kernel stack of a task.</summary>
/// <param name="Frames">The frames, the innermost first.</param>
/// <param name="Registers">Registers that were saved on it; frames name them by their number.</param>
/// <param name="EndNote">Why the stack is missing or cut; null where it is whole.</param>
public sealed record KernelStack(LinuxFrame[] Frames, PtRegs[] Registers, string? EndNote)
{
    /// <summary>A stack of which nothing is known.</summary>
    internal static KernelStack Missing(string why) => new([], [], why);
}
