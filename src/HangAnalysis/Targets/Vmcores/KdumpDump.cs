using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>A dump in kdump-compressed form: one file, or several that makedumpfile --split wrote.</summary>
internal static class KdumpDump
{
    /// <summary>
    /// Entries at the end of the page table that are looked at for whether their pages are in the file. Pages are written in
    /// the order of the table, but many of its entries may name one page of zeros.
    /// </summary>
    private const int LastEntries = 1024;

    /// <summary>Reads one file with the further parts of a split dump.</summary>
    public static VmcoreContents Read(IReadOnlyList<(IFileBytes File, string Path)> files, string kind, VmcoreDamage damage)
    {
        List<KdumpPart> parts = [];
        VmcoreNotes? notes = null;
        VmcoreInfo info = VmcoreInfo.Empty;
        foreach ((IFileBytes file, string path) in files)
        {
            KdumpHeader header = KdumpHeader.Read(file, path);
            KdumpPart part = new(file, header);
            if (files.Count > 1)
                CheckPart(header, parts.Count == 0 ? header : parts[0].Header, path);
            parts.Add(part);
            CheckEnd(part, damage);
            VmcoreNotes own = VmcoreNotes.Read(
                ReadRange(file, header.Notes, VmcoreLimits.NoteBytes, "ELF notes", damage), damage);
            notes = notes is null || notes.Processors.Count == 0 ? own : notes;
            if (info.IsEmpty)
                info = own.Info;
            if (info.IsEmpty)
                info = VmcoreInfo.Parse(
                    ReadRange(file, header.VmcoreInfo, VmcoreLimits.VmcoreInfoBytes, "VMCOREINFO", damage));
        }
        KdumpHeader first = parts[0].Header;
        parts.Sort((a, b) => (a.Header.Part?.Start ?? 0).CompareTo(b.Header.Part?.Start ?? 0));
        TellMissingParts(parts, damage);
        return new VmcoreContents(first.Part is null ? kind : $"{kind}, split", new KdumpMemory([.. parts], damage),
            notes ?? VmcoreNotes.Read([], damage), info, first.ProcessorCount, first.Time, first.Release)
        {
            DumpLevel = first.DumpLevel,
        };
    }

    private static void CheckPart(KdumpHeader header, KdumpHeader first, string path)
    {
        if (header.Part is null)
            throw new DumpFormatException($"{path}: not a part of a split dump");
        if (header.BlockSize != first.BlockSize || header.PageCount != first.PageCount || header.Release != first.Release
            || header.Time != first.Time)
            throw new DumpFormatException($"{path}: a part of another dump");
    }

    private static void CheckEnd(KdumpPart part, VmcoreDamage damage)
    {
        if (part.Header.IsIncomplete)
            damage.Add("the dump is marked as incomplete: there was no space for all pages");
        ulong total = part.Total;
        long length = part.File.Length;
        if (part.CountEntries() < total)
        {
            damage.Add($"the file is cut: it ends at 0x{length:x}, inside the table of its {total:N0} pages");
            return;
        }
        long end = 0;
        for (ulong i = total - Math.Min(total, LastEntries); i < total; i++)
            if (part.TryReadDescriptor(i, out PageDescriptor descriptor) && descriptor.Offset > 0
                && descriptor.Offset < long.MaxValue - descriptor.Size)
                end = Math.Max(end, descriptor.Offset + descriptor.Size);
        if (end > length)
            damage.Add($"the file is cut: it ends at 0x{length:x}, its pages go on to 0x{end:x}");
    }

    /// <summary>Says which pages are in files that were not named.</summary>
    private static void TellMissingParts(List<KdumpPart> parts, VmcoreDamage damage)
    {
        if (parts[0].Header.Part is null)
            return;
        ulong position = 0;
        foreach (KdumpPart part in parts)
        {
            (ulong start, ulong end) = part.Header.Part ?? (0, part.EndPage);
            TellGap(position, start, parts[0].Header.BlockSize, damage);
            position = Math.Max(position, end);
        }
        TellGap(position, parts[0].EndPage, parts[0].Header.BlockSize, damage);
    }

    private static void TellGap(ulong start, ulong end, int blockSize, VmcoreDamage damage)
    {
        if (start < end)
            damage.Add($"the dump is split: memory from 0x{start * (ulong)blockSize:x} to 0x{end * (ulong)blockSize:x} "
                + "is in a part that was not named");
    }

    private static byte[] ReadRange(
        IFileBytes file, (long Offset, long Size) range, int limit, string what, VmcoreDamage damage)
    {
        if (range.Size == 0 || range.Offset == 0)
            return [];
        if (range.Size < 0 || range.Offset < 0 || range.Offset >= file.Length)
        {
            damage.Add($"the {what} at 0x{range.Offset:x} are not in the file");
            return [];
        }
        byte[] bytes = new byte[Math.Min(Math.Min(range.Size, limit), file.Length - range.Offset)];
        if (bytes.Length < range.Size)
            damage.Add($"of the {what}, 0x{bytes.Length:x} of 0x{range.Size:x} bytes are read");
        return bytes.AsSpan(0, file.Read(range.Offset, bytes)).ToArray();
    }
}
