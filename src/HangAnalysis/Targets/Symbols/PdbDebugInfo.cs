using System.Buffers.Binary;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// The DBI stream: which streams hold what, which object file an address came from, and where that file's own symbols
/// are. Contributions are searched in the file and not loaded: a browser has a million of them.
/// </summary>
/// <remarks>Format: llvm.org/docs/PDB/DbiStream.html.</remarks>
internal sealed class PdbDebugInfo
{
    private const int Stream = 3;
    private const int HeaderSize = 64;
    private const int ModuleHeaderSize = 64;
    private const int SmallTableLimit = 64 * 1024 * 1024;

    private readonly MsfFile _file;
    private readonly long _modulesSize;
    private readonly long _contributions;
    private readonly long _contributionCount;
    private readonly int _contributionSize = 28;
    private Module[]? _modules;

    public PdbDebugInfo(MsfFile file)
    {
        _file = file;
        Addresses = PdbAddressMap.Create([], [], []);
        Span<byte> header = stackalloc byte[HeaderSize];
        if (file.Read(Stream, 0, header) < HeaderSize)
            return;
        Age = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        GlobalsStream = BinaryPrimitives.ReadUInt16LittleEndian(header[12..]);
        PublicsStream = BinaryPrimitives.ReadUInt16LittleEndian(header[16..]);
        RecordsStream = BinaryPrimitives.ReadUInt16LittleEndian(header[20..]);
        IsPresent = true;

        _modulesSize = BinaryPrimitives.ReadUInt32LittleEndian(header[24..]);
        _contributions = HeaderSize + _modulesSize;
        long contributionsSize = BinaryPrimitives.ReadUInt32LittleEndian(header[28..]);
        Span<byte> version = stackalloc byte[4];
        if (file.Read(Stream, _contributions, version) == 4
            && BinaryPrimitives.ReadUInt32LittleEndian(version) == 0xf13151e4)
            _contributionSize = 32;
        _contributions += 4;
        long available = Math.Min(contributionsSize - 4, file.StreamSize(Stream) - _contributions);
        _contributionCount = Math.Max(0, available / _contributionSize);

        long debugHeader = HeaderSize;
        foreach (int at in (ReadOnlySpan<int>)[24, 28, 32, 36, 40, 52])
            debugHeader += BinaryPrimitives.ReadUInt32LittleEndian(header[at..]);
        Addresses = ReadAddresses(debugHeader, BinaryPrimitives.ReadUInt32LittleEndian(header[48..]));
    }

    /// <summary>Whether the PDB has the stream at all.</summary>
    public bool IsPresent { get; }

    /// <summary>The age that an image's debug directory repeats.</summary>
    public uint Age { get; }

    /// <summary>Stream of the hash table of global symbols.</summary>
    public int GlobalsStream { get; } = -1;

    /// <summary>Stream of the hash table and the address map of public symbols.</summary>
    public int PublicsStream { get; } = -1;

    /// <summary>Stream of global and public symbol records.</summary>
    public int RecordsStream { get; } = -1;

    /// <summary>Stream of FPO_DATA records (x86); -1 where there is none.</summary>
    public int SizesStream { get; private set; } = -1;

    /// <summary>Stream of frame data with programs (x86); -1 where there is none.</summary>
    public int ProgramsStream { get; private set; } = -1;

    /// <summary>Sections of the image.</summary>
    public PdbAddressMap Addresses { get; }

    /// <summary>Stream and size of an object file's own symbols; stream -1 where it has none.</summary>
    public Module FindModule(int index)
    {
        _modules ??= ReadModules();
        return (uint)index < (uint)_modules.Length ? _modules[index] : new Module(-1, 0);
    }

    /// <summary>Index of the object file whose contribution begins last before a section's byte, or -1.</summary>
    public int FindModuleAt(ushort section, uint offset)
    {
        Span<byte> entry = stackalloc byte[28];
        ulong wanted = (ulong)section << 32 | offset;
        long low = 0;
        long high = _contributionCount;
        while (low < high)
        {
            long middle = (low + high) >>> 1;
            if (ReadContribution(middle, entry) <= wanted)
                low = middle + 1;
            else
                high = middle;
        }

        if (low == 0 || ReadContribution(low - 1, entry) >> 32 != section)
            return -1;
        return BinaryPrimitives.ReadUInt16LittleEndian(entry[16..]);
    }

    private ulong ReadContribution(long index, Span<byte> entry)
    {
        if (_file.Read(Stream, _contributions + index * _contributionSize, entry) < entry.Length)
            return ulong.MaxValue;
        ushort section = BinaryPrimitives.ReadUInt16LittleEndian(entry);
        return (ulong)section << 32 | BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
    }

    private Module[] ReadModules()
    {
        List<Module> modules = [];
        Span<byte> header = stackalloc byte[ModuleHeaderSize];
        long at = HeaderSize;
        long end = Math.Min(HeaderSize + _modulesSize, _file.StreamSize(Stream));
        while (at + ModuleHeaderSize <= end && _file.Read(Stream, at, header) == ModuleHeaderSize)
        {
            ushort stream = BinaryPrimitives.ReadUInt16LittleEndian(header[34..]);
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(header[36..]);
            modules.Add(new Module(stream == ushort.MaxValue ? -1 : stream, size));
            // Two zero-terminated names follow (object file, library), then the next entry at a multiple of four.
            at = SkipString(SkipString(at + ModuleHeaderSize, end), end);
            at = (at + 3) & ~3L;
        }

        return [.. modules];
    }

    private long SkipString(long at, long end)
    {
        Span<byte> part = stackalloc byte[256];
        while (at < end)
        {
            int read = _file.Read(Stream, at, part);
            int zero = part[..read].IndexOf((byte)0);
            if (zero >= 0)
                return at + zero + 1;
            if (read == 0)
                break;
            at += read;
        }

        return end;
    }

    private PdbAddressMap ReadAddresses(long headerOffset, uint headerSize)
    {
        Span<byte> header = stackalloc byte[22];
        header.Fill(0xff);
        _file.Read(Stream, headerOffset, header[..(int)Math.Min((uint)header.Length, headerSize & ~1u)]);
        SizesStream = StreamOf(header, 0);
        ProgramsStream = StreamOf(header, 9);
        byte[] sections = ReadTable(header, 5);
        byte[] original = ReadTable(header, 10);
        byte[] fromSource = ReadTable(header, 4);
        byte[] toSource = ReadTable(header, 3);
        return original.Length > 0 && fromSource.Length > 0 && toSource.Length > 0
            ? PdbAddressMap.Create(original, fromSource, toSource)
            : PdbAddressMap.Create(sections, [], []);
    }

    private byte[] ReadTable(ReadOnlySpan<byte> header, int index)
    {
        int stream = StreamOf(header, index);
        return stream < 0 ? [] : _file.ReadWhole(stream, SmallTableLimit) ?? [];
    }

    private static int StreamOf(ReadOnlySpan<byte> header, int index) =>
        BinaryPrimitives.ReadUInt16LittleEndian(header[(index * 2)..]) is var stream and not ushort.MaxValue ? stream : -1;

    /// <summary>Where an object file's own symbols are.</summary>
    public readonly record struct Module(int Stream, uint SymbolBytes);
}
