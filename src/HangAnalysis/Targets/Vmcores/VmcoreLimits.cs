namespace HangAnalysis.Targets.Vmcores;

/// <summary>What a vmcore may make us read or keep. Each bound is far above real systems and low enough for a damaged file.</summary>
internal static class VmcoreLimits
{
    /// <summary>Pages of 4 KB of one system: 64 TB, the most that Linux takes with four levels of page tables.</summary>
    public const ulong Pages = 1UL << 34;

    /// <summary>Bytes of ELF notes: 8,192 processors with a register set and QEMU's own note need less than 8 MB.</summary>
    public const int NoteBytes = 16 * 1024 * 1024;

    /// <summary>Bytes of VMCOREINFO: the kernel keeps one page of it (VMCOREINFO_BYTES).</summary>
    public const int VmcoreInfoBytes = 64 * 1024;

    /// <summary>Processors: NR_CPUS of the largest configuration of x86-64.</summary>
    public const int Processors = 8_192;

    /// <summary>
    /// Unpacked pages that are kept: 32 MB with pages of 4 KB. Opening a system of 60 tasks, its symbols, types and unwind
    /// tables touches 2,400.
    /// </summary>
    public const int CachedPages = 8_192;
}
