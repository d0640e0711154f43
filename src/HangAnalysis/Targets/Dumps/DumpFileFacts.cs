using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Targets.Dumps;

/// <summary>What the headers of a kernel dump say of the file, and not of the system in it.</summary>
/// <remarks>
/// Read from the file alone, so that it is known inside a debugger too, which does not pass it on. What a header field was
/// never given holds the fill pattern <c>PAGE</c>; which fields small dumps lack was seen on real ones of builds 19041 and
/// 26100.
/// </remarks>
public sealed record DumpFileFacts
{
    private const uint Fill = 0x45474150;
    private const ulong Fill64 = 0x4547415045474150;

    /// <summary>DUMP_HEADER.DumpType.</summary>
    public required uint Type { get; init; }

    /// <summary>Bytes that the file has.</summary>
    public required ulong FileBytes { get; init; }

    /// <summary>Bytes of memory whose pages the file announces; null for small dumps, which hold blocks instead.</summary>
    public ulong? HeldBytes { get; init; }

    /// <summary>Bytes of those pages that lie behind the end of the file.</summary>
    public ulong MissingBytes { get; init; }

    /// <summary>Bytes of the machine's memory by the header's list of physical runs; null where that was not written.</summary>
    public ulong? MachineBytes { get; init; }

    /// <summary>The header's comment, or empty. Text from the dump.</summary>
    public string Comment { get; init; } = "";

    /// <summary>Fields that every crash writes and that this header lacks, by their names.</summary>
    public IReadOnlyList<string> Unwritten { get; init; } = [];

    /// <summary>What is damaged or missing in the file, one line each.</summary>
    public IReadOnlyList<string> Damage { get; init; } = [];

    /// <summary>Of a small dump what it holds; null for others.</summary>
    public SmallDumpFacts? Small { get; init; }

    /// <summary>Reads them; null, and the reason, where the file cannot be read as a kernel dump.</summary>
    public static DumpFileFacts? TryRead(string path, out string? problem)
    {
        problem = null;
        try
        {
            using DumpFile file = DumpFile.Open(path);
            return Read(file, path);
        }
        catch (DumpFormatException exception)
        {
            problem = exception.Message;
            return null;
        }
    }

    private static DumpFileFacts Read(DumpFile file, string path)
    {
        List<string> damage = [];
        file.ReadFailed = damage.Add;
        DumpHeader header = DumpHeader.Read(file, path);
        DumpFileFacts facts = new()
        {
            Type = (uint)header.DumpType,
            FileBytes = (ulong)file.Length,
            MachineBytes = Bytes(header.Runs),
            Comment = ReadComment(file, header),
            Unwritten = FindUnwritten(file, header),
            Damage = damage,
        };
        if (header.DumpType == DumpType.Triage)
            return facts with { Small = ReadSmall(file, header, path, damage) };
        PageMap map = PageMapReader.Read(file, header, path, damage);
        ulong end = Math.Max(map.EndOffset, (ulong)file.Length);
        return facts with
        {
            HeldBytes = map.PageCount * PageMap.PageSize,
            MissingBytes = end - (ulong)file.Length,
        };
    }

    private static SmallDumpFacts ReadSmall(DumpFile file, DumpHeader header, string path, List<string> damage)
    {
        TriageDump triage = TriageDump.Read(file, header, path, damage);
        ReadOnlySpan<byte> words = file.ReadBytes(header.Size, 18 * sizeof(uint));
        ulong bytes = 0;
        foreach (MemoryBlock held in triage.Blocks)
            bytes += held.Size;
        return new SmallDumpFacts(U32(words, 17 * sizeof(uint)), TriageDump.ReadMemory(file, header) is not null, triage.Blocks.Count, bytes,
            U32(words, 11 * sizeof(uint)), triage.ProcessorBlockOffset != 0, triage.ThreadOffset != 0,
            triage.ProcessOffset != 0);
    }

    private static ulong? Bytes(PageRun[] runs)
    {
        // More pages than any machine has: 2^40 pages are 4 PB.
        const ulong Impossible = 1UL << 40;
        ulong pages = 0;
        foreach (PageRun run in runs)
        {
            if (run.PageCount >= Impossible)
                return null;
            pages += run.PageCount;
        }
        return pages is 0 or >= Impossible ? null : pages * PageMap.PageSize;
    }

    private static string ReadComment(DumpFile file, DumpHeader header)
    {
        ReadOnlySpan<byte> text = file.ReadBytes(header.Is64Bit ? 0xfb0 : 0x820, 128);
        if (text.Length < 4 || U32(text, 0) == Fill)
            return "";
        int end = text.IndexOf((byte)0);
        return Encoding.Latin1.GetString(end < 0 ? text : text[..end]).Trim();
    }

    private static List<string> FindUnwritten(DumpFile file, DumpHeader header)
    {
        List<string> missing = [];
        ReadOnlySpan<byte> b = file.ReadBytes(0, header.Size);
        if (header.Is64Bit)
        {
            Wide("DirectoryTableBase", 0x10, U64(b, 0x10));
            Wide("PsLoadedModuleList", 0x20, U64(b, 0x20));
            Wide("PsActiveProcessHead", 0x28, U64(b, 0x28));
            Wide("KdDebuggerDataBlock", 0x80, U64(b, 0x80));
            Wide("SystemTime", 0xfa8, U64(b, 0xfa8));
            Wide("SystemUpTime", 0x1030, U64(b, 0x1030));
        }
        else
        {
            Narrow("DirectoryTableBase", 0x10, U32(b, 0x10));
            Narrow("PsLoadedModuleList", 0x18, U32(b, 0x18));
            Narrow("PsActiveProcessHead", 0x1c, U32(b, 0x1c));
            Narrow("KdDebuggerDataBlock", 0x60, U32(b, 0x60));
            Wide("SystemUpTime", 0xfb8, U64(b, 0xfb8));
            Wide("SystemTime", 0xfc0, U64(b, 0xfc0));
        }
        int processors = header.Is64Bit ? 0x34 : 0x24;
        Narrow("NumberProcessors", processors, U32(b, processors));
        if (header.Context is null)
            missing.Add($"ContextRecord (0x{(header.Is64Bit ? 0x348 : 0x320):x})");
        return missing;

        void Wide(string name, int offset, ulong value)
        {
            if (value is 0 or Fill64)
                missing.Add($"{name} (0x{offset:x})");
        }

        void Narrow(string name, int offset, uint value)
        {
            if (value is 0 or Fill)
                missing.Add($"{name} (0x{offset:x})");
        }
    }

    private static uint U32(ReadOnlySpan<byte> b, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(b[offset..]);

    private static ulong U64(ReadOnlySpan<byte> b, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(b[offset..]);
}

/// <summary>What a small dump holds.</summary>
/// <param name="Options">TRIAGE_DUMP.TriageOptions.</param>
/// <param name="HasMemoryCounters">Whether the memory manager's figures are in it.</param>
/// <param name="Blocks">Blocks of memory.</param>
/// <param name="BlockBytes">Bytes of them.</param>
/// <param name="StackBytes">Bytes of the current thread's stack.</param>
/// <param name="HasProcessor">Whether the processor block is in it.</param>
/// <param name="HasThread">Whether the current thread's object is in it.</param>
/// <param name="HasProcess">Whether the current process's object is in it.</param>
public sealed record SmallDumpFacts(
    uint Options, bool HasMemoryCounters, int Blocks, ulong BlockBytes, uint StackBytes, bool HasProcessor, bool HasThread,
    bool HasProcess);
