using System.Buffers.Binary;

namespace HangAnalysis.Targets.Dumps;

/// <summary>How a dump file is laid out behind its header. Values of DUMP_HEADER.DumpType.</summary>
internal enum DumpType : uint
{
    Full = 1,
    Summary = 2,
    Triage = 4,
    BitmapFull = 5,
    BitmapKernel = 6,
    KernelRange = 8,
    ActiveRange = 9,
    CompleteRange = 10,
}

/// <summary>A run of pages that lie together, in memory and in the file.</summary>
internal readonly record struct PageRun(ulong FirstPage, ulong PageCount);

/// <summary>The fields of DUMP_HEADER64 (0x2000 bytes) or DUMP_HEADER32 (0x1000 bytes) that matter here.</summary>
/// <remarks>
/// Offsets: public documentation of the format, checked against files that Microsoft's debugger engine opens.
/// A field that was not written holds the fill pattern <c>PAGE</c> and reads as absent.
/// </remarks>
internal sealed class DumpHeader
{
    public const int Size64 = 0x2000;
    public const int Size32 = 0x1000;

    private const uint SignaturePage = 0x45474150;
    private const uint Valid64 = 0x34365544;
    private const uint Valid32 = 0x504d5544;
    private const ulong Fill64 = 0x4547415045474150;

    public required bool Is64Bit { get; init; }
    public required uint MajorVersion { get; init; }
    public required uint MinorVersion { get; init; }
    public required ulong DirectoryTableBase { get; init; }
    public required ulong PsLoadedModuleList { get; init; }
    public required ulong PsActiveProcessHead { get; init; }
    public required uint MachineImageType { get; init; }
    public required uint NumberProcessors { get; init; }
    public required uint BugCheckCode { get; init; }
    public required ulong[] BugCheckParameters { get; init; }
    public required ulong KdDebuggerDataBlock { get; init; }
    public required DumpType DumpType { get; init; }
    public required ulong SystemTime { get; init; }
    public required ulong SystemUpTime { get; init; }
    public required bool Pae { get; init; }
    public required PageRun[] Runs { get; init; }

    /// <summary>The faulting or the dumping context; null where it was not written.</summary>
    public CpuContext? Context { get; init; }

    /// <summary>Size of the header, which is where the pages of a full dump begin.</summary>
    public int Size => Is64Bit ? Size64 : Size32;

    /// <summary>Architecture by IMAGE_FILE_MACHINE.</summary>
    public Architecture Architecture => ArchitectureOf(MachineImageType);

    /// <summary>Reads the header, or throws <see cref="DumpFormatException"/> saying what the file is instead.</summary>
    public static DumpHeader Read(DumpFile file, string path)
    {
        ReadOnlySpan<byte> bytes = file.ReadBytes(0, Size64);
        if (bytes.Length < 8 || U32(bytes, 0) != SignaturePage)
            throw new DumpFormatException($"{path}: not a kernel dump: {ForeignFile.Describe(bytes)}");
        uint valid = U32(bytes, 4);
        if (valid != Valid64 && valid != Valid32)
            throw new DumpFormatException(
                $"{path}: not a kernel dump: 'PAGE' is followed by {valid:x8} at offset 4, not by 'DU64' or 'DUMP'");
        int size = valid == Valid64 ? Size64 : Size32;
        if (bytes.Length < size)
            throw new DumpFormatException(
                $"{path}: truncated: the header needs 0x{size:x} bytes, the file has 0x{file.Length:x}");
        DumpHeader header = valid == Valid64 ? Read64(bytes) : Read32(bytes);
        if (header.Architecture == Architecture.Unknown)
            throw new DumpFormatException(
                $"{path}: damaged or unknown: machine type 0x{header.MachineImageType:x} at offset 0x{(size == Size64 ? 0x30 : 0x20):x}");
        return header;
    }

    private static DumpHeader Read64(ReadOnlySpan<byte> b) => new()
    {
        Is64Bit = true,
        MajorVersion = U32(b, 8),
        MinorVersion = U32(b, 0xc),
        DirectoryTableBase = U64(b, 0x10),
        PsLoadedModuleList = U64(b, 0x20),
        PsActiveProcessHead = U64(b, 0x28),
        MachineImageType = U32(b, 0x30),
        NumberProcessors = U32(b, 0x34),
        BugCheckCode = Absent(U32(b, 0x38)),
        BugCheckParameters = [Absent(U64(b, 0x40)), Absent(U64(b, 0x48)), Absent(U64(b, 0x50)), Absent(U64(b, 0x58))],
        KdDebuggerDataBlock = Absent(U64(b, 0x80)),
        DumpType = (DumpType)U32(b, 0xf98),
        SystemTime = Absent(U64(b, 0xfa8)),
        SystemUpTime = Absent(U64(b, 0x1030)),
        Pae = false,
        Context = ReadContext(b, 0x348, U32(b, 0x30)),
        Runs = ReadRuns64(b),
    };

    private static DumpHeader Read32(ReadOnlySpan<byte> b) => new()
    {
        Is64Bit = false,
        MajorVersion = U32(b, 8),
        MinorVersion = U32(b, 0xc),
        DirectoryTableBase = U32(b, 0x10),
        PsLoadedModuleList = U32(b, 0x18),
        PsActiveProcessHead = U32(b, 0x1c),
        MachineImageType = U32(b, 0x20),
        NumberProcessors = U32(b, 0x24),
        BugCheckCode = Absent(U32(b, 0x28)),
        BugCheckParameters = [Absent(U32(b, 0x2c)), Absent(U32(b, 0x30)), Absent(U32(b, 0x34)), Absent(U32(b, 0x38))],
        KdDebuggerDataBlock = Absent(U32(b, 0x60)),
        DumpType = (DumpType)U32(b, 0xf88),
        SystemTime = Absent(U64(b, 0xfc0)),
        SystemUpTime = Absent(U64(b, 0xfb8)),
        Pae = b[0x5c] == 1,
        Context = ReadContext(b, 0x320, U32(b, 0x20)),
        Runs = ReadRuns32(b),
    };

    private static Architecture ArchitectureOf(uint machine) => machine switch
    {
        0x8664 => Architecture.X64,
        0x14c => Architecture.X86,
        0xaa64 => Architecture.Arm64,
        _ => Architecture.Unknown,
    };

    private static CpuContext? ReadContext(ReadOnlySpan<byte> b, int offset, uint machine)
    {
        Architecture architecture = ArchitectureOf(machine);
        int size = CpuContext.RecordSize(architecture);
        // The record of ARM64 would not fit into a header of 0x1000 bytes: such a header contradicts itself.
        if (size == 0 || offset + size > b.Length || U32(b, offset) == SignaturePage)
            return null;
        CpuContext context = CpuContext.FromContextRecord(b.Slice(offset, size), architecture);
        return context.InstructionPointer is 0 or Fill64 ? null : context;
    }

    private static PageRun[] ReadRuns64(ReadOnlySpan<byte> b)
    {
        uint count = U32(b, 0x88);
        int room = (0x348 - 0x98) / 16;
        if (count == SignaturePage || count > room)
            return [];
        PageRun[] runs = new PageRun[count];
        for (int i = 0; i < runs.Length; i++)
            runs[i] = new PageRun(U64(b, 0x98 + i * 16), U64(b, 0xa0 + i * 16));
        return runs;
    }

    private static PageRun[] ReadRuns32(ReadOnlySpan<byte> b)
    {
        uint count = U32(b, 0x64);
        int room = (0x320 - 0x6c) / 8;
        if (count == SignaturePage || count > room)
            return [];
        PageRun[] runs = new PageRun[count];
        for (int i = 0; i < runs.Length; i++)
            runs[i] = new PageRun(U32(b, 0x6c + i * 8), U32(b, 0x70 + i * 8));
        return runs;
    }

    private static uint Absent(uint value) => value == SignaturePage ? 0 : value;

    private static ulong Absent(ulong value) => value == Fill64 ? 0 : value;

    private static uint U32(ReadOnlySpan<byte> b, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(b[offset..]);

    private static ulong U64(ReadOnlySpan<byte> b, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(b[offset..]);
}
