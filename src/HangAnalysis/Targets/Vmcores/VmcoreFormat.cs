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

/// <summary>Recognises the containers of vmcores and reads them.</summary>
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

    /// <summary>Reads the file, and the further parts of a split dump, whatever their container is.</summary>
    /// <param name="files">The files with their paths; the one that the user named is first.</param>
    /// <param name="damage">Is told what is missing.</param>
    /// <exception cref="DumpFormatException">Nothing of the first can be read, or a part does not belong to it.</exception>
    public static VmcoreContents Read(IReadOnlyList<(IFileBytes File, string Path)> files, VmcoreDamage damage)
    {
        List<(IFileBytes File, string Path)> plain = new(files.Count);
        string form = "";
        VmcoreFileKind first = VmcoreFileKind.Other;
        foreach ((IFileBytes file, string path) in files)
        {
            VmcoreFileKind kind = Recognize(file);
            IFileBytes inner = file;
            if (kind == VmcoreFileKind.Flattened)
            {
                inner = FlattenedFile.Open(file, path, damage);
                kind = Recognize(inner);
                form = ", flattened";
                if (kind is not (VmcoreFileKind.Kdump or VmcoreFileKind.Elf))
                    throw new DumpFormatException($"{path}: a flattened file that holds no vmcore");
            }
            if (plain.Count > 0 && (kind != VmcoreFileKind.Kdump || first != VmcoreFileKind.Kdump))
                throw new DumpFormatException($"{path}: not a part of a split dump");
            if (plain.Count == 0)
                first = kind;
            plain.Add((inner, path));
        }
        return first switch
        {
            VmcoreFileKind.Kdump => KdumpDump.Read(plain, "kdump" + form, damage),
            VmcoreFileKind.Elf => ReadElf(plain[0].File, plain[0].Path, "ELF" + form, damage),
            _ => throw new DumpFormatException(Refuse(first, plain[0].File, plain[0].Path)),
        };
    }

    private static VmcoreContents ReadElf(IFileBytes file, string path, string kind, VmcoreDamage damage)
    {
        ElfCore core = ElfCore.Read(file, path, damage);
        ElfMemory memory = new(file, core.SegmentsWithZeros, damage);
        return new VmcoreContents(kind, memory, core.Notes, core.Notes.Info, 0, null, "")
        {
            UserMemory = new ElfMemory(file, core.Segments, damage),
        };
    }

    private static string Refuse(VmcoreFileKind kind, IFileBytes file, string path) => kind switch
    {
        VmcoreFileKind.Gzip => $"{path}: packed by gzip; unpack it first: gunzip -k {path}",
        VmcoreFileKind.Xz => $"{path}: packed by xz; unpack it first: unxz -k {path}",
        VmcoreFileKind.Zstd => $"{path}: packed by zstd; unpack it first: zstd -d {path}",
        _ => $"{path}: not a vmcore: {Start(file)}",
    };

    private static string Start(IFileBytes file)
    {
        Span<byte> start = stackalloc byte[32];
        return ForeignFile.Describe(start[..file.Read(0, start)]);
    }
}
