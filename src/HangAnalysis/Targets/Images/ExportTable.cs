using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Targets.Images;

/// <summary>
/// The exported names of an image as symbols: what there is where no PDB can be had. A function that is not exported
/// takes the name of the export before it, so a nearest name is a hint and not a fact; C++ names stay decorated.
/// </summary>
/// <remarks>Layout: "The .edata Section" of the PE format document.</remarks>
public sealed class ExportTable : ISymbolFile
{
    private const int DirectorySize = 40;

    // Ordinals have 16 bits, so no more names than this can be told apart.
    private const int MaximumNames = 0x10000;
    private const int MaximumNameLength = 4096;
    private const int MaximumNameBytes = 16 * 1024 * 1024;
    private const int MaximumDirectoryBytes = 16 * 1024 * 1024;

    private readonly PeImage _image;
    private readonly uint[] _rvas;
    private readonly string[] _names;
    private readonly Dictionary<string, uint> _byName;

    private ExportTable(PeImage image, string path, uint[] rvas, string[] names)
    {
        _image = image;
        Path = path;
        _rvas = rvas;
        _names = names;
        _byName = new Dictionary<string, uint>(names.Length, StringComparer.Ordinal);
        for (int i = 0; i < names.Length; i++)
            _byName.TryAdd(names[i], rvas[i]);
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <summary>Null: exports are the image's own and have no identity beside it.</summary>
    public PdbIdentity? Identity => null;

    /// <summary>Number of names.</summary>
    public int Count => _names.Length;

    /// <summary>Reads the named exports of an image; null where it has none that can be read.</summary>
    /// <param name="image">The image.</param>
    /// <param name="path">What <see cref="Path"/> shall say: the image's file.</param>
    public static ExportTable? TryRead(PeImage image, string path)
    {
        ImageDirectory where = image[ImageDirectoryKind.Export];
        Span<byte> directory = stackalloc byte[DirectorySize];
        if (where.Size < DirectorySize || !image.Bytes.TryRead(where.Rva, directory))
            return null;
        uint[] functions = ReadArray(image.Bytes, directory, countAt: 20, rvaAt: 28);
        uint[] nameRvas = ReadArray(image.Bytes, directory, countAt: 24, rvaAt: 32);
        byte[] ordinals = new byte[nameRvas.Length * 2];
        int count = image.Bytes.Read(BinaryPrimitives.ReadUInt32LittleEndian(directory[36..]), ordinals) / 2;

        NameReader reader = new(image.Bytes, where);
        List<uint> rvas = new(count);
        List<string> names = new(count);
        for (int i = 0; i < count; i++)
        {
            int ordinal = BinaryPrimitives.ReadUInt16LittleEndian(ordinals.AsSpan(i * 2));
            if (ordinal >= functions.Length)
                continue;
            uint rva = functions[ordinal];
            // A forwarder's address is that of a text inside the directory.
            if (rva == 0 || (rva >= where.Rva && rva - where.Rva < where.Size))
                continue;
            string? name = reader.Read(nameRvas[i]);
            if (name is null)
                continue;
            rvas.Add(rva);
            names.Add(name);
        }
        if (names.Count == 0)
            return null;
        uint[] sorted = [.. rvas];
        string[] sortedNames = [.. names];
        Array.Sort(sorted, sortedNames);
        return new ExportTable(image, path, sorted, sortedNames);
    }

    private static uint[] ReadArray(IImageBytes bytes, ReadOnlySpan<byte> directory, int countAt, int rvaAt)
    {
        uint count = Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(directory[countAt..]), MaximumNames);
        byte[] raw = new byte[count * 4];
        int readable = bytes.Read(BinaryPrimitives.ReadUInt32LittleEndian(directory[rvaAt..]), raw) / 4;
        uint[] values = new uint[readable];
        for (int i = 0; i < readable; i++)
            values[i] = BinaryPrimitives.ReadUInt32LittleEndian(raw.AsSpan(i * 4));
        return values;
    }

    /// <inheritdoc/>
    public TypeLayout? FindType(string name) => null;

    /// <inheritdoc/>
    public EnumLayout? FindEnum(string name) => null;

    /// <inheritdoc/>
    public bool TryFindSymbol(string name, out uint rva) => _byName.TryGetValue(name, out rva);

    /// <inheritdoc/>
    public bool TryFindNearest(uint rva, out NearestSymbol symbol)
    {
        symbol = default;
        int section = _image.FindSection(rva);
        int index = Array.BinarySearch(_rvas, rva);
        if (index < 0)
            index = ~index - 1;
        if (section < 0 || index < 0 || !_image.Sections[section].Contains(_rvas[index]))
            return false;
        // Several names of one address: the first one, so that the answer does not depend on the search.
        while (index > 0 && _rvas[index - 1] == _rvas[index])
            index--;
        symbol = new NearestSymbol(_names[index], _rvas[index]);
        return true;
    }

    /// <summary>Nothing is held open.</summary>
    public void Dispose() { }

    /// <summary>Reads names from one bulk read of the directory, where linkers put them, and others singly.</summary>
    private sealed class NameReader
    {
        private readonly IImageBytes _bytes;
        private readonly uint _start;
        private readonly byte[] _block;
        private readonly int _blockLength;
        private readonly byte[] _single = new byte[MaximumNameLength];
        private int _budget = MaximumNameBytes;

        public NameReader(IImageBytes bytes, ImageDirectory directory)
        {
            _bytes = bytes;
            _start = directory.Rva;
            _block = new byte[Math.Min(directory.Size, MaximumDirectoryBytes)];
            _blockLength = bytes.Read(directory.Rva, _block);
        }

        public string? Read(uint rva)
        {
            ReadOnlySpan<byte> text;
            if (rva >= _start && rva - _start < (uint)_blockLength)
            {
                int offset = (int)(rva - _start);
                text = _block.AsSpan(offset, Math.Min(_blockLength - offset, MaximumNameLength));
            }
            else
            {
                text = _single.AsSpan(0, _bytes.Read(rva, _single));
            }
            int end = text.IndexOf((byte)0);
            if (end <= 0 || (_budget -= end) < 0)
                return null;
            return Encoding.UTF8.GetString(text[..end]);
        }
    }
}
