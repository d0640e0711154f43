using System.Buffers.Binary;

namespace HangAnalysis.Targets.Dumps;

/// <summary>The pages that a dump holds, each found by its number and read at the place where it lies.</summary>
internal interface IPhysicalPages
{
    /// <summary>Place of a page that is wholly present; bytes of the page follow each other from there.</summary>
    bool TryGetOffset(ulong page, out long offset);

    /// <summary>Copies bytes from a place inside a page that <see cref="TryGetOffset"/> gave; returns how many.</summary>
    int ReadAtOffset(long offset, Span<byte> buffer);
}

/// <summary>Physical memory as far as the dump holds it.</summary>
internal sealed class PhysicalPages(DumpFile file, PageMap map) : IPhysicalMemory, IPhysicalPages
{
    /// <inheritdoc/>
    public ulong EndPage => map.EndPage;

    /// <inheritdoc/>
    public bool TryGetOffset(ulong page, out long offset) =>
        map.TryGetOffset(page, out offset) && offset <= file.Length - PageMap.PageSize;

    /// <inheritdoc/>
    public int ReadAtOffset(long offset, Span<byte> buffer) => file.Read(offset, buffer);

    /// <inheritdoc/>
    public bool TryReadEntry64(ulong physicalAddress, out ulong value)
    {
        Span<byte> entry = stackalloc byte[sizeof(ulong)];
        bool read = TryReadEntry(physicalAddress & ~7UL, entry);
        value = read ? BinaryPrimitives.ReadUInt64LittleEndian(entry) : 0;
        return read;
    }

    /// <summary>Reads an aligned 4-byte value: an entry of a page table without PAE.</summary>
    public bool TryReadEntry32(ulong physicalAddress, out uint value)
    {
        Span<byte> entry = stackalloc byte[sizeof(uint)];
        bool read = TryReadEntry(physicalAddress & ~3UL, entry);
        value = read ? BinaryPrimitives.ReadUInt32LittleEndian(entry) : 0;
        return read;
    }

    private bool TryReadEntry(ulong physicalAddress, Span<byte> entry) =>
        TryGetOffset(physicalAddress / PageMap.PageSize, out long offset)
        && file.Read(offset + (long)(physicalAddress % PageMap.PageSize), entry) == entry.Length;
}
