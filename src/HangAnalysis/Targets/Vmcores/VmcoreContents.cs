using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>What the container of a vmcore holds, whichever it is.</summary>
/// <param name="Kind">Name of the container for people.</param>
/// <param name="Memory">Physical memory.</param>
/// <param name="Notes">Registers of the processors.</param>
/// <param name="Info">VMCOREINFO, or an empty one.</param>
/// <param name="ProcessorCount">Number of processors as the container has it; 0 where it does not say.</param>
/// <param name="Time">When the dump was taken, or null.</param>
/// <param name="Release">Release of the kernel as the container has it, or empty.</param>
internal sealed record VmcoreContents(
    string Kind, VmcoreMemory Memory, VmcoreNotes Notes, VmcoreInfo Info, int ProcessorCount, DateTimeOffset? Time, string Release)
{
    /// <summary>Reads a kdump file.</summary>
    public static VmcoreContents ReadKdump(IFileBytes file, string path, string kind, VmcoreDamage damage)
    {
        KdumpHeader header = KdumpHeader.Read(file, path);
        KdumpPart part = new(file, header);
        VmcoreNotes notes = VmcoreNotes.Read(
            ReadRange(file, header.Notes, VmcoreLimits.NoteBytes, "ELF notes", damage), damage);
        VmcoreInfo info = notes.Info.IsEmpty
            ? VmcoreInfo.Parse(ReadRange(file, header.VmcoreInfo, VmcoreLimits.VmcoreInfoBytes, "VMCOREINFO", damage))
            : notes.Info;
        return new VmcoreContents(kind, new KdumpMemory([part], damage), notes, info, header.ProcessorCount, header.Time,
            header.Release);
    }

    private static byte[] ReadRange(IFileBytes file, (long Offset, long Size) range, int limit, string what, VmcoreDamage damage)
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
