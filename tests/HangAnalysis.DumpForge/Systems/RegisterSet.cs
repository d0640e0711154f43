namespace HangAnalysis.DumpForge.Systems;

/// <summary>What a processor of one architecture has in registers, and where a system keeps it.</summary>
internal abstract class RegisterSet(SystemBuilder system)
{
    protected SystemBuilder System { get; } = system;

    /// <summary>Member of the KPCR that is the KPRCB itself.</summary>
    public virtual string EmbeddedPrcb => "Prcb";

    /// <summary>Address of a processor's KPCR where the system has a fixed one.</summary>
    public virtual ulong? FixedKpcr(int processor) => null;

    /// <summary>Writes the KPCR with the descriptor tables.</summary>
    public abstract void WriteKpcr(ulong kpcr, ulong kprcb, ulong gdt);

    /// <summary>Writes control registers.</summary>
    public abstract void WriteSpecial(KernelStruct prcb, ulong gdt);

    /// <summary>CONTEXT of a thread that runs.</summary>
    public abstract byte[] Context(ThreadBuilder thread);

    /// <summary>A CONTEXT in the kernel with these registers.</summary>
    public abstract byte[] Context(ulong instruction, ulong stack, ulong frame);

    /// <summary>The stack pointer in a CONTEXT.</summary>
    public abstract ulong StackPointerOf(byte[] context);

    /// <summary>Places and values that the debugger's block of data tells of the KPCR, its selectors and the KPRCB.</summary>
    public abstract int[] KpcrOffsets();
}
