using System.Buffers.Binary;

namespace HangAnalysis.DumpForge.Images;

/// <summary>A section of an image.</summary>
/// <param name="Name">Name, of at most 8 characters.</param>
/// <param name="Rva">RVA of its start.</param>
/// <param name="VirtualSize">Size in memory.</param>
/// <param name="ContentSize">Size of the part that holds anything; the rest exists nowhere.</param>
/// <param name="Characteristics">Flags of winnt.h.</param>
/// <param name="FileOffset">Place in the file.</param>
public sealed record PeSection(
    string Name, uint Rva, uint VirtualSize, uint ContentSize, uint Characteristics, uint FileOffset);

/// <summary>A name at an RVA, for the PDB.</summary>
public readonly record struct PeSymbol(string Name, uint Rva, bool IsFunction);

/// <summary>A finished image: as it lies in memory, page by page, and as a file.</summary>
public sealed class PeImage
{
    internal const int PageSize = 0x1000;
    private readonly SortedDictionary<uint, byte[]> _pages;
    private readonly uint _headerSize;

    internal PeImage(
        PeImageBuilder source, uint sizeOfImage, IReadOnlyList<PeSection> sections,
        SortedDictionary<uint, byte[]> pages, uint headerSize)
    {
        Name = source.Name;
        Base = source.Base;
        TimeDateStamp = source.TimeDateStamp;
        PdbName = source.PdbName;
        PdbGuid = source.PdbGuid;
        PdbAge = source.PdbAge;
        Symbols = [.. source.Symbols];
        SizeOfImage = sizeOfImage;
        Sections = sections;
        _pages = pages;
        _headerSize = headerSize;
    }

    public string Name { get; }

    public ulong Base { get; }

    public uint SizeOfImage { get; }

    public uint TimeDateStamp { get; }

    public uint CheckSum { get; internal set; }

    public string? PdbName { get; }

    public Guid PdbGuid { get; }

    public int PdbAge { get; }

    public IReadOnlyList<PeSection> Sections { get; }

    public IReadOnlyList<PeSymbol> Symbols { get; }

    /// <summary>Functions by RVA.</summary>
    internal IReadOnlyList<(uint Rva, uint Length, FunctionFrame Frame)> Functions { get; init; } = [];

    /// <summary>Pages that hold anything, by RVA; the header is the first.</summary>
    public IEnumerable<(uint Rva, byte[] Page)> NonEmptyPages
    {
        get
        {
            foreach ((uint page, byte[] bytes) in _pages)
                yield return (page * PageSize, bytes);
        }
    }

    /// <summary>RVA of a symbol.</summary>
    public uint Rva(string symbol)
    {
        foreach (PeSymbol one in Symbols)
            if (one.Name == symbol)
                return one.Rva;
        throw new KeyNotFoundException($"{Name} has no symbol {symbol}");
    }

    /// <summary>Address of a symbol.</summary>
    public ulong Address(string symbol) => Base + Rva(symbol);

    /// <summary>Bytes as they lie in memory; zeros where nothing is.</summary>
    public byte[] Read(uint rva, int count)
    {
        byte[] result = new byte[count];
        for (int done = 0; done < count;)
        {
            int at = (int)((rva + (uint)done) % PageSize), part = Math.Min(count - done, PageSize - at);
            if (_pages.TryGetValue((rva + (uint)done) / PageSize, out byte[]? page))
                page.AsSpan(at, part).CopyTo(result.AsSpan(done));
            done += part;
        }
        return result;
    }

    /// <summary>The image as a file; of each section only the part that holds anything.</summary>
    public byte[] ToFile()
    {
        ByteWriter file = new();
        file.Bytes(Read(0, (int)_headerSize));
        foreach (PeSection section in Sections)
        {
            file.Zero((int)section.FileOffset - file.Length);
            file.Bytes(Read(section.Rva, (int)section.ContentSize));
        }
        return file.Align(PeImageBuilder.FileAlignment).ToArray();
    }

    // The sum of imagehlp's CheckSumMappedFile: 16-bit words with the carry added back, and the length.
    internal static uint ComputeCheckSum(ReadOnlySpan<byte> file)
    {
        uint sum = 0;
        for (int i = 0; i + 1 < file.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16LittleEndian(file[i..]);
            sum = (sum & 0xffff) + (sum >> 16);
        }
        return sum + (uint)file.Length;
    }
}
