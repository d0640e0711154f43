using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Dumps;

/// <summary>Writes the dump types that hold whole pages: full (1), bitmap (5, 6) and ranges (8, 9, 10).</summary>
public static class PageDump
{
    private static readonly byte[] s_zeroPage = new byte[PhysicalMemory.PageSize];

    /// <summary>
    /// Full dump: all pages of the runs, absent ones as zeros. Without <paramref name="runs"/> they follow from the
    /// present pages; the header has room for 43.
    /// </summary>
    public static void WriteFull(
        Stream file, DumpHeader header, PhysicalMemory memory, IReadOnlyList<PageRun>? runs = null)
    {
        runs ??= memory.Runs();
        ulong pages = Total(runs);
        file.Write(header.Build(1, runs, (ulong)header.Size + pages * PhysicalMemory.PageSize));
        WritePages(file, memory, runs);
    }

    /// <summary>
    /// Bitmap dump of type 5 or 6; the signature is "SDMP" or "FDMP". The count of bits is rounded up to 64.
    /// </summary>
    public static void WriteBitmap(
        Stream file, DumpHeader header, PhysicalMemory memory, uint type = 5, string signature = "SDMP")
    {
        RequireWide(header);
        ulong highest = 0;
        foreach ((ulong pfn, byte[] _) in memory.Pages)
            highest = pfn;
        ulong bits = highest + 64 & ~63ul;
        byte[] bitmap = new byte[bits / 8];
        foreach ((ulong pfn, byte[] _) in memory.Pages)
            bitmap[pfn / 8] |= (byte)(1 << (int)(pfn % 8));
        long first = header.Size + 0x38 + bitmap.LongLength + 0xfff & ~0xfffL;
        ulong size = (ulong)first + (ulong)memory.Pages.Count * PhysicalMemory.PageSize;

        ByteWriter summary = new();
        foreach (char c in signature)
            summary.U8((byte)c);
        summary.Bytes("DUMP"u8).Zero(0x18).U64((ulong)first).U64((ulong)memory.Pages.Count).U64(bits).Bytes(bitmap);
        summary.Zero((int)(first - header.Size) - summary.Length);
        // Such dumps list no runs that a reader uses; Windows still writes those of the whole machine.
        PageRun machine = new(0, bits);
        file.Write(header.Build(type, [machine], size));
        file.Write(summary.Written);
        WritePages(file, memory, memory.Runs());
    }

    /// <summary>Range dump of type 8 (kernel), 9 (kernel and user) or 10 (complete).</summary>
    public static void WriteRanges(
        Stream file, DumpHeader header, PhysicalMemory memory, uint type = 8, IReadOnlyList<PageRun>? ranges = null)
    {
        RequireWide(header);
        ranges ??= memory.Runs();
        ulong pages = Total(ranges);
        long first = header.Size + 0x30 + 16L * ranges.Count + 0xfff & ~0xfffL;
        ByteWriter metadata = new();
        metadata.U32(0x40).Bytes("RDMPDUMP"u8).U32(0).U64((ulong)first - 0x2040 + 0x20).U64((ulong)first)
            .U64((ulong)ranges.Count).U64(pages);
        foreach (PageRun range in ranges)
            metadata.U64(range.First).U64(range.Count);
        metadata.Zero((int)(first - header.Size) - metadata.Length);
        file.Write(header.Build(type, null, (ulong)first + pages * PhysicalMemory.PageSize));
        file.Write(metadata.Written);
        WritePages(file, memory, ranges);
    }

    private static void RequireWide(DumpHeader header)
    {
        if (header.IsNarrow)
            throw new ArgumentException("bitmaps and ranges of 32-bit dumps are not forged: only full and triage");
    }

    private static ulong Total(IReadOnlyList<PageRun> runs)
    {
        ulong pages = 0;
        foreach (PageRun run in runs)
            pages += run.Count;
        return pages;
    }

    private static void WritePages(Stream file, PhysicalMemory memory, IReadOnlyList<PageRun> runs)
    {
        foreach (PageRun run in runs)
            for (ulong i = 0; i < run.Count; i++)
                file.Write(memory.Find(run.First + i) ?? s_zeroPage);
    }
}
