using System.Buffers.Binary;
using System.Text;
using HangAnalysis.DumpForge.Dumps;
using HangAnalysis.DumpForge.Memory;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>
/// Compares dumps with offsets from the public descriptions of the format, and with a real dump's shape.
/// </summary>
internal sealed class DumpWriterTests
{
    private static uint U32(byte[] dump, int at) => BinaryPrimitives.ReadUInt32LittleEndian(dump.AsSpan(at));

    private static ulong U64(byte[] dump, int at) => BinaryPrimitives.ReadUInt64LittleEndian(dump.AsSpan(at));

    private static string Text(byte[] dump, int at, int count) => Encoding.ASCII.GetString(dump, at, count);

    // Pages 1, 2 and 0x41, each beginning with its number.
    private static PhysicalMemory ThreePages()
    {
        PhysicalMemory memory = new();
        foreach (ulong pfn in (ulong[])[1, 2, 0x41])
            memory.PageAt(pfn)[0] = (byte)pfn;
        return memory;
    }

    private static DumpHeader Header() => new()
    {
        MinorVersion = 14393,
        DirectoryTableBase = 0x1000,
        BugCheckCode = 0xe2,
        BugCheckParameters = [1, 2, 3, 4],
        KdDebuggerDataBlock = 0xfffff80302300000,
        SystemUpTime = 890000000000,
        ExceptionAddress = 0xfffff80302150020,
    };

    private static byte[] Write(Action<Stream> write)
    {
        using MemoryStream file = new();
        write(file);
        return file.ToArray();
    }

    [Test]
    public void Full_dump_lists_its_runs_and_holds_their_pages()
    {
        byte[] dump = Write(file => PageDump.WriteFull(file, Header(), ThreePages()));
        Assert.That(Text(dump, 0, 8), Is.EqualTo("PAGEDU64"));
        Assert.That((U32(dump, 0x8), U32(dump, 0xc), U64(dump, 0x10)), Is.EqualTo((15u, 14393u, 0x1000ul)));
        Assert.That((U32(dump, 0x30), U32(dump, 0x34), U32(dump, 0x38)), Is.EqualTo((0x8664u, 1u, 0xe2u)));
        Assert.That((U64(dump, 0x40), U64(dump, 0x58), U64(dump, 0x80)), Is.EqualTo((1ul, 4ul, 0xfffff80302300000ul)));
        Assert.That((U32(dump, 0x88), U64(dump, 0x90)), Is.EqualTo((2u, 3ul)));
        Assert.That((U64(dump, 0x98), U64(dump, 0xa0)), Is.EqualTo((1ul, 2ul)));
        Assert.That((U64(dump, 0xa8), U64(dump, 0xb0)), Is.EqualTo((0x41ul, 1ul)));
        Assert.That((U32(dump, 0xf98), U64(dump, 0xfa0), U64(dump, 0x1030)),
            Is.EqualTo((1u, (ulong)dump.Length, 890000000000ul)));
        Assert.That((U32(dump, 0xf00), U64(dump, 0xf10)), Is.EqualTo((0x80000003u, 0xfffff80302150020ul)));
        Assert.That((dump[0x2000], dump[0x3000], dump[0x4000]), Is.EqualTo(((byte)1, (byte)2, (byte)0x41)));
        Assert.That(dump, Has.Length.EqualTo(0x5000));
    }

    [TestCase(5u, "SDMP")]
    [TestCase(6u, "FDMP")]
    public void Bitmap_dump_marks_the_pages_that_follow(uint type, string signature)
    {
        byte[] dump = Write(file => PageDump.WriteBitmap(file, Header(), ThreePages(), type, signature));
        Assert.That((U32(dump, 0xf98), Text(dump, 0x2000, 8)), Is.EqualTo((type, signature + "DUMP")));
        Assert.That((U64(dump, 0x2020), U64(dump, 0x2028), U64(dump, 0x2030)), Is.EqualTo((0x3000ul, 3ul, 128ul)));
        Assert.That((U64(dump, 0x2038), U64(dump, 0x2040)), Is.EqualTo((6ul, 2ul)));
        Assert.That((dump[0x3000], dump[0x4000], dump[0x5000]), Is.EqualTo(((byte)1, (byte)2, (byte)0x41)));
    }

    [TestCase(8u)]
    [TestCase(9u)]
    [TestCase(10u)]
    public void Range_dump_lists_ranges_and_holds_their_pages(uint type)
    {
        byte[] dump = Write(file => PageDump.WriteRanges(file, Header(), ThreePages(), type));
        Assert.That((U32(dump, 0xf98), U32(dump, 0x2000), Text(dump, 0x2004, 8)),
            Is.EqualTo((type, 0x40u, "RDMPDUMP")));
        Assert.That((U64(dump, 0x2010), U64(dump, 0x2018)), Is.EqualTo((0xfe0ul, 0x3000ul)));
        Assert.That((U64(dump, 0x2020), U64(dump, 0x2028)), Is.EqualTo((2ul, 3ul)));
        Assert.That((U64(dump, 0x2030), U64(dump, 0x2038), U64(dump, 0x2040)), Is.EqualTo((1ul, 2ul, 0x41ul)));
        Assert.That((dump[0x3000], dump[0x5000]), Is.EqualTo(((byte)1, (byte)0x41)));
    }

    [Test]
    public void Triage_dump_names_the_place_of_every_part()
    {
        TriageDump triage = new()
        {
            Header = Header(), Prcb = [.. Enumerable.Repeat((byte)0x11, 0x40)], Process = [0x22], Thread = [0x33],
            TopOfStack = 0xffffe00010005f00, CallStack = new byte[0x100], DebuggerData = new byte[0x3a8],
        };
        triage.Drivers.Add(new TriageDriver("\\SystemRoot\\ntoskrnl.exe", 0xfffff80302000000, 0x800000, 0x5f, 0x77));
        triage.Drivers.Add(new TriageDriver("foo.sys", 0xfffff80310000000, 0x6000, 0x60, 0));
        triage.UnloadedDrivers.Add(new UnloadedDriver("dump_storport.sys", 0x1000, 0x2000));
        triage.DataBlocks.Add(new DataBlock(0xfffff80302300000, "block"u8.ToArray()));
        byte[] dump = triage.Build();
        Assert.That((U32(dump, 0xf98), U32(dump, 0x1038)), Is.EqualTo((4u, 0xcffu)));
        Assert.That((U32(dump, 0x2004), Text(dump, (int)U32(dump, 0x2008), 4)),
            Is.EqualTo(((uint)dump.Length, "TRGD")));
        Assert.That((U32(dump, 0x200c), U32(dump, 0x2010)), Is.EqualTo((0x348u, 0xf00u)));
        Assert.That((dump[U32(dump, 0x201c)], dump[U32(dump, 0x2020)], dump[U32(dump, 0x2024)]),
            Is.EqualTo(((byte)0x11, (byte)0x22, (byte)0x33)));
        Assert.That((U32(dump, 0x202c), U64(dump, 0x2048), U32(dump, 0x2074)),
            Is.EqualTo((0x100u, 0xffffe00010005f00ul, 0x3a8u)));
        int unloaded = (int)U32(dump, 0x2018) + 8;
        Assert.That((U64(dump, unloaded - 8), U64(dump, unloaded + 0x28)), Is.EqualTo((1ul, 0x1000ul)));
        Assert.That(Encoding.Unicode.GetString(dump, unloaded + 0x10, 24), Is.EqualTo("dump_storpor"));
        int second = (int)U32(dump, 0x2030) + 0x90, name = (int)U32(dump, second);
        Assert.That((U32(dump, 0x2034), U64(dump, second + 0x38)), Is.EqualTo((2u, 0xfffff80310000000ul)));
        Assert.That((U32(dump, name), Encoding.Unicode.GetString(dump, name + 4, 14)), Is.EqualTo((7u, "foo.sys")));
        int block = (int)U32(dump, 0x2078);
        Assert.That((U64(dump, block), Text(dump, (int)U32(dump, block + 8), (int)U32(dump, block + 12))),
            Is.EqualTo((0xfffff80302300000ul, "block")));
    }

    // The same offsets read a dump that Windows wrote: they are not the forge's own idea.
    [Test]
    public void Real_triage_dump_has_the_parts_at_the_same_places()
    {
        string folder = SharedMaterial.Require("corpus/dumps");
        string path = Directory.GetFiles(folder, "*.dmp").Order(StringComparer.Ordinal)
            .First(file => new FileInfo(file).Length is > 0x4000 and < 0x1000000);
        byte[] dump = File.ReadAllBytes(path);
        Assert.That((Text(dump, 0, 8), U32(dump, 0xf98)), Is.EqualTo(("PAGEDU64", 4u)), path);
        Assert.That((U32(dump, 0x200c), U32(dump, 0x2010)), Is.EqualTo((0x348u, 0xf00u)));
        Assert.That(Text(dump, (int)U32(dump, 0x2008), 4), Is.EqualTo("TRGD"));
        int driver = (int)U32(dump, 0x2030);
        Assert.That(U64(dump, driver + 0x38) >> 40, Is.EqualTo(0xfffff8), "kernel's base");
    }
}
