using System.Buffers.Binary;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>Physical memory as far as a vmcore holds it. The "place" of a page is its physical address.</summary>
internal abstract class VmcoreMemory : IMemory, IPhysicalMemory, IPhysicalPages
{
    /// <inheritdoc/>
    public abstract ulong EndPage { get; }

    /// <inheritdoc/>
    public abstract int Read(ulong address, Span<byte> buffer);

    /// <summary>Whether the file says that it holds a page (of 4 KB).</summary>
    public abstract bool Holds(ulong page);

    /// <summary>The first page from one on that the file says it holds, or <see cref="ulong.MaxValue"/>.</summary>
    public abstract ulong NextHeld(ulong page);

    /// <inheritdoc/>
    public bool TryReadEntry64(ulong physicalAddress, out ulong value)
    {
        Span<byte> entry = stackalloc byte[sizeof(ulong)];
        bool read = Read(physicalAddress & ~7UL, entry) == entry.Length;
        value = read ? BinaryPrimitives.ReadUInt64LittleEndian(entry) : 0;
        return read;
    }

    /// <inheritdoc/>
    public bool TryGetOffset(ulong page, out long offset)
    {
        offset = (long)(page * PageMap.PageSize);
        return Holds(page);
    }

    /// <inheritdoc/>
    public int ReadAtOffset(long offset, Span<byte> buffer) => Read((ulong)offset, buffer);
}
