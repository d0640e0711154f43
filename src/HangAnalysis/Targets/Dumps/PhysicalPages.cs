using System.Buffers.Binary;

namespace HangAnalysis.Targets.Dumps;

/// <summary>Physical memory as far as the dump holds it, served from the mapped file without a copy.</summary>
internal sealed class PhysicalPages(MappedFile file, PageMap map) : IPhysicalMemory
{
    /// <inheritdoc/>
    public ulong EndPage => map.EndPage;

    /// <summary>The bytes of a page; empty where the dump or the file does not hold all of it.</summary>
    public ReadOnlySpan<byte> GetPage(ulong page)
    {
        if (!map.TryGetOffset(page, out long offset))
            return default;
        ReadOnlySpan<byte> bytes = file.Slice(offset, PageMap.PageSize);
        return bytes.Length == PageMap.PageSize ? bytes : default;
    }

    /// <summary>File offset of a page that is wholly present.</summary>
    public bool TryGetOffset(ulong page, out long offset) =>
        map.TryGetOffset(page, out offset) && offset <= file.Length - PageMap.PageSize;

    /// <summary>Bytes at an offset that <see cref="TryGetOffset"/> gave.</summary>
    public ReadOnlySpan<byte> AtOffset(long offset, int length) => file.Slice(offset, length);

    /// <inheritdoc/>
    public bool TryReadEntry64(ulong physicalAddress, out ulong value)
    {
        ReadOnlySpan<byte> page = GetPage(physicalAddress / PageMap.PageSize);
        int offset = (int)(physicalAddress % PageMap.PageSize) & ~7;
        value = page.IsEmpty ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(page[offset..]);
        return !page.IsEmpty;
    }

    /// <summary>Reads an aligned 4-byte value: an entry of a page table without PAE.</summary>
    public bool TryReadEntry32(ulong physicalAddress, out uint value)
    {
        ReadOnlySpan<byte> page = GetPage(physicalAddress / PageMap.PageSize);
        int offset = (int)(physicalAddress % PageMap.PageSize) & ~3;
        value = page.IsEmpty ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(page[offset..]);
        return !page.IsEmpty;
    }
}
