using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace HangAnalysis.Targets.Images;

/// <summary>One section of an image.</summary>
/// <param name="Name">Name of at most eight characters.</param>
/// <param name="Rva">Address relative to the image's base.</param>
/// <param name="VirtualSize">Size when loaded, in bytes.</param>
/// <param name="FileOffset">Offset of its bytes in the file.</param>
/// <param name="FileSize">Number of its bytes in the file.</param>
/// <param name="Characteristics">IMAGE_SCN_ flags.</param>
public readonly record struct ImageSection(
    string Name, uint Rva, uint VirtualSize, uint FileOffset, uint FileSize, uint Characteristics)
{
    private const uint MemExecute = 0x2000_0000;

    /// <summary>Whether code may run in it.</summary>
    public bool IsExecutable => (Characteristics & MemExecute) != 0;

    /// <summary>Whether an address lies in it.</summary>
    public bool Contains(uint rva) => rva >= Rva && rva - Rva < Math.Max(VirtualSize, FileSize);
}

/// <summary>Where one of an image's tables lies; both 0 where the image has none.</summary>
/// <param name="Rva">Address relative to the image's base.</param>
/// <param name="Size">Size in bytes.</param>
public readonly record struct ImageDirectory(uint Rva, uint Size);

/// <summary>Positions in the array of data directories.</summary>
/// <remarks>"Optional Header Data Directories" of the PE format document.</remarks>
public enum ImageDirectoryKind
{
    /// <summary>Exported names.</summary>
    Export = 0,

    /// <summary>Imported names.</summary>
    Import = 1,

    /// <summary>Resources.</summary>
    Resource = 2,

    /// <summary>Function table of x64.</summary>
    Exception = 3,

    /// <summary>Debug directory.</summary>
    Debug = 6,
}

/// <summary>
/// The headers of a PE32 or PE32+ image, kept as values: once read, a page of headers that later goes away is not
/// missed. What lies in tables (exports, version, PDB identity) is read when asked for.
/// </summary>
/// <remarks>Layouts: Microsoft's "PE Format" document.</remarks>
public sealed class PeImage
{
    /// <summary>Machine value of x64.</summary>
    public const ushort MachineAmd64 = 0x8664;

    /// <summary>Machine value of ARM64.</summary>
    public const ushort MachineArm64 = 0xaa64;

    private const int DosHeaderSize = 64;
    private const int FileHeaderSize = 24;
    private const int SectionHeaderSize = 40;
    private const int DirectoryCount = 16;
    private const uint MaximumHeaderOffset = 0x10000;

    // The PE format document speaks of 96 sections that the loader accepts.
    private const int MaximumSections = 96;

    private readonly ImageDirectory[] _directories;

    private PeImage(IImageBytes bytes, ReadOnlySpan<byte> header, ReadOnlySpan<byte> optional, bool is64Bit)
    {
        Bytes = bytes;
        Is64Bit = is64Bit;
        Machine = BinaryPrimitives.ReadUInt16LittleEndian(header[4..]);
        TimeDateStamp = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        SectionAlignment = BinaryPrimitives.ReadUInt32LittleEndian(optional[32..]);
        SizeOfImage = BinaryPrimitives.ReadUInt32LittleEndian(optional[56..]);
        SizeOfHeaders = BinaryPrimitives.ReadUInt32LittleEndian(optional[60..]);
        CheckSum = BinaryPrimitives.ReadUInt32LittleEndian(optional[64..]);
        _directories = ReadDirectories(optional, is64Bit ? 108 : 92);
    }

    /// <summary>Where the image's bytes come from.</summary>
    public IImageBytes Bytes { get; }

    /// <summary>IMAGE_FILE_MACHINE_ value.</summary>
    public ushort Machine { get; }

    /// <summary>Whether the optional header is that of PE32+.</summary>
    public bool Is64Bit { get; }

    /// <summary>Link time stamp.</summary>
    public uint TimeDateStamp { get; }

    /// <summary>Check sum, 0 where the linker made none.</summary>
    public uint CheckSum { get; }

    /// <summary>Size of the loaded image, in bytes.</summary>
    public uint SizeOfImage { get; }

    /// <summary>Size of the headers with the section table, in bytes.</summary>
    public uint SizeOfHeaders { get; }

    /// <summary>Alignment of loaded sections, in bytes.</summary>
    public uint SectionAlignment { get; }

    /// <summary>The sections whose headers can be read.</summary>
    public IReadOnlyList<ImageSection> Sections { get; private set; } = [];

    /// <summary>Where a table lies.</summary>
    public ImageDirectory this[ImageDirectoryKind kind] =>
        (uint)kind < (uint)_directories.Length ? _directories[(int)kind] : default;

    /// <summary>Reads the headers; false where they are absent or not those of a PE image.</summary>
    public static bool TryRead(IImageBytes bytes, [NotNullWhen(true)] out PeImage? image)
    {
        image = null;
        Span<byte> dos = stackalloc byte[DosHeaderSize];
        if (!bytes.TryRead(0, dos) || dos[0] != (byte)'M' || dos[1] != (byte)'Z')
            return false;
        uint start = BinaryPrimitives.ReadUInt32LittleEndian(dos[0x3c..]);
        Span<byte> header = stackalloc byte[FileHeaderSize];
        if (start > MaximumHeaderOffset || !bytes.TryRead(start, header)
            || BinaryPrimitives.ReadUInt32LittleEndian(header) != 0x4550)
            return false;

        int sections = BinaryPrimitives.ReadUInt16LittleEndian(header[6..]);
        int optionalSize = BinaryPrimitives.ReadUInt16LittleEndian(header[20..]);
        Span<byte> optional = stackalloc byte[112 + DirectoryCount * 8];
        optional = optional[..Math.Min(optionalSize, optional.Length)];
        if (optional.Length < 96 || sections > MaximumSections || !bytes.TryRead(start + FileHeaderSize, optional))
            return false;
        ushort magic = BinaryPrimitives.ReadUInt16LittleEndian(optional);
        if (magic is not (0x10b or 0x20b) || (magic == 0x20b && optional.Length < 112))
            return false;

        PeImage read = new(bytes, header, optional, magic == 0x20b);
        read.Sections = ReadSections(bytes, start + FileHeaderSize + (uint)optionalSize, sections);
        image = read;
        return true;
    }

    private static ImageDirectory[] ReadDirectories(ReadOnlySpan<byte> optional, int countOffset)
    {
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(optional[countOffset..]);
        int room = (optional.Length - countOffset - 4) / 8;
        ImageDirectory[] directories = new ImageDirectory[Math.Min(Math.Min(count, (uint)room), DirectoryCount)];
        for (int i = 0; i < directories.Length; i++)
        {
            ReadOnlySpan<byte> entry = optional[(countOffset + 4 + i * 8)..];
            directories[i] = new ImageDirectory(
                BinaryPrimitives.ReadUInt32LittleEndian(entry), BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]));
        }
        return directories;
    }

    private static ImageSection[] ReadSections(IImageBytes bytes, uint rva, int count)
    {
        byte[] table = new byte[count * SectionHeaderSize];
        int readable = bytes.Read(rva, table) / SectionHeaderSize;
        ImageSection[] sections = new ImageSection[readable];
        for (int i = 0; i < readable; i++)
        {
            ReadOnlySpan<byte> entry = table.AsSpan(i * SectionHeaderSize, SectionHeaderSize);
            ReadOnlySpan<byte> name = entry[..8];
            int end = name.IndexOf((byte)0);
            sections[i] = new ImageSection(
                Encoding.Latin1.GetString(end < 0 ? name : name[..end]),
                Rva: BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]),
                VirtualSize: BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]),
                FileOffset: BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]),
                FileSize: BinaryPrimitives.ReadUInt32LittleEndian(entry[16..]),
                Characteristics: BinaryPrimitives.ReadUInt32LittleEndian(entry[36..]));
        }
        return sections;
    }

    /// <summary>The index of the section that an address lies in, or -1.</summary>
    public int FindSection(uint rva)
    {
        for (int i = 0; i < Sections.Count; i++)
            if (Sections[i].Contains(rva))
                return i;
        return -1;
    }

    /// <summary>Reads which PDB belongs to the image; false where its debug directory does not say.</summary>
    public bool TryReadPdbIdentity(out PdbIdentity identity) => DebugDirectory.TryReadPdbIdentity(this, out identity);

    /// <summary>Reads the version resource; null where the image has none that can be read.</summary>
    public ImageVersion? ReadVersion() => VersionResource.Read(this);
}
