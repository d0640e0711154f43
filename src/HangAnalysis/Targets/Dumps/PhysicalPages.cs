using System.Buffers.Binary;

namespace HangAnalysis.Targets.Dumps;

/// <summary>Physical memory as far as the dump holds it.</summary>
internal sealed class PhysicalPages(DumpFile file, PageMap map) : IPhysicalMemory
{
    /// <inheritdoc/>
    public ulong EndPage => map.EndPage;

    /// <summary>File offset of a page that is wholly present.</summary>
    public bool TryGetOffset(ulong page, out long offset) =>
        map.TryGetOffset(page, out offset) && offset <= file.Length - PageMap.PageSize;

    /// <summary>Copies bytes from an offset inside a page that <see cref="TryGetOffset"/> gave; returns how many.</summary>
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
