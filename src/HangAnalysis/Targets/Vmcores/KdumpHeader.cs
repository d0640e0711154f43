using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>Header and sub header of a kdump-compressed file of x86-64.</summary>
/// <remarks>
/// makedumpfile's diskdump_mod.h (struct disk_dump_header, struct kdump_sub_header), the same in QEMU's dump.h and
/// crash's diskdump.h. The sub header's phys_base is not taken: QEMU reads a decimal number as hexadecimal there.
/// </remarks>
internal sealed class KdumpHeader
{
    /// <summary>makedumpfile ran out of space (DUMP_DH_COMPRESSED_INCOMPLETE).</summary>
    private const uint IncompleteStatus = 8;

    private const int HeaderSize = 464;
    private const int SubHeaderSize = 104;
    private const int UtsNameOffset = 12;
    private const int UtsNameSize = 65;
    private const int SmallestBlock = 4096;
    private const int LargestBlock = 64 * 1024;

    private KdumpHeader() { }

    /// <summary>Version of the format: fields came with later ones.</summary>
    public required int Version { get; init; }

    /// <summary>Size of a page and of the unit in which the file's parts are counted.</summary>
    public required int BlockSize { get; init; }

    /// <summary>Where the bitmap of the pages that the file holds begins: the second of two.</summary>
    public required long BitmapOffset { get; init; }

    /// <summary>Where the page table begins.</summary>
    public required long PageTableOffset { get; init; }

    /// <summary>Pages that the bitmap tells of.</summary>
    public required ulong PageCount { get; init; }

    /// <summary>Number of processors as the header has it.</summary>
    public required int ProcessorCount { get; init; }

    /// <summary>Whether makedumpfile ran out of space.</summary>
    public required bool IsIncomplete { get; init; }

    /// <summary>When the dump was taken; null where the header has 0 (QEMU).</summary>
    public required DateTimeOffset? Time { get; init; }

    /// <summary>Release of the kernel by utsname; empty in QEMU's files.</summary>
    public required string Release { get; init; }

    /// <summary>What makedumpfile's -d left out, as its bits.</summary>
    public required int DumpLevel { get; init; }

    /// <summary>First page and the one behind the last of this part of a split dump; null of a whole dump.</summary>
    public required (ulong Start, ulong End)? Part { get; init; }

    /// <summary>Offset and size of VMCOREINFO, 0 where absent.</summary>
    public required (long Offset, long Size) VmcoreInfo { get; init; }

    /// <summary>Offset and size of the ELF notes, 0 where absent.</summary>
    public required (long Offset, long Size) Notes { get; init; }

    /// <summary>
    /// Reads and checks the headers; throws <see cref="DumpFormatException"/> where no page can be found by them.
    /// </summary>
    public static KdumpHeader Read(IFileBytes file, string path)
    {
        byte[] header = new byte[HeaderSize];
        if (file.Read(0, header) < HeaderSize)
            throw new DumpFormatException($"{path}: the file ends inside the header of a vmcore (0x{file.Length:x} bytes)");
        int version = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
        string machine = UtsName(header, 4);
        if (machine.Length > 0 && machine != "x86_64")
            throw new DumpFormatException($"{path}: a vmcore of {machine}; only x86_64 can be read");
        if (version is < 0 or > 0xffff)
            throw new DumpFormatException((version & 0xffff) == 0
                ? $"{path}: a vmcore of a big-endian machine; only x86_64 can be read"
                : $"{path}: the header's version is {version}");
        int blockSize = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(428));
        if (blockSize is < SmallestBlock or > LargestBlock || (blockSize & (blockSize - 1)) != 0)
            throw new DumpFormatException($"{path}: the header's block size is {blockSize}");
        long subBlocks = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(432));
        long bitmapBlocks = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(436));
        long bitmaps = (1 + subBlocks) * blockSize;
        // A part without a page may end inside its bitmaps.
        if (bitmaps + bitmapBlocks * blockSize / 2 >= file.Length || bitmapBlocks == 0)
            throw new DumpFormatException($"{path}: the header names {subBlocks} + {bitmapBlocks} blocks of sub header and "
                + $"bitmaps; the file has 0x{file.Length:x} bytes");
        byte[] sub = new byte[SubHeaderSize];
        if (subBlocks > 0)
            file.Read(blockSize, sub);
        long bitmapSize = bitmapBlocks * blockSize / 2;
        return new KdumpHeader
        {
            Version = version,
            BlockSize = blockSize,
            BitmapOffset = bitmaps + bitmapSize,
            PageTableOffset = bitmaps + bitmapBlocks * blockSize,
            PageCount = Math.Min(ReadPageCount(header, sub, version, path), (ulong)bitmapSize * 8),
            ProcessorCount = Math.Clamp(
                BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(460)), 0, VmcoreLimits.Processors),
            IsIncomplete = (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(424)) & IncompleteStatus) != 0,
            Time = ToTime(BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(408))),
            Release = UtsName(header, 2),
            DumpLevel = BinaryPrimitives.ReadInt32LittleEndian(sub.AsSpan(8)),
            Part = ReadPart(sub, version),
            VmcoreInfo = version >= 3 ? ReadRange(sub, 32) : default,
            Notes = version >= 4 ? ReadRange(sub, 48) : default,
        };
    }

    /// <summary>Seconds since 1970 as a time; null for 0 and for what is no time.</summary>
    public static DateTimeOffset? ToTime(long seconds) =>
        seconds > 0 && seconds <= uint.MaxValue ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;

    private static ulong ReadPageCount(byte[] header, byte[] sub, int version, string path)
    {
        // The 32-bit field is all ones or cut off where version 6 has a field of 64 bits.
        ulong pages = version >= 6 ? BinaryPrimitives.ReadUInt64LittleEndian(sub.AsSpan(96)) : 0;
        if (pages == 0)
            pages = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(440));
        return pages <= VmcoreLimits.Pages
            ? pages
            : throw new DumpFormatException($"{path}: the header names 0x{pages:x} pages, more than any system has");
    }

    private static (ulong Start, ulong End)? ReadPart(byte[] sub, int version)
    {
        if (version < 2 || BinaryPrimitives.ReadInt32LittleEndian(sub.AsSpan(12)) == 0)
            return null;
        int offset = version >= 6 ? 80 : 16;
        return (BinaryPrimitives.ReadUInt64LittleEndian(sub.AsSpan(offset)),
            BinaryPrimitives.ReadUInt64LittleEndian(sub.AsSpan(offset + 8)));
    }

    private static (long Offset, long Size) ReadRange(byte[] sub, int offset) =>
        (BinaryPrimitives.ReadInt64LittleEndian(sub.AsSpan(offset)),
            BinaryPrimitives.ReadInt64LittleEndian(sub.AsSpan(offset + 8)));

    /// <summary>
    /// A name of struct new_utsname (sysname, nodename, release, version, machine, domainname) without oddities.
    /// </summary>
    private static string UtsName(byte[] header, int index)
    {
        ReadOnlySpan<byte> bytes = header.AsSpan(UtsNameOffset + index * UtsNameSize, UtsNameSize);
        int end = bytes.IndexOf((byte)0);
        bytes = bytes[..Math.Max(end, 0)];
        return bytes.ContainsAnyExceptInRange((byte)' ', (byte)'~') ? "" : Encoding.ASCII.GetString(bytes);
    }
}
