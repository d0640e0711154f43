using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>What a file is by its first bytes.</summary>
internal enum VmcoreFileKind
{
    /// <summary>Not a vmcore.</summary>
    Other,

    /// <summary>kdump-compressed: of makedumpfile or of QEMU.</summary>
    Kdump,

    /// <summary>The flattened form of makedumpfile, in which any vmcore can be packed.</summary>
    Flattened,

    /// <summary>An ELF core.</summary>
    Elf,

    /// <summary>Packed by gzip.</summary>
    Gzip,

    /// <summary>Packed by xz.</summary>
    Xz,

    /// <summary>Packed by zstd.</summary>
    Zstd,
}

/// <summary>Recognises vmcores.</summary>
internal static class VmcoreFormat
{
    /// <summary>Tells the kind of file by its first bytes.</summary>
    public static VmcoreFileKind Recognize(IFileBytes file)
    {
        Span<byte> start = stackalloc byte[16];
        start = start[..file.Read(0, start)];
        if (start.StartsWith("KDUMP   "u8))
            return VmcoreFileKind.Kdump;
        if (start.StartsWith("makedumpfile"u8))
            return VmcoreFileKind.Flattened;
        if (start.StartsWith("\u007fELF"u8))
            return VmcoreFileKind.Elf;
        if (start.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]))
            return VmcoreFileKind.Gzip;
        if (start.StartsWith((ReadOnlySpan<byte>)[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]))
            return VmcoreFileKind.Xz;
        return start.StartsWith((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd]) ? VmcoreFileKind.Zstd : VmcoreFileKind.Other;
    }
}
