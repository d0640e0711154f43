using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Windows;

/// <summary>The registers of a waiting thread of x86, as the context switch left them on its stack.</summary>
/// <remarks>
/// KTHREAD.KernelStack points to {ExceptionList, ApcBypassDisable, return address into KiSwapContext}; KiSwapContext's own
/// frame follows: EBP, EDI, ESI, EBX and its return address (checked with the debugger engine on a written dump of 2003).
/// </remarks>
internal static class SwitchFrame32
{
    /// <summary>Bytes of both frames.</summary>
    public const int Size = 0x20;

    private const int InnerReturn = 8, Ebp = 0xc, Edi = 0x10, Esi = 0x14, Ebx = 0x18, OuterReturn = 0x1c;

    /// <summary>Reads both frames; false where they are absent or lead into no module.</summary>
    /// <param name="stack">The thread's stack.</param>
    /// <param name="kernelStack">KTHREAD.KernelStack.</param>
    /// <param name="modules">The kernel's modules.</param>
    /// <param name="start">Registers from which the walk goes on.</param>
    /// <param name="inner">KiSwapContext's frame where <paramref name="start"/> is already its caller's; else null.</param>
    public static bool TryRead(
        IMemory stack, ulong kernelStack, ModuleIndex modules, out CpuContext start, out RawFrame? inner)
    {
        start = new CpuContext { Architecture = Architecture.X86 };
        inner = null;
        Span<byte> bytes = stackalloc byte[Size];
        if (!stack.TryRead(kernelStack, bytes))
            return false;
        ulong inside = Word(stack, bytes, InnerReturn), caller = Word(stack, bytes, OuterReturn);
        if (modules.FindModule(inside) is not { } module)
            return false;
        start.Registers[CpuContext.Rbp] = Word(stack, bytes, Ebp);
        start.Registers[7] = Word(stack, bytes, Edi);
        start.Registers[6] = Word(stack, bytes, Esi);
        start.Registers[3] = Word(stack, bytes, Ebx);
        start.InstructionPointer = inside;
        start.StackPointer = kernelStack + Ebp;
        if (modules.FindModule(caller) != module || !ReturnAddressScan.IsReturnAddress(modules, caller, Architecture.X86))
            return true;
        inner = new RawFrame(start.StackPointer, inside, caller, FrameKind.Unwound);
        start.InstructionPointer = caller;
        start.StackPointer = kernelStack + Size;
        return true;
    }

    private static ulong Word(IMemory stack, ReadOnlySpan<byte> bytes, int offset) => stack.PointerAt(bytes[offset..]);
}
