using System.Buffers.Binary;
using System.Collections.Concurrent;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Targets.Unwinding.Arm64;

/// <summary>
/// The function table (.pdata) of one ARM64 image: read whole in one read; unwind data are decoded when first needed and kept.
/// Safe for several threads.
/// </summary>
internal sealed class Arm64FunctionTable
{
    private const int EntrySize = 8;

    // As of x64: far above the largest images.
    private const int MaximumEntries = 2 * 1024 * 1024;

    private readonly IImageBytes _bytes;
    private readonly uint[] _begins;
    private readonly uint[] _words;
    private readonly bool _isWhole;
    private readonly ConcurrentDictionary<int, Arm64UnwindInfo?> _decoded = new();

    private Arm64FunctionTable(IImageBytes bytes, uint[] begins, uint[] words, bool isWhole)
    {
        _bytes = bytes;
        _begins = begins;
        _words = words;
        _isWhole = isWhole;
    }

    /// <summary>Reads an image's table; null where the image is not for ARM64 or the table's start is absent.</summary>
    public static Arm64FunctionTable? TryRead(PeImage image)
    {
        if (image.Machine != PeImage.MachineArm64)
            return null;
        ImageDirectory directory = image[ImageDirectoryKind.Exception];
        if (directory.Size < EntrySize)
            return new Arm64FunctionTable(image.Bytes, [], [], true);
        if (directory.Rva >= image.SizeOfImage)
            return null;
        uint size = Math.Min(Math.Min(directory.Size, image.SizeOfImage - directory.Rva), (uint)MaximumEntries * EntrySize);
        byte[] raw = new byte[size];
        int count = image.Bytes.Read(directory.Rva, raw) / EntrySize;
        if (count == 0)
            return null;
        uint[] begins = new uint[count];
        uint[] words = new uint[count];
        for (int i = 0; i < count; i++)
        {
            begins[i] = BinaryPrimitives.ReadUInt32LittleEndian(raw.AsSpan(i * EntrySize));
            words[i] = BinaryPrimitives.ReadUInt32LittleEndian(raw.AsSpan(i * EntrySize + 4));
        }
        Array.Sort(begins, words);
        return new Arm64FunctionTable(image.Bytes, begins, words, (uint)count * EntrySize == directory.Size / EntrySize * EntrySize);
    }

    /// <summary>Finds the function at an address with its unwind data.</summary>
    /// <param name="rva">The address.</param>
    /// <param name="begin">The function's start.</param>
    /// <param name="info">Its unwind data; null of a leaf, and where they cannot be had.</param>
    public FunctionLookup Find(uint rva, out uint begin, out Arm64UnwindInfo? info)
    {
        info = null;
        begin = 0;
        int index = Array.BinarySearch(_begins, rva);
        if (index < 0)
            index = ~index - 1;
        if (index < 0)
            return FunctionLookup.Leaf;
        begin = _begins[index];
        if (!_decoded.TryGetValue(index, out info))
        {
            info = Arm64UnwindInfo.Read(_bytes, _words[index]);
            _decoded.TryAdd(index, info);
        }
        if (info is null)
            return FunctionLookup.Unknown;
        if (rva - begin < info.Length)
            return FunctionLookup.Found;
        info = null;
        // Behind the last entry of a table that is cut may be functions that it would have told of.
        return _isWhole || index + 1 < _begins.Length ? FunctionLookup.Leaf : FunctionLookup.Unknown;
    }
}
