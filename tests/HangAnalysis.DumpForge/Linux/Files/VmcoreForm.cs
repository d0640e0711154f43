namespace HangAnalysis.DumpForge.Linux.Files;

/// <summary>The file around the pages.</summary>
public enum VmcoreKind
{
    /// <summary>diskdump / kdump-compressed (makedumpfile, QEMU).</summary>
    Kdump,

    /// <summary>The same as a stream of records (makedumpfile -F, QEMU).</summary>
    Flattened,

    /// <summary>ELF core, as /proc/vmcore.</summary>
    Elf,
}

/// <summary>How pages are kept in a kdump file.</summary>
public enum VmcorePages
{
    /// <summary>zlib, but raw where that is no larger.</summary>
    Zlib,

    /// <summary>As they are.</summary>
    Raw,
}

/// <summary>How a vmcore is written.</summary>
public sealed record VmcoreForm
{
    public VmcoreKind Kind { get; init; } = VmcoreKind.Kdump;

    public VmcorePages Pages { get; init; } = VmcorePages.Zlib;

    /// <summary>With VMCOREINFO as a note; without, a reader has to look for the text in the pages.</summary>
    public bool HasVmcoreInfo { get; init; } = true;

    /// <summary>
    /// As QEMU writes: no utsname, wrong phys_base in the headers, pids of NT_PRSTATUS by CPU, notes of its
    /// own.
    /// </summary>
    public bool IsFromQemu { get; init; }

    /// <summary>Flags of pages that say a compression that nobody here has written: 2 LZO, 4 snappy, 0x20 zstd.</summary>
    public uint ClaimedCompression { get; init; }

    /// <summary>Marked as incomplete (the disk was full).</summary>
    public bool IsIncomplete { get; init; }
}
