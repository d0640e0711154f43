using System.Buffers.Binary;

namespace HangAnalysis.DumpForge.Images;

/// <summary>
/// Builds a PE image from functions and data at chosen RVAs. The image may be sparse: functions can stand where a
/// real kernel has them, and only pages that hold something exist. Sections follow from what lies where; unwind
/// information, function table, exports, debug directory and version resource go to free pages behind all else, or into
/// a gap.
/// </summary>
public sealed class PeImageBuilder(string name, ulong imageBase)
{
    internal const int FileAlignment = 0x200;
    private const int PageSize = PeImage.PageSize;
    private const uint FirstSmallSection = 0x480;
    private const uint CodeFlags = 0x60000020, ReadOnlyFlags = 0x40000040, DataFlags = 0xc0000040;

    private readonly List<(uint Rva, uint Length, FunctionFrame Frame)> _functions = [];
    private readonly List<(uint Rva, byte[] Bytes)> _data = [];
    private readonly List<(uint Return, uint Target)> _calls = [];
    private readonly SortedDictionary<string, uint> _exports = new(StringComparer.Ordinal);
    private readonly SortedDictionary<uint, byte[]> _pages = [];
    private readonly HashSet<uint> _codePages = [];
    private uint _nextFunction = PageSize;
    private uint _nextData = 0x40000;

    public string Name { get; } = name;

    public ulong Base { get; } = imageBase;

    public Layouts.Architecture Architecture { get; init; }

    /// <summary>Smallest SizeOfImage; 0 for as large as needed.</summary>
    public uint SizeOfImage { get; set; }

    public uint TimeDateStamp { get; set; } = 0x5f000000;

    /// <summary>Checksum of the header; null for the right one.</summary>
    public uint? CheckSum { get; set; }

    /// <summary>PDB's file name; null for an image without a debug directory.</summary>
    public string? PdbName { get; set; }

    public Guid PdbGuid { get; set; }

    public int PdbAge { get; set; } = 1;

    public VersionInfo? Version { get; set; }

    public bool IsDll { get; set; }

    /// <summary>1 native, 2 Windows, 3 console.</summary>
    public int Subsystem { get; set; } = 1;

    public uint EntryPoint { get; set; }

    /// <summary>Pages of one kind that lie closer than this number of pages share a section.</summary>
    public int LargestHole { get; set; } = 16;

    /// <summary>Names so far, for a PDB.</summary>
    public IList<PeSymbol> Symbols { get; } = [];

    /// <summary>Adds a function; bytes between functions are int3.</summary>
    public PeImageBuilder AddFunction(uint rva, uint length, FunctionFrame frame, string? symbol = null)
    {
        _functions.Add((rva, length, frame));
        if (symbol is not null)
            AddSymbol(symbol, rva, isFunction: true);
        _nextFunction = Math.Max(_nextFunction, rva + length + 15 & ~15u);
        return this;
    }

    /// <summary>Adds a function behind the last one and says where.</summary>
    public uint AddFunction(string symbol, FunctionFrame frame, uint length = 0x100)
    {
        uint rva = _nextFunction;
        AddFunction(rva, length, frame, symbol);
        return rva;
    }

    /// <summary>Adds a label, a variable that another call gives its bytes, or a second name.</summary>
    public PeImageBuilder AddSymbol(string symbol, uint rva, bool isFunction)
    {
        Symbols.Add(new PeSymbol(symbol, rva, isFunction));
        return this;
    }

    /// <summary>Adds bytes that are not code.</summary>
    public PeImageBuilder AddData(uint rva, ReadOnlySpan<byte> bytes, string? symbol = null)
    {
        _data.Add((rva, bytes.ToArray()));
        if (symbol is not null)
            AddSymbol(symbol, rva, isFunction: false);
        _nextData = Math.Max(_nextData, rva + (uint)bytes.Length + 15 & ~15u);
        return this;
    }

    /// <summary>Adds a variable of zeros behind the last data (from RVA 0x40000 up) and says where.</summary>
    public uint AddData(string symbol, int size)
    {
        uint rva = _nextData;
        AddData(rva, new byte[size], symbol);
        return rva;
    }

    /// <summary>
    /// Puts a call instruction before a return address; it has to lie in the body of an added function.
    /// </summary>
    public PeImageBuilder AddCall(uint returnRva, uint target)
    {
        _calls.Add((returnRva, target));
        return this;
    }

    public PeImageBuilder AddExport(string symbol, uint rva)
    {
        _exports[symbol] = rva;
        return this;
    }

    /// <summary>Writes the image. The builder is spent afterwards.</summary>
    public PeImage Build()
    {
        _functions.Sort((a, b) => a.Rva.CompareTo(b.Rva));
        Dictionary<uint, byte[]> unwind = WriteFunctions();
        foreach ((uint rva, byte[] bytes) in _data)
            Write(rva, bytes);
        foreach ((uint back, uint target) in _calls)
            if (Architecture == Layouts.Architecture.Arm64)
                // bl: a distance in words of 26 bits.
                Write(back - 4, new ByteWriter().U32(0x94000000 | ((long)target - (back - 4)) / 4 & 0x3ffffff).Written);
            else
                Write(back - 5, new ByteWriter().U8(0xe8).U32((long)target - back).Written);

        List<(string Name, uint Rva, uint Size, uint Flags)> sections = ContentSections();
        // The parts point into each other, so each is laid out once for its size and once at its place.
        ImageTables tables = new(this, _functions, unwind, _exports);
        uint[] directories = new uint[32];
        Place(sections, ".rdata", ReadOnlyFlags, rva => tables.ReadOnlyData(rva, directories));
        Place(sections, ".pdata", ReadOnlyFlags, rva => tables.FunctionTable(rva, directories));
        if (Version is { } version)
            Place(sections, ".rsrc", ReadOnlyFlags, rva =>
            {
                byte[] resources = VersionResource.Build(version, rva);
                (directories[4], directories[5]) = (rva, (uint)resources.Length);
                return resources;
            });
        return Finish(sections, directories);
    }

    private Dictionary<uint, byte[]> WriteFunctions()
    {
        Dictionary<uint, byte[]> unwind = [];
        foreach ((uint rva, uint length, FunctionFrame frame) in _functions)
        {
            for (uint page = rva / PageSize; page <= (rva + length - 1) / PageSize; page++)
                if (_codePages.Add(page))
                    Page(page).AsSpan().Fill(0xcc);
            if (frame is X86Frame narrow)
            {
                Write(rva, narrow.Code((int)length));
                continue;
            }
            if (frame is Arm64Frame arm)
            {
                Write(rva, arm.Code(rva, (int)length));
                if (!arm.IsPacked(length))
                    unwind[rva] = arm.UnwindData((int)length);
                continue;
            }
            (byte[] prolog, int[] ends) = FrameEncoder.Prolog(frame);
            byte[] epilog = frame.ChainedTo is { } parent
                // A separate part goes back to its function instead of returning.
                ? new ByteWriter().U8(0xe9).U32((long)parent + 0x20 - (rva + length)).ToArray()
                : FrameEncoder.Epilog(frame);
            if (prolog.Length + epilog.Length > length)
                throw new ArgumentException($"{Name}: the function at {rva:x} is too short for its frame");
            ByteWriter code = new();
            code.Bytes(prolog).Fill(0x90, (int)length - prolog.Length - epilog.Length).Bytes(epilog);
            Write(rva, code.Written);
            if (!frame.IsLeaf && frame.ChainedTo is null)
                unwind[rva] = FrameEncoder.UnwindInfo(frame, ends, prolog.Length, null);
        }
        return unwind;
    }

    private List<(string Name, uint Rva, uint Size, uint Flags)> ContentSections()
    {
        List<(string Name, uint Rva, uint Size, uint Flags)> sections = [];
        uint last = 0;
        bool lastIsCode = false;
        int codeSections = 0, dataSections = 0;
        foreach (uint page in _pages.Keys)
        {
            bool isCode = _codePages.Contains(page);
            if (sections.Count > 0 && isCode == lastIsCode && page - last <= LargestHole)
                sections[^1] = sections[^1] with { Size = (page + 1) * PageSize - sections[^1].Rva };
            else
            {
                int number = isCode ? codeSections++ : dataSections++;
                string first = isCode ? ".text" : ".data", next = isCode ? "PAGE" : "DATA";
                string section = number == 0 ? first : $"{next}{number}";
                // Small drivers begin their code in the page of the header.
                uint start = page == 0 ? FirstSmallSection : page * PageSize;
                sections.Add((section, start, (page + 1) * PageSize - start, isCode ? CodeFlags : DataFlags));
            }
            (last, lastIsCode) = (page, isCode);
        }
        return sections;
    }

    private void Place(
        List<(string Name, uint Rva, uint Size, uint Flags)> sections, string section, uint flags,
        Func<uint, byte[]> content)
    {
        uint size = (uint)content(0).Length;
        if (size == 0)
            return;
        uint pages = (size + PageSize - 1) / PageSize;
        uint at = _pages.Count == 0 ? 1 : _pages.Keys.Max() + 1;
        if (SizeOfImage != 0 && at + pages > SizeOfImage / PageSize)
            for (at = 1; Enumerable.Range((int)at, (int)pages).Any(page => _pages.ContainsKey((uint)page)); at++)
                continue;
        uint rva = at * PageSize;
        Write(rva, content(rva));
        sections.Add((section, rva, size, flags));
    }

    private PeImage Finish(List<(string Name, uint Rva, uint Size, uint Flags)> sections, uint[] directories)
    {
        sections.Sort((a, b) => a.Rva.CompareTo(b.Rva));
        (string _, uint lastRva, uint lastSize, uint _) = sections[^1];
        uint end = Math.Max(SizeOfImage, lastRva + lastSize + PageSize - 1 & ~(PageSize - 1u));
        uint headerSize = Align(0x80 + 24 + (uint)PeHeader.OptionalSize(this) + 40 * (uint)sections.Count);
        uint offset = headerSize;
        List<PeSection> finished = [];
        for (int i = 0; i < sections.Count; i++)
        {
            (string section, uint rva, uint size, uint flags) = sections[i];
            // Windows wants sections without holes between them: each reaches to the next.
            uint next = i + 1 < sections.Count ? sections[i + 1].Rva : end;
            uint virtualSize = next - rva < size + PageSize ? size : next - rva;
            finished.Add(new PeSection(section, rva, virtualSize, size, flags, offset));
            offset += Align(size);
        }
        if (headerSize > PageSize)
            throw new ArgumentException($"{Name}: its content is in too many places for one page of section headers");
        if (PdbName is not null)
        {
            PeSection home = finished.Find(section => section.Rva == directories[12])!;
            Write(home.Rva + 24, new ByteWriter().U32(home.FileOffset + ImageTables.DebugDirectorySize).Written);
        }
        Write(0, PeHeader.Build(this, finished, directories, end, headerSize));
        PeImage image = new(this, end, finished, _pages, headerSize) { Functions = [.. _functions] };
        image.CheckSum = CheckSum ?? PeImage.ComputeCheckSum(image.ToFile());
        BinaryPrimitives.WriteUInt32LittleEndian(_pages[0].AsSpan(PeHeader.CheckSumOffset), image.CheckSum);
        return image;
    }

    private void Write(uint rva, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int at = (int)(rva % PageSize), count = Math.Min(bytes.Length, PageSize - at);
            bytes[..count].CopyTo(Page(rva / PageSize).AsSpan(at));
            bytes = bytes[count..];
            rva += (uint)count;
        }
    }

    private byte[] Page(uint page)
    {
        if (!_pages.TryGetValue(page, out byte[]? bytes))
            _pages.Add(page, bytes = new byte[PageSize]);
        return bytes;
    }

    private static uint Align(uint size) => size + FileAlignment - 1 & ~(FileAlignment - 1u);
}
