namespace HangAnalysis.Targets.Vmcores;

/// <summary>
/// The memory of an ELF vmcore: its PT_LOAD segments by physical address; those nowhere in the file are zeros.
/// </summary>
internal sealed class ElfMemory(Dumps.IFileBytes file, ExtentMap segments, VmcoreDamage damage) : VmcoreMemory
{
    private const int PageSize = Dumps.PageMap.PageSize;

    /// <inheritdoc/>
    public override ulong EndPage => (ulong)segments.End / PageSize;

    /// <inheritdoc/>
    public override bool Holds(ulong page) => page < EndPage && segments.Find((long)(page * PageSize)).Size > 0;

    /// <inheritdoc/>
    public override ulong NextHeld(ulong page)
    {
        if (page >= EndPage)
            return ulong.MaxValue;
        Extent segment = segments.Find((long)(page * PageSize));
        return segment.Size > 0 ? page : ((ulong)segment.Start + PageSize - 1) / PageSize;
    }

    /// <inheritdoc/>
    public override int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length && address < (ulong)segments.End)
        {
            Extent segment = segments.Find((long)address);
            if (segment.Size == 0)
                break;
            int count = (int)Math.Min(segment.End - (long)address, buffer.Length - done);
            int read = count;
            if (segment.Position < 0)
                buffer.Slice(done, count).Clear();
            else
                read = file.Read(segment.Position + ((long)address - segment.Start), buffer.Slice(done, count));
            done += read;
            address += (ulong)read;
            if (read < count)
            {
                damage.Add(PageFault.Cut, address);
                break;
            }
        }
        return done;
    }
}
