using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>The registers of a waiting thread of ARM64, as the context switch left them.</summary>
/// <remarks>
/// The switch keeps the frame pointer and the program counter in the KTHREAD itself, at +220 and +228, and its stack pointer is
/// KTHREAD.KernelStack + 0x20. Public symbols do not name the two places. They were so in a real dump of build 22000, and the
/// debugger engine reads them there whatever build the dump's header says (17763, 22000 and 26100 tried), so that they are
/// believed only where the program counter lies in the kernel and the frame pointer on the thread's stack.
/// </remarks>
internal static class SwitchStateArm64
{
    private const ulong SavedFp = 0x220, SavedPc = 0x228, StackOffset = 0x20;

    /// <summary>Reads them; false where they are absent or cannot be such.</summary>
    /// <param name="memory">Kernel memory.</param>
    /// <param name="thread">Address of the KTHREAD.</param>
    /// <param name="kernelStack">KTHREAD.KernelStack.</param>
    /// <param name="stackBase">End of the thread's stack.</param>
    /// <param name="modules">The kernel's modules.</param>
    /// <param name="start">The registers from which the stack is walked.</param>
    public static bool TryRead(
        IMemory memory, ulong thread, ulong kernelStack, ulong stackBase, ModuleIndex modules, out CpuContext start)
    {
        start = new CpuContext { Architecture = Architecture.Arm64 };
        if (!memory.TryReadUInt64(thread + SavedFp, out ulong fp) || !memory.TryReadUInt64(thread + SavedPc, out ulong pc)
            || modules.FindModule(pc) is not { Name: "nt" } || fp < kernelStack || fp >= stackBase)
            return false;
        start.InstructionPointer = pc;
        start.StackPointer = kernelStack + StackOffset;
        start.Registers[CpuContext.Fp] = fp;
        return true;
    }
}
