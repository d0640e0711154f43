using System.Buffers.Binary;
using System.Collections.Concurrent;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Targets.Unwinding;

/// <summary>What a function table says of an address.</summary>
public enum FunctionLookup
{
    /// <summary>A function with unwind data holds it.</summary>
    Found,

    /// <summary>No entry holds it: code of a leaf function, which moved no stack.</summary>
    Leaf,

    /// <summary>The part of the table that would tell is absent.</summary>
    Unknown,
}

/// <summary>What was found at an address.</summary>
/// <param name="Rva">The address.</param>
/// <param name="Function">The entry whose unwind data hold.</param>
/// <param name="Info">These data.</param>
internal sealed record ResolvedFunction(uint Rva, RuntimeFunction Function, UnwindInfo Info);

/// <summary>
/// The function table (.pdata) of one image. The table is read whole in one read, since a walk of thousands of stacks
/// touches most of it and single reads would dominate; unwind data are decoded when first needed and kept, since the
/// same few thousand functions recur. Safe for several threads.
/// </summary>
public sealed class FunctionTable
{
    private const int EntrySize = 12;

    // Far above the largest images of Windows and browsers, which have below a million functions.
    private const int MaximumEntries = 2 * 1024 * 1024;

    // Calls that thousands of stacks share: some hundred in one image.
    private const int RecentEntries = 1024;

    // Compilers chain two or three deep; a damaged table may chain in a circle.
    private const int MaximumChain = 32;

    private readonly IImageBytes _bytes;
    private readonly uint[] _begins;
    private readonly uint[] _ends;
    private readonly uint[] _unwinds;
    private readonly uint _knownEnd;
    private readonly ConcurrentDictionary<uint, UnwindInfo?> _decoded = new();
    private readonly ResolvedFunction?[] _recent = new ResolvedFunction?[RecentEntries];

    private FunctionTable(IImageBytes bytes, uint[] begins, uint[] ends, uint[] unwinds, uint knownEnd)
    {
        _bytes = bytes;
        _begins = begins;
        _ends = ends;
        _unwinds = unwinds;
        _knownEnd = knownEnd;
    }

    /// <summary>Number of entries.</summary>
    public int Count => _begins.Length;

    /// <summary>The entry at a position in the order of addresses.</summary>
    public RuntimeFunction this[int index] => new(_begins[index], _ends[index], _unwinds[index]);

    /// <summary>
    /// Reads an image's table; null where the image is not for x64 or the table's start is absent. An x64 image
    /// without a table has an empty one: all its functions are leaves, as for the system's own unwinder.
    /// </summary>
    public static FunctionTable? TryRead(PeImage image)
    {
        if (image.Machine != PeImage.MachineAmd64)
            return null;
        ImageDirectory directory = image[ImageDirectoryKind.Exception];
        if (directory.Size < EntrySize)
            return new FunctionTable(image.Bytes, [], [], [], uint.MaxValue);
        if (directory.Rva >= image.SizeOfImage)
            return null;
        uint size = Math.Min(directory.Size, image.SizeOfImage - directory.Rva);
        bool whole = size == directory.Size && size / EntrySize <= MaximumEntries;
        byte[] raw = new byte[Math.Min(size, (uint)MaximumEntries * EntrySize)];
        int read = image.Bytes.Read(directory.Rva, raw);
        return read < EntrySize ? null : Decode(image.Bytes, raw.AsSpan(0, read), whole && read == raw.Length);
    }

    private static FunctionTable Decode(IImageBytes bytes, ReadOnlySpan<byte> raw, bool whole)
    {
        int capacity = raw.Length / EntrySize;
        uint[] begins = new uint[capacity];
        uint[] ends = new uint[capacity];
        uint[] unwinds = new uint[capacity];
        int count = 0;
        bool sorted = true;
        for (int i = 0; i < capacity; i++)
        {
            ReadOnlySpan<byte> entry = raw.Slice(i * EntrySize, EntrySize);
            uint begin = BinaryPrimitives.ReadUInt32LittleEndian(entry);
            uint end = BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
            if (end <= begin)
                continue;
            sorted &= count == 0 || begin >= begins[count - 1];
            begins[count] = begin;
            ends[count] = end;
            unwinds[count] = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            count++;
        }
        Array.Resize(ref begins, count);
        Array.Resize(ref ends, count);
        Array.Resize(ref unwinds, count);
        // The part of a cut table tells of addresses below its last entry, if it is in order, and of no others.
        uint knownEnd = whole ? uint.MaxValue : sorted && count > 0 ? ends[count - 1] : 0;
        if (!sorted)
            Sort(ref begins, ref ends, ref unwinds);
        return new FunctionTable(bytes, begins, ends, unwinds, knownEnd);
    }

    private static void Sort(ref uint[] begins, ref uint[] ends, ref uint[] unwinds)
    {
        int[] order = new int[begins.Length];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        Array.Sort(begins, order);
        uint[] sortedEnds = new uint[order.Length];
        uint[] sortedUnwinds = new uint[order.Length];
        for (int i = 0; i < order.Length; i++)
        {
            sortedEnds[i] = ends[order[i]];
            sortedUnwinds[i] = unwinds[order[i]];
        }
        ends = sortedEnds;
        unwinds = sortedUnwinds;
    }

    /// <summary>Finds the entry that holds an address, as it stands in the table.</summary>
    public FunctionLookup Find(uint rva, out RuntimeFunction function)
    {
        int index = Array.BinarySearch(_begins, rva);
        if (index < 0)
            index = ~index - 1;
        if (index >= 0 && rva < _ends[index])
        {
            function = this[index];
            return FunctionLookup.Found;
        }
        function = default;
        return rva < _knownEnd ? FunctionLookup.Leaf : FunctionLookup.Unknown;
    }

    /// <summary>
    /// Finds the function at an address with its decoded unwind data: <see cref="Find"/> and <see cref="TryResolve"/>, whose
    /// answers for the addresses of late are kept, since the same calls recur on stack after stack.
    /// </summary>
    /// <param name="rva">The address.</param>
    /// <param name="function">The function; null of a leaf, and where its unwind data cannot be had.</param>
    internal FunctionLookup FindResolved(uint rva, out ResolvedFunction? function)
    {
        ref ResolvedFunction? recent = ref _recent[(rva ^ rva >> 10) & (RecentEntries - 1)];
        function = recent;
        if (function is not null && function.Rva == rva)
            return FunctionLookup.Found;
        function = null;
        FunctionLookup lookup = Find(rva, out RuntimeFunction entry);
        if (lookup != FunctionLookup.Found)
            return lookup;
        if (!TryResolve(ref entry, out UnwindInfo? info))
            return FunctionLookup.Unknown;
        recent = function = new ResolvedFunction(rva, entry, info!);
        return FunctionLookup.Found;
    }

    /// <summary>
    /// Follows an entry whose unwind data are those of another entry (bit 0 of UnwindData; the rest is the RVA of that
    /// other RUNTIME_FUNCTION, as in the CoreCLR sources), and decodes them.
    /// </summary>
    /// <returns>False where anything is absent, means nothing or leads in a circle.</returns>
    public bool TryResolve(ref RuntimeFunction function, out UnwindInfo? info)
    {
        info = null;
        Span<byte> entry = stackalloc byte[EntrySize];
        for (int depth = 0; (function.UnwindRva & 1) != 0; depth++)
        {
            if (depth >= MaximumChain || !_bytes.TryRead(function.UnwindRva & ~1u, entry))
                return false;
            function = new RuntimeFunction(
                BinaryPrimitives.ReadUInt32LittleEndian(entry),
                BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]),
                BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]));
        }
        if (!_decoded.TryGetValue(function.UnwindRva, out info))
        {
            info = UnwindInfo.Read(_bytes, function.UnwindRva);
            _decoded.TryAdd(function.UnwindRva, info);
        }
        return info is not null;
    }

    /// <summary>Goes to the entry that an entry's unwind data chain to in the end: the function that owns it.</summary>
    public bool TryFindPrimary(ref RuntimeFunction function)
    {
        for (int depth = 0; depth < MaximumChain; depth++)
        {
            if (!TryResolve(ref function, out UnwindInfo? info))
                return false;
            if (info!.Chained is not { } chained)
                return true;
            function = chained;
        }
        return false;
    }

    /// <summary>Largest number of chained entries that are followed.</summary>
    internal static int ChainLimit => MaximumChain;
}
