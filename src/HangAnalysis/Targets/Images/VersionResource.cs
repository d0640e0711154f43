using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace HangAnalysis.Targets.Images;

/// <summary>
/// Reads the RT_VERSION resource of an image. Only the first resource and its first language are looked at: images of
/// Windows have one, and any one names the maker.
/// </summary>
/// <remarks>Layouts: "The .rsrc Section" of the PE format document; VS_VERSIONINFO of the Windows SDK.</remarks>
internal static class VersionResource
{
    private const uint TypeVersion = 16;
    private const uint SubdirectoryFlag = 0x8000_0000;
    private const int DirectoryHeaderSize = 16;
    private const int EntrySize = 8;
    private const int MaximumEntries = 512;
    private const int MaximumBytes = 64 * 1024;
    private const int MaximumNodes = 1024;
    private const uint FixedInfoSignature = 0xfeef_04bd;

    internal static ImageVersion? Read(PeImage image)
    {
        ImageDirectory directory = image[ImageDirectoryKind.Resource];
        if (directory.Size == 0
            || !TryFindEntry(image.Bytes, directory, 0, TypeVersion, out uint names)
            || !TryFindEntry(image.Bytes, directory, names, null, out uint languages)
            || !TryFindEntry(image.Bytes, directory, languages, null, out uint data)
            || (data & SubdirectoryFlag) != 0)
            return null;
        Span<byte> entry = stackalloc byte[EntrySize];
        if (!TryAdd(directory.Rva, data, out uint dataRva) || !image.Bytes.TryRead(dataRva, entry))
            return null;
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
        byte[] block = new byte[Math.Min(size, MaximumBytes)];
        int read = image.Bytes.Read(BinaryPrimitives.ReadUInt32LittleEndian(entry), block);
        return Parse(block.AsSpan(0, read));
    }

    // Offsets of entries count from the start of the resource directory; the top bit says that a directory follows.
    private static bool TryFindEntry(
        IImageBytes bytes, ImageDirectory directory, uint at, uint? id, out uint offset)
    {
        offset = 0;
        Span<byte> header = stackalloc byte[DirectoryHeaderSize];
        if ((at != 0 && (at & SubdirectoryFlag) == 0)
            || !TryAdd(directory.Rva, at & ~SubdirectoryFlag, out uint rva)
            || !bytes.TryRead(rva, header)
            || !TryAdd(rva, DirectoryHeaderSize, out uint entriesRva))
            return false;
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[12..])
            + BinaryPrimitives.ReadUInt16LittleEndian(header[14..]);
        Span<byte> entries = stackalloc byte[MaximumEntries * EntrySize];
        entries = entries[..(Math.Min(count, MaximumEntries) * EntrySize)];
        int readable = bytes.Read(entriesRva, entries) / EntrySize;
        for (int i = 0; i < readable; i++)
        {
            if (id is not null && BinaryPrimitives.ReadUInt32LittleEndian(entries[(i * EntrySize)..]) != id)
                continue;
            offset = BinaryPrimitives.ReadUInt32LittleEndian(entries[(i * EntrySize + 4)..]);
            return true;
        }
        return false;
    }

    private static bool TryAdd(uint a, uint b, out uint sum)
    {
        sum = unchecked(a + b);
        return sum >= a;
    }

    /// <summary>Parses a VS_VERSIONINFO block.</summary>
    internal static ImageVersion? Parse(ReadOnlySpan<byte> block)
    {
        if (!Node.TryRead(block, out Node root) || !root.HasKey("VS_VERSION_INFO"))
            return null;
        Strings strings = default;
        ReadOnlySpan<byte> value = root.Rest[..Math.Min(root.ValueLength, root.Rest.Length)];
        int budget = MaximumNodes;
        ReadChildren(root.Rest[Math.Min(Align(root.ValueLength), root.Rest.Length)..], 0, ref strings, ref budget);
        if (value.Length >= 24 && BinaryPrimitives.ReadUInt32LittleEndian(value) == FixedInfoSignature)
        {
            strings.FileVersion ??= FormatNumbers(value[8..]);
            strings.ProductVersion ??= FormatNumbers(value[16..]);
        }
        return new ImageVersion(
            strings.CompanyName, strings.FileVersion, strings.ProductVersion, strings.FileDescription);
    }

    private static string FormatNumbers(ReadOnlySpan<byte> value)
    {
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(value);
        uint low = BinaryPrimitives.ReadUInt32LittleEndian(value[4..]);
        return $"{high >> 16}.{high & 0xffff}.{low >> 16}.{low & 0xffff}";
    }

    // Level 0 holds StringFileInfo and VarFileInfo, level 1 the string tables, level 2 the strings themselves.
    private static void ReadChildren(ReadOnlySpan<byte> rest, int level, ref Strings strings, ref int budget)
    {
        while (budget-- > 0 && Node.TryRead(rest, out Node node))
        {
            if (level == 2)
                Take(node, ref strings);
            else if (level == 1 || node.HasKey("StringFileInfo"))
                ReadChildren(node.Rest, level + 1, ref strings, ref budget);
            rest = rest[Math.Min(Align(node.Length), rest.Length)..];
        }
    }

    private static void Take(Node node, ref Strings strings)
    {
        if (node.HasKey("CompanyName"))
            strings.CompanyName ??= node.Text();
        else if (node.HasKey("FileVersion"))
            strings.FileVersion ??= node.Text();
        else if (node.HasKey("ProductVersion"))
            strings.ProductVersion ??= node.Text();
        else if (node.HasKey("FileDescription"))
            strings.FileDescription ??= node.Text();
    }

    private static int Align(int offset) => (offset + 3) & ~3;

    private struct Strings
    {
        public string? CompanyName;
        public string? FileVersion;
        public string? ProductVersion;
        public string? FileDescription;
    }

    /// <summary>
    /// wLength, wValueLength, wType, a key that ends in a zero, padding to four bytes, then value and children.
    /// </summary>
    private readonly ref struct Node
    {
        private const int HeaderSize = 6;

        public int Length { get; private init; }

        public int ValueLength { get; private init; }

        public ReadOnlySpan<byte> Key { get; private init; }

        /// <summary>All after the key and its padding, to the node's end.</summary>
        public ReadOnlySpan<byte> Rest { get; private init; }

        public static bool TryRead(ReadOnlySpan<byte> bytes, out Node node)
        {
            node = default;
            if (bytes.Length < HeaderSize)
                return false;
            int length = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            if (length < HeaderSize)
                return false;
            bytes = bytes[..Math.Min(length, bytes.Length)];
            int end = HeaderSize;
            while (end + 1 < bytes.Length && (bytes[end] | bytes[end + 1]) != 0)
                end += 2;
            if (end + 1 >= bytes.Length)
                return false;
            node = new Node
            {
                Length = length,
                ValueLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]),
                Key = bytes[HeaderSize..end],
                Rest = bytes[Math.Min(Align(end + 2), bytes.Length)..],
            };
            return true;
        }

        public bool HasKey(string key) => Key.SequenceEqual(MemoryMarshal.AsBytes(key.AsSpan()));

        // To the zero: writers disagree whether ValueLength counts bytes or characters.
        public string? Text()
        {
            ReadOnlySpan<char> text = MemoryMarshal.Cast<byte, char>(Rest);
            int end = text.IndexOf('\0');
            text = (end < 0 ? text : text[..end]).Trim();
            return text.IsEmpty ? null : text.ToString();
        }
    }
}
