using System.Buffers.Binary;
using HangAnalysis.DumpForge.Linux.Systems;
using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Linux.Files;

/// <summary>Writes a machine as a vmcore.</summary>
public static class VmcoreFile
{
    public static byte[] ToBytes(LinuxMachine machine, VmcoreForm? form = null)
    {
        using MemoryStream stream = new();
        Write(machine, stream, form);
        return stream.ToArray();
    }

    public static void Write(LinuxMachine machine, Stream stream, VmcoreForm? form = null)
    {
        machine.Complete();
        form ??= new VmcoreForm();
        switch (form.Kind)
        {
            case VmcoreKind.Elf:
                WriteElf(machine, stream, form);
                break;
            case VmcoreKind.Flattened:
                using (MemoryStream plain = new())
                {
                    new KdumpFile(machine, form).Write(plain);
                    Flatten(plain.GetBuffer().AsSpan(0, (int)plain.Length), stream);
                }
                break;
            default:
                new KdumpFile(machine, form).Write(stream);
                break;
        }
    }

    /// <summary>Writes a dump in parts of about equal numbers of pages (makedumpfile --split).</summary>
    public static IReadOnlyList<byte[]> Split(LinuxMachine machine, int parts, VmcoreForm? form = null)
    {
        machine.Complete();
        ulong[] numbers = [.. machine.Memory.Physical.Pages.Select(page => page.Key)];
        List<byte[]> result = [];
        ulong first = 0;
        for (int i = 0; i < parts; i++)
        {
            ulong end = i == parts - 1 ? machine.Memory.RamBytes / 4096 : numbers[numbers.Length * (i + 1) / parts];
            using MemoryStream stream = new();
            new KdumpFile(machine, form ?? new VmcoreForm()).Write(stream, first, end);
            result.Add(stream.ToArray());
            first = end;
        }
        return result;
    }

    /// <summary>
    /// The flattened form: big-endian offset and size before each piece, the first piece written twice because the header
    /// is written again when all is known, and an end mark with bytes behind it that mean nothing.
    /// </summary>
    public static void Flatten(ReadOnlySpan<byte> plain, Stream stream)
    {
        const int Header = 4096, Piece = 70_000;
        byte[] header = new byte[Header];
        "makedumpfile"u8.CopyTo(header);
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(16), 1);
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(24), 1);
        stream.Write(header);
        byte[] stale = new byte[Header];
        "KDUMP   "u8.CopyTo(stale);
        Record(stream, 0, stale);
        for (int at = Header; at < plain.Length; at += Piece)
            Record(stream, at, plain[at..Math.Min(plain.Length, at + Piece)]);
        Record(stream, 0, plain[..Header]);
        Span<byte> end = stackalloc byte[16];
        end.Fill(0xff);
        stream.Write(end);
        stream.Write("behind the end"u8);
    }

    private static void Record(Stream stream, long at, ReadOnlySpan<byte> bytes)
    {
        Span<byte> head = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(head, at);
        BinaryPrimitives.WriteInt64BigEndian(head[8..], bytes.Length);
        stream.Write(head);
        stream.Write(bytes);
    }

    // ELF64 core of x86-64: a note and a load segment for each stretch of pages.
    private static void WriteElf(LinuxMachine machine, Stream stream, VmcoreForm form)
    {
        const int HeaderSize = 64, SegmentSize = 56, Page = PhysicalMemory.PageSize;
        const uint Load = 1, Note = 4;
        byte[] notes = VmcoreNotes.Write(machine, form);
        IReadOnlyList<PageRun> runs = machine.Memory.Physical.Runs();
        ByteWriter file = new();
        file.Bytes([0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).Zero(9).U16(4).U16(62).U32(1).U64(0).U64(HeaderSize)
            .U64(0).U32(0).U16(HeaderSize).U16(SegmentSize).U16(runs.Count + 1).U16(0).U16(0).U16(0);
        ulong at = HeaderSize + (ulong)(SegmentSize * (runs.Count + 1));
        ulong data = (at + (ulong)notes.Length + Page - 1) / Page * Page;
        void Segment(uint type, ulong offset, ulong address, ulong physical, ulong size) =>
            file.U32(type).U32(7).U64(offset).U64(address).U64(physical).U64(size).U64(size).U64(0);
        Segment(Note, at, 0, 0, (ulong)notes.Length);
        foreach (PageRun run in runs)
        {
            Segment(Load, data, machine.Memory.DirectOf(run.First * Page), run.First * Page, run.Count * Page);
            data += run.Count * Page;
        }
        stream.Write(file.Bytes(notes).Align(Page).Written);
        foreach ((ulong _, byte[] page) in machine.Memory.Physical.Pages)
            stream.Write(page);
    }
}
