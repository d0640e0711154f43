using System.Buffers.Binary;
using HangAnalysis.DumpForge.Dumps;
using HangAnalysis.DumpForge.Memory;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;
using DumpHeader = HangAnalysis.DumpForge.Dumps.DumpHeader;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Dumps;

/// <summary>Dumps that hold pages, in every kind and with every sort of page: what was written is what is read.</summary>
public class PagedDumpTests
{
    private const ulong ListHead = 0xfffff803_00000100;
    private const ulong KernelData = 0xffffab06_00000000;
    private const ulong LargeData = 0xffffab07_00200000;
    private const ulong HugeData = 0xffffab08_40000000;
    private const ulong Transitional = 0xffffab09_00000000;
    private const ulong UserData = 0x00007ff6_00010000;
    private const ulong Absent = 0xffffab0a_00000000;

    private static readonly string[] s_kinds = ["full", "summary2", "bitmap5", "bitmap6", "range8", "range9", "range10"];

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("hangwhy-dumps-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCaseSource(nameof(s_kinds))]
    public void Every_kind_of_page_is_read_in_every_kind_of_dump(string kind)
    {
        (string path, ulong processTables) = Forge(kind, levels: 4);

        using KernelDumpTarget target = KernelDumpTarget.Open(path);

        AssertContent(target, processTables);
    }

    [Test]
    public void Five_levels_of_page_tables_are_found_out_by_trying()
    {
        (string path, ulong processTables) = Forge("full", levels: 5);

        using KernelDumpTarget target = KernelDumpTarget.Open(path);

        AssertContent(target, processTables);
    }

    [Test]
    public void A_read_stops_at_the_first_page_that_is_absent()
    {
        (string path, _) = Forge("full", levels: 4);
        using KernelDumpTarget target = KernelDumpTarget.Open(path);
        byte[] buffer = new byte[0x2000];

        Assert.That(target.KernelMemory.Read(KernelData + 0xf00, buffer), Is.EqualTo(0x100));
    }

    [Test]
    public void A_transition_page_with_inverted_high_bits_is_read_too()
    {
        PhysicalMemory memory = new();
        AddressSpace kernel = NewKernel(memory, levels: 4);
        kernel.Write(Transitional, "moved"u8);
        ulong pfn = kernel.Translate(Transitional)!.Value >> 12;
        const ulong Transition = 0x800;
        const ulong InvertedBit = 1UL << 45;
        kernel.Unmap(Transitional, pfn << 12 | Transition | InvertedBit);
        string path = Write("full", memory, kernel);

        using KernelDumpTarget target = KernelDumpTarget.Open(path);

        byte[] text = new byte[5];
        Assert.That(target.KernelMemory.TryRead(Transitional, text), Is.True);
        Assert.That(text, Is.EqualTo("moved"u8.ToArray()));
    }

    [Test]
    public void A_truncated_dump_says_how_many_pages_are_missing_and_reads_the_rest()
    {
        (string path, _) = Forge("full", levels: 4);
        long length = new FileInfo(path).Length;
        using (FileStream file = File.OpenWrite(path))
            file.SetLength(length - 3 * 0x1000);

        using KernelDumpTarget target = KernelDumpTarget.Open(path);

        Assert.That(target.Description.Damage, Has.Some.Contains("3 of").And.Contains("pages are missing"));
    }

    [Test]
    public void A_run_of_2_to_the_63_pages_is_left_out_and_told()
    {
        (string path, _) = Forge("full", levels: 4);
        Patch(path, 0xa0, 1UL << 63);

        Assert.That(() => KernelDumpTarget.Open(path), Throws.TypeOf<DumpFormatException>().With.Message.Contains("no page"));
    }

    [TestCase(0, "", "is empty")]
    [TestCase(4, "\u007fELF", "an ELF file; is it a Linux vmcore?")]
    [TestCase(4096, "MDMP", "a user-mode minidump")]
    [TestCase(4096, "PK\u0003\u0004", "a ZIP archive")]
    [TestCase(0x1fff, "PAGEDU64", "the header needs 0x2000 bytes, the file has 0x1fff")]
    [TestCase(0x2000, "PAGEQQQQ", "'PAGE' is followed by")]
    public void A_foreign_or_cut_file_is_named_in_one_line(int length, string start, string expected)
    {
        string path = Path.Combine(_folder, "memory.dmp");
        byte[] bytes = new byte[length];
        for (int i = 0; i < start.Length; i++)
            bytes[i] = (byte)start[i];
        File.WriteAllBytes(path, bytes);

        DumpFormatException? error = Assert.Throws<DumpFormatException>(() => KernelDumpTarget.Open(path).Dispose());

        Assert.That(error!.Message, Does.Contain(expected).And.Not.Contain("\n"));
    }

    [Test]
    public void A_missing_file_and_a_folder_are_errors_of_one_line()
    {
        foreach (string path in new[] { Path.Combine(_folder, "none.dmp"), _folder })
        {
            DumpFormatException? error = Assert.Throws<DumpFormatException>(() => KernelDumpTarget.Open(path).Dispose());
            Assert.That(error!.Message, Does.StartWith(path).And.Not.Contain("\n"));
        }
    }

    private static void AssertContent(KernelDumpTarget target, ulong processTables)
    {
        Assert.Multiple(() =>
        {
            Assert.That(Text(target.KernelMemory, KernelData + 0xffd, 3), Is.EqualTo("end"));
            Assert.That(Text(target.KernelMemory, LargeData + 0x12345, 5), Is.EqualTo("large"));
            Assert.That(Text(target.KernelMemory, HugeData + 0x1234567, 4), Is.EqualTo("huge"));
            Assert.That(Text(target.KernelMemory, Transitional, 5), Is.EqualTo("moved"));
            Assert.That(Text(target.KernelMemory, Absent, 1), Is.Null);
            Assert.That(Text(target.KernelMemory, UserData, 4), Is.Null);
            Assert.That(Text(target.OpenAddressSpace(processTables), UserData, 4), Is.EqualTo("user"));
            Assert.That(Text(target.OpenAddressSpace(processTables), LargeData + 0x12345, 5), Is.EqualTo("large"));
        });
    }

    private static string? Text(IMemory memory, ulong address, int length)
    {
        byte[] bytes = new byte[length];
        return memory.TryRead(address, bytes) ? System.Text.Encoding.ASCII.GetString(bytes) : null;
    }

    private (string Path, ulong ProcessTables) Forge(string kind, int levels)
    {
        PhysicalMemory memory = new();
        AddressSpace kernel = NewKernel(memory, levels);
        kernel.Write(KernelData + 0xffd, "end"u8);
        kernel.MapLarge(LargeData);
        kernel.Write(LargeData + 0x12345, "large"u8);
        kernel.MapHuge(HugeData);
        kernel.Write(HugeData + 0x1234567, "huge"u8);
        kernel.Write(Transitional, "moved"u8);
        kernel.MakeTransition(Transitional);
        AddressSpace process = new(memory, kernel, levels);
        process.Write(UserData, "user"u8);
        return (Write(kind, memory, kernel), process.DirectoryTableBase);
    }

    private static AddressSpace NewKernel(PhysicalMemory memory, int levels)
    {
        AddressSpace kernel = new(memory, levels: levels);
        kernel.InitializeList(ListHead);
        return kernel;
    }

    private string Write(string kind, PhysicalMemory memory, AddressSpace kernel)
    {
        string path = Path.Combine(_folder, "memory.dmp");
        DumpHeader header = new()
        {
            MinorVersion = 19041, DirectoryTableBase = kernel.DirectoryTableBase, PsLoadedModuleList = ListHead,
            PsActiveProcessHead = ListHead,
        };
        using FileStream stream = File.Create(path);
        switch (kind)
        {
            case "full":
                PageDump.WriteFull(stream, header, memory);
                break;
            case "summary2":
                WriteSummary(stream, header, memory);
                break;
            case "bitmap5":
                PageDump.WriteBitmap(stream, header, memory, 5, "FDMP");
                break;
            case "bitmap6":
                PageDump.WriteBitmap(stream, header, memory, 6, "SDMP");
                break;
            default:
                PageDump.WriteRanges(stream, header, memory, uint.Parse(kind.AsSpan(5)));
                break;
        }
        return path;
    }

    /// <summary>
    /// The kernel dump of older systems (type 2): options, offset of the first page, bits, pages and bytes of the bitmap as
    /// 32-bit words, then the bitmap at +28.
    /// </summary>
    private static void WriteSummary(FileStream stream, DumpHeader header, PhysicalMemory memory)
    {
        const int FirstPage = 0x20000;
        uint bits = (uint)(memory.Pages.Max(p => p.Key) + 64) & ~63u;
        byte[] summary = new byte[FirstPage - 0x2000];
        "SDMPDUMP"u8.CopyTo(summary);
        uint[] words = [0, FirstPage, bits, (uint)memory.Pages.Count, bits / 8];
        for (int i = 0; i < words.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(summary.AsSpan(8 + i * 4), words[i]);
        foreach ((ulong pfn, _) in memory.Pages)
            summary[0x28 + (int)(pfn / 8)] |= (byte)(1 << (int)(pfn % 8));
        PageDump.WriteFull(stream, header, memory);
        stream.SetLength(0x2000);
        stream.Position = 0xf98;
        stream.WriteByte(2);
        stream.Position = 0x2000;
        stream.Write(summary);
        foreach ((_, byte[] page) in memory.Pages.OrderBy(p => p.Key))
            stream.Write(page);
    }

    private static void Patch(string path, long offset, ulong value)
    {
        using FileStream file = File.OpenWrite(path);
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        file.Position = offset;
        file.Write(bytes);
    }
}
