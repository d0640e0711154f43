using System.Numerics;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Targets.Vmcores.Packing;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>The pages of a kdump file: each is unpacked when it is first read; the latest are kept.</summary>
/// <remarks>
/// The cache is direct-mapped by page number, as <see cref="DumpFile"/>'s; its pages are made once and used again. A page
/// that cannot be unpacked is remembered too, so that it costs and is told once. Not safe for several threads at a time.
/// </remarks>
internal sealed class KdumpMemory : VmcoreMemory
{
    private const int PageSize = PageMap.PageSize;

    private readonly KdumpPart[] _parts;
    private readonly VmcoreDamage _damage;
    private readonly PageDecoder _decoder;
    private readonly int _blockSize;
    private readonly int _blockShift;
    private readonly ulong[] _tags;
    private readonly byte[]?[] _pages;
    private readonly bool[] _good;

    /// <summary>Makes the memory of one file, or of the parts of a split dump.</summary>
    public KdumpMemory(KdumpPart[] parts, VmcoreDamage damage)
    {
        _parts = parts;
        _damage = damage;
        _blockSize = parts[0].Header.BlockSize;
        _blockShift = BitOperations.Log2((uint)_blockSize);
        _decoder = new PageDecoder(_blockSize);
        int slots = VmcoreLimits.CachedPages / (_blockSize / PageSize);
        _tags = new ulong[slots];
        _tags.AsSpan().Fill(ulong.MaxValue);
        _pages = new byte[]?[slots];
        _good = new bool[slots];
        ulong end = 0;
        foreach (KdumpPart part in parts)
            end = Math.Max(end, part.EndPage);
        EndPage = end * (ulong)(_blockSize / PageSize);
    }

    /// <inheritdoc/>
    public override ulong EndPage { get; }

    /// <inheritdoc/>
    public override bool Holds(ulong page)
    {
        ulong block = page * PageSize >> _blockShift;
        foreach (KdumpPart part in _parts)
            if (part.TryGetIndex(block, out _))
                return page < EndPage;
        return false;
    }

    /// <inheritdoc/>
    public override ulong NextHeld(ulong page)
    {
        ulong block = page * PageSize >> _blockShift;
        ulong next = ulong.MaxValue;
        foreach (KdumpPart part in _parts)
            next = Math.Min(next, part.Next(block));
        return next == block ? page : next == ulong.MaxValue ? next : next << _blockShift >> 12;
    }

    /// <inheritdoc/>
    public override int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            if (Page(address >> _blockShift) is not { } page)
                break;
            int inPage = (int)(address & (ulong)(_blockSize - 1));
            int count = Math.Min(_blockSize - inPage, buffer.Length - done);
            page.AsSpan(inPage, count).CopyTo(buffer[done..]);
            done += count;
            address += (ulong)count;
        }
        return done;
    }

    private byte[]? Page(ulong number)
    {
        int slot = (int)((number ^ number / (ulong)_tags.Length) & (ulong)(_tags.Length - 1));
        if (_tags[slot] != number)
        {
            if (!TryFind(number, out KdumpPart part, out ulong index))
                return null;
            _tags[slot] = number;
            // Pinned arrays are never moved, so that the collector does not copy the cache.
            byte[] page = _pages[slot] ??= GC.AllocateUninitializedArray<byte>(_blockSize, pinned: true);
            PageFault? fault = Load(part, index, page);
            _good[slot] = fault is null;
            if (fault is { } kind)
                _damage.Add(kind, number << _blockShift);
        }
        return _good[slot] ? _pages[slot] : null;
    }

    private bool TryFind(ulong number, out KdumpPart part, out ulong index)
    {
        foreach (KdumpPart candidate in _parts)
        {
            part = candidate;
            if (candidate.TryGetIndex(number, out index))
                return true;
        }
        part = _parts[0];
        index = 0;
        return false;
    }

    private PageFault? Load(KdumpPart part, ulong index, byte[] page)
    {
        // An offset of 0 is what an incomplete dump has for pages that were not written.
        if (!part.TryReadDescriptor(index, out PageDescriptor descriptor) || descriptor.Offset <= 0)
            return PageFault.Cut;
        bool isRaw = descriptor.Flags == 0;
        int size = (int)Math.Min(descriptor.Size, int.MaxValue);
        if (size == 0 || size > _blockSize || (isRaw && size != _blockSize))
            return PageFault.Bad;
        if (isRaw)
            return part.File.Read(descriptor.Offset, page) == size ? null : PageFault.Cut;
        return part.File.Read(descriptor.Offset, _decoder.Packed[..size]) == size
            ? _decoder.Unpack(descriptor.Flags, size, page)
            : PageFault.Cut;
    }
}
