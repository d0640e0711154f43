namespace HangAnalysis.Targets.Vmcores;

/// <summary>
/// What a vmcore may make us read or keep. Each bound is far above real systems and low enough for a damaged file.
/// </summary>
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

    /// <summary>Blocks of 16 KB that are kept of a file, 8 MB: a page that was unpacked is not read again soon.</summary>
    public const int FileBlocks = 512;

    /// <summary>The same of each part of a split dump.</summary>
    public const int PartBlocks = 64;

    /// <summary>Records of a flattened file: 64 GB of QEMU's, which have 16 KB. Their index needs 24 bytes each.</summary>
    public const int FlattenedRecords = 4 * 1024 * 1024;

    /// <summary>Segments of an ELF vmcore: as many as makedumpfile -E makes of holes in very large systems.</summary>
    public const int Segments = 1024 * 1024;

    /// <summary>Files of one split dump.</summary>
    public const int Parts = 256;

    /// <summary>Pages that are searched for a VMCOREINFO that no note has, from the lowest on: 4 GB.</summary>
    public const int SearchedPages = 1024 * 1024;
}
