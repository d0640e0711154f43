using System.Buffers.Binary;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>Where a page lies in a kdump file, and how it is packed: a page descriptor.</summary>
/// <param name="Offset">Offset of its bytes in the file.</param>
/// <param name="Size">Number of its bytes.</param>
/// <param name="Flags">Its compression, 0 for none.</param>
internal readonly record struct PageDescriptor(long Offset, uint Size, uint Flags);

/// <summary>One kdump file: the only one of a dump, or one of several of a split dump (makedumpfile --split).</summary>
internal sealed class KdumpPart(IFileBytes file, KdumpHeader header)
{
    private const int DescriptorSize = 24;

    private readonly PageBitmap _bitmap = new(file, header.BitmapOffset, header.PageCount);
    private readonly byte[] _descriptor = new byte[DescriptorSize];
    private ulong? _before;

    /// <summary>The file.</summary>
    public IFileBytes File => file;

    /// <summary>Its headers.</summary>
    public KdumpHeader Header => header;

    /// <summary>One more than the highest page of the bitmap.</summary>
    public ulong EndPage => _bitmap.Pages;

    /// <summary>Pages that the file should hold.</summary>
    public ulong Total => header.Part is { } part ? Math.Max(_bitmap.CountBelow(part.End), Before) - Before : _bitmap.Total;

    /// <summary>Entries of the page table for which the file is long enough.</summary>
    public ulong CountEntries() => (ulong)(Math.Max(file.Length - header.PageTableOffset, 0) / DescriptorSize);

    /// <summary>Set bits below the first page of this part: every part of a split dump has the whole bitmap.</summary>
    private ulong Before => _before ??= header.Part is { } part ? _bitmap.CountBelow(part.Start) : 0;

    /// <summary>Finds a page that the file should hold by its number; pages are of the header's block size.</summary>
    /// <param name="page">Number of the page.</param>
    /// <param name="index">Which entry of the page table is the page's.</param>
    public bool TryGetIndex(ulong page, out ulong index)
    {
        index = 0;
        if ((header.Part is { } part && (page < part.Start || page >= part.End)) || !_bitmap.TryGetIndex(page, out index))
            return false;
        index -= Before;
        return true;
    }

    /// <summary>The first page from one on that the file should hold, or <see cref="ulong.MaxValue"/>.</summary>
    public ulong Next(ulong page)
    {
        ulong next = _bitmap.Next(header.Part is { } part ? Math.Max(page, part.Start) : page);
        return header.Part is { } own && next >= own.End ? ulong.MaxValue : next;
    }

    /// <summary>Reads an entry of the page table; false where the file ends before.</summary>
    public bool TryReadDescriptor(ulong index, out PageDescriptor descriptor)
    {
        bool read = file.Read(header.PageTableOffset + (long)index * DescriptorSize, _descriptor) == DescriptorSize;
        descriptor = read
            ? new PageDescriptor(BinaryPrimitives.ReadInt64LittleEndian(_descriptor),
                BinaryPrimitives.ReadUInt32LittleEndian(_descriptor.AsSpan(8)),
                BinaryPrimitives.ReadUInt32LittleEndian(_descriptor.AsSpan(12)))
            : default;
        return read;
    }
}
