using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;
using System.Text;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Linux.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>
/// Forged vmcores are what makedumpfile's IMPLEMENTATION.md and the ELF specification say, read here byte by byte without
/// the reader they are made for.
/// </summary>
public class LinuxVmcoreFileTests
{
    private const int Block = 4096;

    [Test]
    public void A_kdump_file_has_header_bitmaps_descriptors_and_pages([Values] VmcorePages pages)
    {
        ForgedVmcore core = Make(new VmcoreForm { Pages = pages });
        byte[] file = core.Bytes;

        Assert.That(Encoding.ASCII.GetString(file, 0, 8), Is.EqualTo("KDUMP   "));
        Assert.That(Int32(file, 8), Is.EqualTo(6));
        Assert.That(Text(file, 12), Is.EqualTo("Linux"));
        Assert.That(Text(file, 12 + 4 * 65), Is.EqualTo("x86_64"));
        Assert.That(Int32(file, 428), Is.EqualTo(Block));
        Assert.That(Int32(file, 460), Is.EqualTo(core.Machine.Options.Processors));
        Assert.That(UInt64(file, Block), Is.EqualTo((ulong)core.Machine.Memory.PhysBase));
        Dictionary<ulong, byte[]> found = Pages(file, out HashSet<int> flags);
        Assert.That(found, Has.Count.EqualTo(core.Machine.Memory.Physical.Pages.Count));
        foreach ((ulong pfn, byte[] content) in core.Machine.Memory.Physical.Pages)
            Assert.That(found[pfn].AsSpan().SequenceEqual(content), $"page {pfn:x}");
        Assert.That(flags, Does.Contain(pages == VmcorePages.Zlib ? 1 : 0));
        Assert.That(flags.Contains(1), Is.EqualTo(pages == VmcorePages.Zlib));
    }

    [Test]
    public void A_small_machine_is_a_small_file() => Assert.That(Make(new VmcoreForm()).Bytes, Has.Length.LessThan(200_000));

    [Test]
    public void Two_files_of_one_scenario_are_equal() =>
        Assert.That(Make(new VmcoreForm()).Bytes.AsSpan().SequenceEqual(Make(new VmcoreForm()).Bytes));

    [Test]
    public void The_notes_hold_a_status_of_each_processor_and_the_text()
    {
        ForgedVmcore core = Make(new VmcoreForm());
        byte[] file = core.Bytes;
        List<(string Name, int Type, byte[] Content)> notes = Notes(file);

        Assert.That(notes.Select(note => (note.Name, note.Type, note.Content.Length)).Take(2),
            Is.EqualTo(new[] { ("CORE", 1, 336), ("CORE", 1, 336) }));
        Assert.That(notes[2].Name, Is.EqualTo("VMCOREINFO"));
        string info = Encoding.UTF8.GetString(notes[2].Content);
        Assert.That(info, Does.StartWith("OSRELEASE=6.1.0-99-forged-amd64\nBUILD-ID="));
        Assert.That(info, Does.Contain($"SYMBOL(init_uts_ns)={core.Machine.Symbols["init_uts_ns"]:x}\n"));
        int at = (int)UInt64(file, Block + 32), length = (int)UInt64(file, Block + 40);
        Assert.That(Encoding.UTF8.GetString(file, at, length), Is.EqualTo(info));
        // rip is the 17th register of NT_PRSTATUS.
        Assert.That(UInt64(notes[0].Content, 112 + 16 * 8), Is.EqualTo(core.Tasks[0].Frames[0].Address));
    }

    [Test]
    public void Without_the_note_the_text_lies_in_a_page()
    {
        ForgedVmcore core = Make(new VmcoreForm { HasVmcoreInfo = false });

        Assert.That(UInt64(core.Bytes, Block + 40), Is.Zero);
        IEnumerable<byte[]> pages = core.Machine.Memory.Physical.Pages.Select(page => page.Value);
        Assert.That(pages.Count(page => page.AsSpan().StartsWith("OSRELEASE="u8)), Is.EqualTo(1));
    }

    [Test]
    public void Headers_of_QEMU_have_no_names_and_a_wrong_base()
    {
        ForgedVmcore core = Make(new VmcoreForm { IsFromQemu = true });
        byte[] file = core.Bytes;

        Assert.That((Text(file, 12), Text(file, 12 + 2 * 65), Text(file, 12 + 4 * 65)), Is.EqualTo(("", "", "x86_64")));
        long truth = core.Machine.Memory.PhysBase, wrong = (long)UInt64(file, Block);
        Assert.That(Math.Abs(wrong).ToString("x"), Is.EqualTo(Math.Abs(truth).ToString()));
        List<(string Name, int Type, byte[] Content)> notes = Notes(file);
        Assert.That(notes.Take(2).Select(note => Int32(note.Content, 32)), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(notes.Count(note => note.Name == "QEMU"), Is.EqualTo(2));
    }

    [Test]
    public void The_records_of_a_flattened_file_make_the_plain_one()
    {
        byte[] plain = Make(new VmcoreForm()).Bytes, flat = Make(new VmcoreForm { Kind = VmcoreKind.Flattened }).Bytes;
        byte[] rebuilt = new byte[plain.Length];

        Assert.That(Encoding.ASCII.GetString(flat, 0, 13), Is.EqualTo("makedumpfile\0"));
        Assert.That((BinaryPrimitives.ReadInt64BigEndian(flat.AsSpan(16)),
            BinaryPrimitives.ReadInt64BigEndian(flat.AsSpan(24))),
            Is.EqualTo((1L, 1L)));
        int at = 4096;
        for (;;)
        {
            long offset = BinaryPrimitives.ReadInt64BigEndian(flat.AsSpan(at));
            long size = BinaryPrimitives.ReadInt64BigEndian(flat.AsSpan(at + 8));
            if (offset < 0)
                break;
            flat.AsSpan(at + 16, (int)size).CopyTo(rebuilt.AsSpan((int)offset));
            at += 16 + (int)size;
        }
        Assert.That(rebuilt.AsSpan().SequenceEqual(plain));
        Assert.That(flat, Has.Length.GreaterThan(at + 16));
    }

    [Test]
    public void The_segments_of_an_ELF_core_are_the_pages()
    {
        ForgedVmcore core = Make(new VmcoreForm { Kind = VmcoreKind.Elf });
        byte[] file = core.Bytes;
        Dictionary<ulong, byte[]> found = [];

        Assert.That(file.AsSpan(0, 7).SequenceEqual((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]));
        int headers = (int)UInt64(file, 32), count = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(56));
        for (int i = 0; i < count; i++)
        {
            int segment = headers + 56 * i, size = (int)UInt64(file, segment + 32), data = (int)UInt64(file, segment + 8);
            if (Int32(file, segment) == 4)
                Assert.That(Notes(file, data, size).Select(note => note.Name), Does.Contain("VMCOREINFO"));
            else
                for (int page = 0; page < size; page += Block)
                    found[(UInt64(file, segment + 24) + (ulong)page) / Block] = file[(data + page)..(data + page + Block)];
        }
        Assert.That(found, Has.Count.EqualTo(core.Machine.Memory.Physical.Pages.Count));
        foreach ((ulong pfn, byte[] content) in core.Machine.Memory.Physical.Pages)
            Assert.That(found[pfn].AsSpan().SequenceEqual(content), $"page {pfn:x}");
    }

    [Test]
    public void The_parts_of_a_split_dump_hold_each_page_once()
    {
        LinuxMachine machine = Make(new VmcoreForm()).Machine;
        List<ulong> pages = [];
        ulong next = 0;
        foreach (byte[] part in VmcoreFile.Split(machine, 3))
        {
            Assert.That(Int32(part, Block + 12), Is.EqualTo(1));
            ulong first = UInt64(part, Block + 80), end = UInt64(part, Block + 88);
            Assert.That(first, Is.EqualTo(next));
            Dictionary<ulong, byte[]> found = Pages(part, out _);
            Assert.That(found.Keys, Is.All.InRange(first, end - 1));
            pages.AddRange(found.Keys);
            next = end;
        }
        Assert.That(pages, Is.EquivalentTo(machine.Memory.Physical.Pages.Select(page => page.Key)));
    }

    private static ForgedVmcore Make(VmcoreForm form) => ForgedVmcore.Make("mutex-deadlock", LinuxLayout.Linux61, form);

    /// <summary>Pages of a kdump file by number, unpacked.</summary>
    private static Dictionary<ulong, byte[]> Pages(byte[] file, out HashSet<int> flags)
    {
        int bitmap = Block * (1 + Int32(file, 432)), half = Int32(file, 436) * Block / 2, descriptor = bitmap + 2 * half;
        Dictionary<ulong, byte[]> pages = [];
        flags = [];
        int set = 0;
        foreach (byte value in file.AsSpan(bitmap + half, half))
            set += BitOperations.PopCount(value);
        for (int pfn = 0; pfn < half * 8; pfn++)
        {
            if ((file[bitmap + half + pfn / 8] >> pfn % 8 & 1) == 0)
                continue;
            Assert.That(file[bitmap + pfn / 8] >> pfn % 8 & 1, Is.EqualTo(1), "a dumped page is a valid one");
            byte[] stored = file.AsSpan((int)UInt64(file, descriptor), Int32(file, descriptor + 8)).ToArray();
            flags.Add(Int32(file, descriptor + 12));
            pages.Add((ulong)pfn, Int32(file, descriptor + 12) == 1 ? Inflate(stored) : stored);
            descriptor += 24;
        }
        Assert.That(pages, Has.Count.EqualTo(set));
        Assert.That(pages.Values.Select(page => page.Length), Is.All.EqualTo(Block));
        return pages;
    }

    private static byte[] Inflate(byte[] bytes)
    {
        using ZLibStream zlib = new(new MemoryStream(bytes), CompressionMode.Decompress);
        using MemoryStream plain = new();
        zlib.CopyTo(plain);
        return plain.ToArray();
    }

    private static List<(string Name, int Type, byte[] Content)> Notes(byte[] file) =>
        Notes(file, (int)UInt64(file, Block + 48), (int)UInt64(file, Block + 56));

    private static List<(string Name, int Type, byte[] Content)> Notes(byte[] file, int at, int size)
    {
        List<(string, int, byte[])> notes = [];
        for (int end = at + size; at + 12 <= end;)
        {
            int name = Int32(file, at), content = Int32(file, at + 4), data = at + 12 + (name + 3 & ~3);
            notes.Add((Encoding.ASCII.GetString(file, at + 12, name - 1), Int32(file, at + 8),
                file[data..(data + content)]));
            at = data + (content + 3 & ~3);
        }
        return notes;
    }

    private static int Int32(byte[] file, int at) => BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at));

    private static ulong UInt64(byte[] file, int at) => BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at));

    private static string Text(byte[] file, int at) => Encoding.ASCII.GetString(file, at, 65).Split('\0')[0];
}
