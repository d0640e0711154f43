namespace HangAnalysis.Targets.Vmcores;

/// <summary>One processor at the moment of the dump: its NT_PRSTATUS note.</summary>
/// <param name="Number">Position among the notes: the CPU's number, where no CPU was offline.</param>
/// <param name="Pid">
/// The note's process identifier: the task's in files of the crash kernel (0 for an idle task), the CPU's number + 1 in
/// QEMU's. The task that ran is told by the per-CPU variable of the kernel, not by this.
/// </param>
/// <param name="Context">Integer registers and instruction pointer.</param>
/// <param name="Cs">Code segment: bits 0 and 1 are 3 in user mode.</param>
/// <param name="Flags">RFLAGS.</param>
/// <param name="Ss">Stack segment.</param>
public sealed record VmcoreProcessor(int Number, uint Pid, CpuContext Context, ulong Cs, ulong Flags, ulong Ss);
