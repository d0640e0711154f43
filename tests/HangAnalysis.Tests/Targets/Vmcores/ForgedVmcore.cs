using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace HangAnalysis.Tests.Targets.Vmcores;

/// <summary>A small vmcore made of bytes: pages, notes and VMCOREINFO, written as each container has them.</summary>
/// <remarks>Offsets: makedumpfile's diskdump_mod.h, elf(5); struct elf_prstatus of x86-64.</remarks>
internal sealed class ForgedVmcore
{
    public const int PageSize = 4096;

    /// <summary>Pages by number.</summary>
    public SortedDictionary<ulong, byte[]> Pages { get; } = [];

    /// <summary>VMCOREINFO; null for none.</summary>
    public string? Info { get; set; } = "";

    /// <summary>Whether VMCOREINFO is a note and not only named by the sub header.</summary>
    public bool InfoIsNote { get; set; } = true;

    /// <summary>Registers of the processors, 27 each in the order of pr_reg.</summary>
    public List<(uint Pid, ulong[] Registers)> Processors { get; } = [];

    public int Version { get; set; } = 6;

    public int BlockSize { get; set; } = PageSize;

    public uint Status { get; set; } = 1;

    public string Machine { get; set; } = "x86_64";

    public string Release { get; set; } = "6.1.0-forged";

    public long Time { get; set; } = 1_700_000_000;

    public ulong HeaderPhysicalBase { get; set; }

    /// <summary>First page and the one behind the last, of a part of a split dump.</summary>
    public (ulong Start, ulong End)? Part { get; set; }

    /// <summary>Packs a page; null stores it.</summary>
    public Func<byte[], (uint Flags, byte[] Bytes)?> Pack { get; set; } = PackZlib;

    /// <summary>One more than the highest page of the bitmaps.</summary>
    public ulong EndPage => (Pages.Count == 0 ? 0 : Pages.Keys.Last() * PageSize / (ulong)BlockSize + 1 + 7) & ~7UL;

    public static (uint Flags, byte[] Bytes)? PackZlib(byte[] page)
    {
        using MemoryStream packed = new();
        using (ZLibStream stream = new(packed, CompressionLevel.Fastest, leaveOpen: true))
            stream.Write(page);
        return packed.Length < page.Length ? (1, packed.ToArray()) : null;
    }

    /// <summary>The page of a physical address; made where there is none.</summary>
    public byte[] Page(ulong address)
    {
        if (!Pages.TryGetValue(address / PageSize, out byte[]? page))
            Pages.Add(address / PageSize, page = new byte[PageSize]);
        return page;
    }

    public void Put(ulong address, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(Page(address).AsSpan((int)(address % PageSize)), value);

    public void Put(ulong address, string text) =>
        Encoding.ASCII.GetBytes(text).CopyTo(Page(address).AsSpan((int)(address % PageSize)));

    /// <summary>The kdump-compressed file.</summary>
    public byte[] ToKdump()
    {
        int bitmapBytes = (int)(EndPage + 7) / 8;
        int bitmapBlocks = 2 * ((bitmapBytes + BlockSize - 1) / BlockSize);
        byte[] notes = Notes();
        byte[] info = Encoding.ASCII.GetBytes(Info ?? "");
        const int NotesOffset = 0x200;
        int subBlocks = (NotesOffset + notes.Length + info.Length + BlockSize - 1) / BlockSize;
        int bitmaps = BlockSize * (1 + subBlocks);
        int table = bitmaps + bitmapBlocks * BlockSize;
        byte[] head = new byte[table];
        "KDUMP   "u8.CopyTo(head);
        Int32(head, 8, Version);
        Name(head, 2, Release);
        Name(head, 4, Machine);
        Int64(head, 408, (ulong)Time);
        Int32(head, 424, (int)Status);
        Int32(head, 428, BlockSize);
        Int32(head, 432, subBlocks);
        Int32(head, 436, bitmapBlocks);
        Int32(head, 440, (int)EndPage);
        Int32(head, 460, Processors.Count);
        Span<byte> sub = head.AsSpan(BlockSize);
        Int64(sub, 0, HeaderPhysicalBase);
        if (Part is { } range)
        {
            Int32(sub, 12, 1);
            Int64(sub, 16, range.Start);
            Int64(sub, 24, range.End);
            Int64(sub, 80, range.Start);
            Int64(sub, 88, range.End);
        }
        Int64(sub, 32, info.Length == 0 ? 0 : (ulong)(BlockSize + NotesOffset + notes.Length));
        Int64(sub, 40, (ulong)info.Length);
        Int64(sub, 48, (ulong)(BlockSize + NotesOffset));
        Int64(sub, 56, (ulong)notes.Length);
        Int64(sub, 96, Version >= 6 ? EndPage : 0);
        notes.CopyTo(sub[NotesOffset..]);
        info.CopyTo(sub[(NotesOffset + notes.Length)..]);
        SortedDictionary<ulong, byte[]> blocks = Blocks();
        foreach (ulong block in blocks.Keys)
            foreach (int bitmap in (ReadOnlySpan<int>)[bitmaps, bitmaps + bitmapBlocks * BlockSize / 2])
                head[bitmap + (int)block / 8] |= (byte)(1 << ((int)block % 8));
        (ulong start, ulong end) = Part ?? (0, ulong.MaxValue);
        List<byte[]> inFile = [.. blocks.Where(b => b.Key >= start && b.Key < end).Select(b => b.Value)];
        using MemoryStream file = new();
        using MemoryStream data = new();
        file.Write(head);
        byte[] entry = new byte[24];
        foreach (byte[] block in inFile)
        {
            (uint flags, byte[] bytes) = Pack(block) ?? (0, block);
            Int64(entry, 0, (ulong)(table + inFile.Count * entry.Length + data.Length));
            Int32(entry, 8, bytes.Length);
            Int32(entry, 12, (int)flags);
            file.Write(entry);
            data.Write(bytes);
        }
        data.WriteTo(file);
        return file.ToArray();
    }

    /// <summary>An ELF core with a segment for each run of pages.</summary>
    /// <param name="leftOut">Bytes of memory behind the last segment that are not in the file.</param>
    /// <param name="extendedNumber">Whether the number of segments stands in a section header.</param>
    public byte[] ToElf(ulong leftOut = 0, bool extendedNumber = false)
    {
        List<(ulong Start, List<byte[]> Pages)> runs = [];
        foreach ((ulong number, byte[] page) in Pages)
        {
            if (runs.Count == 0 || runs[^1].Start + (ulong)runs[^1].Pages.Count != number)
                runs.Add((number, []));
            runs[^1].Pages.Add(page);
        }
        byte[] notes = Notes();
        int count = runs.Count + 1;
        int section = 64 + 56 * count;
        int position = section + 64;
        byte[] head = new byte[position];
        ((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(head);
        head[16] = 4;
        head[18] = 62;
        Int64(head, 32, 64);
        Int64(head, 40, extendedNumber ? (ulong)section : 0);
        head[54] = 56;
        BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(56), extendedNumber ? (ushort)0xffff : (ushort)count);
        Int32(head, section + 44, count);
        ProgramHeader(head.AsSpan(64), 4, position, 0, (ulong)notes.Length, 0);
        using MemoryStream file = new();
        position += notes.Length;
        for (int i = 0; i < runs.Count; i++)
        {
            ulong size = (ulong)runs[i].Pages.Count * PageSize;
            ProgramHeader(head.AsSpan(64 + 56 * (i + 1)), 1, position, runs[i].Start * PageSize, size,
                size + (i == runs.Count - 1 ? leftOut : 0));
            position += (int)size;
        }
        file.Write(head);
        file.Write(notes);
        foreach ((ulong _, List<byte[]> pages) in runs)
            foreach (byte[] page in pages)
                file.Write(page);
        return file.ToArray();
    }

    /// <summary>
    /// Packs a file as makedumpfile -F does; records of some size, and others that come first and are replaced.
    /// </summary>
    public static byte[] Flatten(byte[] file, int recordSize, params (long Offset, byte[] Bytes)[] before)
    {
        using MemoryStream flat = new();
        byte[] header = new byte[4096];
        "makedumpfile"u8.CopyTo(header);
        header[23] = 1;
        header[31] = 1;
        flat.Write(header);
        foreach ((long offset, byte[] bytes) in before)
            Record(flat, offset, bytes);
        for (int offset = 0; offset < file.Length; offset += recordSize)
            Record(flat, offset, file.AsSpan(offset, Math.Min(recordSize, file.Length - offset)));
        Record(flat, -1, default);
        return flat.ToArray();
    }

    private static void Record(MemoryStream flat, long offset, ReadOnlySpan<byte> bytes)
    {
        byte[] header = new byte[16];
        BinaryPrimitives.WriteInt64BigEndian(header, offset);
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(8), bytes.Length);
        flat.Write(header);
        flat.Write(bytes);
    }

    private SortedDictionary<ulong, byte[]> Blocks()
    {
        SortedDictionary<ulong, byte[]> blocks = [];
        foreach ((ulong number, byte[] page) in Pages)
        {
            ulong address = number * PageSize;
            if (!blocks.TryGetValue(address / (ulong)BlockSize, out byte[]? block))
                blocks.Add(address / (ulong)BlockSize, block = new byte[BlockSize]);
            page.CopyTo(block, (int)(address % (ulong)BlockSize));
        }
        return blocks;
    }

    private byte[] Notes()
    {
        using MemoryStream notes = new();
        foreach ((uint pid, ulong[] registers) in Processors)
        {
            byte[] status = new byte[336];
            Int32(status, 32, (int)pid);
            for (int i = 0; i < registers.Length; i++)
                Int64(status, 112 + i * 8, registers[i]);
            Note(notes, "CORE", 1, status);
        }
        if (Info is not null && InfoIsNote)
            Note(notes, "VMCOREINFO", 0, Encoding.ASCII.GetBytes(Info));
        return notes.ToArray();
    }

    private static void Note(MemoryStream notes, string name, int type, byte[] content)
    {
        byte[] header = new byte[12];
        Int32(header, 0, name.Length + 1);
        Int32(header, 4, content.Length);
        Int32(header, 8, type);
        notes.Write(header);
        notes.Write(Padded(Encoding.ASCII.GetBytes(name + "\0")));
        notes.Write(Padded(content));
    }

    private static byte[] Padded(byte[] bytes) => [.. bytes, .. new byte[-bytes.Length & 3]];

    private static void ProgramHeader(Span<byte> entry, int type, int position, ulong address, ulong size, ulong inMemory)
    {
        Int32(entry, 0, type);
        Int64(entry, 8, (ulong)position);
        Int64(entry, 24, address);
        Int64(entry, 32, size);
        Int64(entry, 40, inMemory);
    }

    private static void Name(byte[] head, int index, string name) =>
        Encoding.ASCII.GetBytes(name).CopyTo(head, 12 + 65 * index);

    private static void Int32(Span<byte> bytes, int offset, int value) =>
        BinaryPrimitives.WriteInt32LittleEndian(bytes[offset..], value);

    private static void Int64(Span<byte> bytes, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[offset..], value);
}
