using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.DumpForge.Dumps;

/// <summary>
/// The values of DUMP_HEADER64, the first 8 KB of a 64-bit kernel dump, or of DUMP_HEADER32, the first 4 KB of a 32-bit one.
/// </summary>
public sealed class DumpHeader
{
    internal const int WideSize = 0x2000, WideContext = 0x348, WideException = 0xf00;
    internal const int NarrowSize = 0x1000, NarrowContext = 0x320, NarrowException = 0x7d0;

    /// <summary>15 for a free build, 12 for a checked one.</summary>
    public uint MajorVersion { get; set; } = 0xf;

    /// <summary>Whether the header is that of a 32-bit system.</summary>
    public bool IsNarrow { get; set; }

    /// <summary>Whether a 32-bit system uses physical address extension.</summary>
    public bool HasPae { get; set; }

    /// <summary>Size of the header.</summary>
    public int Size => IsNarrow ? NarrowSize : WideSize;

    internal int ContextOffset => IsNarrow ? NarrowContext : WideContext;

    internal int ExceptionOffset => IsNarrow ? NarrowException : WideException;

    /// <summary>Build number.</summary>
    public uint MinorVersion { get; set; }

    public ulong DirectoryTableBase { get; set; }

    public ulong PfnDataBase { get; set; }

    public ulong PsLoadedModuleList { get; set; }

    public ulong PsActiveProcessHead { get; set; }

    public uint Machine { get; set; } = 0x8664;

    public uint NumberProcessors { get; set; } = 1;

    public uint BugCheckCode { get; set; }

    public ulong[] BugCheckParameters { get; set; } = [0, 0, 0, 0];

    public string VersionUser { get; set; } = "";

    public ulong KdDebuggerDataBlock { get; set; }

    /// <summary>CONTEXT of the crash, 0x4d0 bytes on x64.</summary>
    public byte[] Context { get; set; } = new byte[0x4d0];

    public uint ExceptionCode { get; set; } = 0x80000003;

    public uint ExceptionFlags { get; set; } = 1;

    public ulong ExceptionAddress { get; set; }

    public ulong[] ExceptionParameters { get; set; } = [];

    /// <summary>FILETIME.</summary>
    public ulong SystemTime { get; set; }

    /// <summary>In units of 100 ns.</summary>
    public ulong SystemUpTime { get; set; }

    public string Comment { get; set; } = "";

    public uint MiniDumpFields { get; set; }

    public uint SecondaryDataState { get; set; }

    /// <summary>1 workstation, 2 domain controller, 3 server.</summary>
    public uint ProductType { get; set; } = 1;

    public uint SuiteMask { get; set; } = 0x110;

    public uint WriterStatus { get; set; }

    /// <summary>Writes the header; unused space holds the text PAGE, as Windows leaves it.</summary>
    internal byte[] Build(uint type, IReadOnlyList<Memory.PageRun>? runs, ulong fileSize)
    {
        byte[] header = new byte[Size];
        for (int i = 0; i < Size; i += 4)
            "PAGE"u8.CopyTo(header.AsSpan(i));
        if (IsNarrow)
        {
            BuildNarrow(header, type, runs, fileSize);
            return header;
        }
        void U32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(at), value);
        void U64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(at), value);
        "DU64"u8.CopyTo(header.AsSpan(4));
        U32(8, MajorVersion);
        U32(0xc, MinorVersion);
        U64(0x10, DirectoryTableBase);
        U64(0x18, PfnDataBase);
        U64(0x20, PsLoadedModuleList);
        U64(0x28, PsActiveProcessHead);
        U32(0x30, Machine);
        U32(0x34, NumberProcessors);
        U32(0x38, BugCheckCode);
        U32(0x3c, 0);
        for (int i = 0; i < 4; i++)
            U64(0x40 + 8 * i, BugCheckParameters[i]);
        Text(header.AsSpan(0x60, 32), VersionUser);
        U64(0x80, KdDebuggerDataBlock);
        if (runs is not null)
            WriteRuns(header.AsSpan(0x88, WideContext - 0x88), runs);
        Span<byte> context = header.AsSpan(WideContext, WideException - WideContext);
        Context.CopyTo(context);
        Span<byte> exception = header.AsSpan(WideException, 0x98);
        exception.Clear();
        U32(WideException, ExceptionCode);
        U32(WideException + 4, ExceptionFlags);
        U64(WideException + 0x10, ExceptionAddress);
        U32(WideException + 0x18, (uint)ExceptionParameters.Length);
        for (int i = 0; i < ExceptionParameters.Length; i++)
            U64(WideException + 0x20 + 8 * i, ExceptionParameters[i]);
        U32(0xf98, type);
        U32(0xf9c, 0);
        U64(0xfa0, fileSize);
        U64(0xfa8, SystemTime);
        Text(header.AsSpan(0xfb0, 128), Comment);
        U64(0x1030, SystemUpTime);
        U32(0x1038, MiniDumpFields);
        U32(0x103c, SecondaryDataState);
        U32(0x1040, ProductType);
        U32(0x1044, SuiteMask);
        U32(0x1048, WriterStatus);
        header.AsSpan(0x104c).Clear();
        return header;
    }

    private void BuildNarrow(byte[] header, uint type, IReadOnlyList<Memory.PageRun>? runs, ulong fileSize)
    {
        void U32(int at, ulong value) => BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(at), (uint)value);
        void U64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(at), value);
        "DUMP"u8.CopyTo(header.AsSpan(4));
        ulong[] values =
        [
            MajorVersion, MinorVersion, DirectoryTableBase, PfnDataBase, PsLoadedModuleList, PsActiveProcessHead, Machine,
            NumberProcessors, BugCheckCode, .. BugCheckParameters,
        ];
        for (int i = 0; i < values.Length; i++)
            U32(8 + 4 * i, values[i]);
        Text(header.AsSpan(0x3c, 32), VersionUser);
        U32(0x5c, HasPae ? 1u : 0);
        U32(0x60, KdDebuggerDataBlock);
        if (runs is not null)
            WriteNarrowRuns(header.AsSpan(0x64, NarrowContext - 0x64), runs);
        header.AsSpan(NarrowContext, NarrowException - NarrowContext).Clear();
        Context.CopyTo(header.AsSpan(NarrowContext));
        header.AsSpan(NarrowException, 0x50).Clear();
        U32(NarrowException, ExceptionCode);
        U32(NarrowException + 4, ExceptionFlags);
        U32(NarrowException + 0xc, ExceptionAddress);
        U32(NarrowException + 0x10, (ulong)ExceptionParameters.Length);
        for (int i = 0; i < ExceptionParameters.Length; i++)
            U32(NarrowException + 0x14 + 4 * i, ExceptionParameters[i]);
        Text(header.AsSpan(0x820, 128), Comment);
        ulong[] state = [type, MiniDumpFields, SecondaryDataState, ProductType, SuiteMask, WriterStatus];
        for (int i = 0; i < state.Length; i++)
            U32(0xf88 + 4 * i, state[i]);
        U64(0xfa0, fileSize);
        U64(0xfb8, SystemUpTime);
        U64(0xfc0, SystemTime);
    }

    private static void WriteNarrowRuns(Span<byte> block, IReadOnlyList<Memory.PageRun> runs)
    {
        if (8 + 8 * runs.Count > block.Length)
            throw new ArgumentException($"{runs.Count} runs of pages do not fit into the header");
        ulong pages = 0;
        for (int i = 0; i < runs.Count; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(block[(8 + 8 * i)..], (uint)runs[i].First);
            BinaryPrimitives.WriteUInt32LittleEndian(block[(12 + 8 * i)..], (uint)runs[i].Count);
            pages += runs[i].Count;
        }
        BinaryPrimitives.WriteUInt32LittleEndian(block, (uint)runs.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(block[4..], (uint)pages);
    }

    private static void WriteRuns(Span<byte> block, IReadOnlyList<Memory.PageRun> runs)
    {
        if (16 + 16 * runs.Count > block.Length)
            throw new ArgumentException($"{runs.Count} runs of pages do not fit into the header");
        ulong pages = 0;
        for (int i = 0; i < runs.Count; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(block[(16 + 16 * i)..], runs[i].First);
            BinaryPrimitives.WriteUInt64LittleEndian(block[(24 + 16 * i)..], runs[i].Count);
            pages += runs[i].Count;
        }
        BinaryPrimitives.WriteUInt32LittleEndian(block, (uint)runs.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(block[4..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(block[8..], pages);
    }

    private static void Text(Span<byte> field, string text)
    {
        field.Clear();
        Encoding.ASCII.GetBytes(text, field[..^1]);
    }
}
