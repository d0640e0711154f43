using System.Buffers.Binary;

namespace HangAnalysis.Targets.Dumps;

/// <summary>Reads the part of a dump behind its header that tells which pages it holds.</summary>
internal static class PageMapReader
{
    private const uint SignatureDump = 0x504d5544;
    private const uint SignatureSdmp = 0x504d4453;
    private const uint SignatureFdmp = 0x504d4446;
    private const uint SignatureRdmp = 0x504d4452;

    /// <summary>The page map of a dump that holds pages; throws <see cref="DumpFormatException"/> where it is not readable.</summary>
    public static PageMap Read(DumpFile file, DumpHeader header, string path, List<string> damage)
    {
        PageMap map = header.DumpType switch
        {
            DumpType.Full => ReadRuns(file, header, path, damage),
            DumpType.Summary => ReadSummary(file, header, path, damage),
            DumpType.BitmapFull or DumpType.BitmapKernel => ReadBitmap(file, header, path, damage),
            DumpType.KernelRange or DumpType.ActiveRange or DumpType.CompleteRange => ReadRanges(file, header, path, damage),
            _ => throw new DumpFormatException(
                $"{path}: dump type {(uint)header.DumpType} at offset 0x{(header.Is64Bit ? 0xf98 : 0xf88):x} is not known"),
        };
        if (map.PageCount == 0)
            throw new DumpFormatException($"{path}: the dump holds no page of memory");
        if (map.EndOffset > (ulong)file.Length)
        {
            ulong missing = (map.EndOffset - (ulong)file.Length + PageMap.PageSize - 1) / PageMap.PageSize;
            damage.Add($"truncated: the file ends at 0x{file.Length:x}, its pages at 0x{map.EndOffset:x}: " +
                $"{missing:N0} of {map.PageCount:N0} pages are missing");
        }
        return map;
    }

    private static RunPageMap ReadRuns(DumpFile file, DumpHeader header, string path, List<string> damage)
    {
        if (header.Runs.Length == 0)
            throw new DumpFormatException(
                $"{path}: damaged: the physical memory block at offset 0x{(header.Is64Bit ? 0x88 : 0x64):x} has no runs");
        return new RunPageMap(header.Runs, header.Size, file.Length, damage);
    }

    private static BitmapPageMap ReadBitmap(DumpFile file, DumpHeader header, string path, List<string> damage)
    {
        ReadOnlySpan<byte> b = Second(file, header, path, 0x38);
        uint signature = U32(b, 0);
        if ((signature != SignatureSdmp && signature != SignatureFdmp) || U32(b, 4) != SignatureDump)
            throw new DumpFormatException($"{path}: damaged: no 'SDMP' or 'FDMP' at offset 0x{header.Size:x}");
        return Bitmap(file, path, header.Size + 0x38, U64(b, 0x30), U64(b, 0x20), damage);
    }

    private static BitmapPageMap ReadSummary(DumpFile file, DumpHeader header, string path, List<string> damage)
    {
        ReadOnlySpan<byte> b = Second(file, header, path, 0x28);
        if (U32(b, 0) != SignatureSdmp || U32(b, 4) != SignatureDump)
            throw new DumpFormatException($"{path}: damaged: no 'SDMP' at offset 0x{header.Size:x}");
        return Bitmap(file, path, header.Size + (header.Is64Bit ? 0x28 : 0x20), U32(b, 0x10), U32(b, 0xc), damage);
    }

    private static BitmapPageMap Bitmap(
        DumpFile file, string path, long bitmapOffset, ulong bits, ulong firstPage, List<string> damage)
    {
        if (firstPage > (ulong)file.Length || firstPage < (ulong)bitmapOffset)
            throw new DumpFormatException(
                $"{path}: damaged or truncated: the first page would be at 0x{firstPage:x} of 0x{file.Length:x} bytes");
        return new BitmapPageMap(file, bitmapOffset, bits, (long)firstPage, damage);
    }

    private static RunPageMap ReadRanges(DumpFile file, DumpHeader header, string path, List<string> damage)
    {
        ReadOnlySpan<byte> b = Second(file, header, path, 0x30);
        if (U32(b, 4) != SignatureRdmp || U32(b, 8) != SignatureDump)
            throw new DumpFormatException($"{path}: damaged: no 'RDMP' at offset 0x{header.Size + 4:x}");
        ulong firstPage = U64(b, 0x18);
        ulong count = U64(b, 0x20);
        if (firstPage > (ulong)file.Length || firstPage < (ulong)header.Size + 0x30)
            throw new DumpFormatException(
                $"{path}: damaged or truncated: the first page would be at 0x{firstPage:x} of 0x{file.Length:x} bytes");
        ulong room = (firstPage - (ulong)header.Size - 0x30) / 16;
        if (count > room)
        {
            damage.Add($"{count:N0} page ranges are announced, the file has room for {room:N0}");
            count = room;
        }
        PageRun[] runs = new PageRun[count];
        for (int i = 0; i < runs.Length; i++)
        {
            ReadOnlySpan<byte> range = file.ReadBytes(header.Size + 0x30 + (long)i * 16, 16);
            runs[i] = new PageRun(U64(range, 0), U64(range, 8));
        }
        return new RunPageMap(runs, (long)firstPage, file.Length, damage);
    }

    private static ReadOnlySpan<byte> Second(DumpFile file, DumpHeader header, string path, int size)
    {
        ReadOnlySpan<byte> bytes = file.ReadBytes(header.Size, size);
        if (bytes.Length < size)
            throw new DumpFormatException(
                $"{path}: truncated: the file ends at 0x{file.Length:x}, inside the second header at 0x{header.Size:x}");
        return bytes;
    }

    private static uint U32(ReadOnlySpan<byte> b, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(b[offset..]);

    private static ulong U64(ReadOnlySpan<byte> b, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(b[offset..]);
}
