using System.Text;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>A vmlinux file gives what a dump lacks.</summary>
public class VmlinuxFileTests
{
    private const ulong Linked = 0xffffffff81000000;
    private const ulong Slide = 0x2ea00000;

    private string _path = "";

    [SetUp]
    public void Choose() => _path = Path.Combine(Path.GetTempPath(), $"vmlinux-{Guid.NewGuid():N}");

    [TearDown]
    public void Delete() => File.Delete(_path);

    [Test]
    public void Names_types_and_constants_come_from_the_file()
    {
        ForgedBtf types = new();
        types.Struct("mutex", 32, ("owner", types.Int("long", 8), 0), ("wait_list", 1, 16));
        Write(types.Build());
        using VmlinuxFile vmlinux = VmlinuxFile.Open(_path);
        SparseMemory dump = new();
        dump.PutWords(Linked + Slide + 0x2000, 1 << 12);

        KernelSymbols symbols = KernelSymbols.Read(dump, Info($"KERNELOFFSET={Slide:x}\nBUILD-ID=0a0b0c0d\n"), vmlinux);

        Assert.That(symbols.Find("schedule"), Is.EqualTo(Linked + Slide + 0x10));
        Assert.That(symbols.Find("current_task"), Is.EqualTo(0x1fb80));
        Assert.That(symbols.TryFindFunction(Linked + Slide + 0x18, out LinuxSymbol symbol));
        Assert.That((symbol.Name, symbol.Type), Is.EqualTo(("schedule", 'T')));
        Assert.That(symbols.Types.OffsetOf("mutex", "wait_list"), Is.EqualTo(16));
        Assert.That(symbols.Taints, Is.EqualTo("O"));
        Assert.That(symbols.Absent.Select(absent => absent.What), Does.Not.Contain("BTF").And.Contain("kallsyms"));
    }

    [Test]
    public void A_file_without_BTF_is_said_to_be_so()
    {
        Write(null);
        using VmlinuxFile vmlinux = VmlinuxFile.Open(_path);
        KernelSymbols symbols = KernelSymbols.Read(new SparseMemory(), Info(""), vmlinux);

        Assert.That(symbols.Absent.Single(absent => absent.What == "BTF").Why,
            Does.EndWith("vmlinux has no .BTF section either (pahole -J adds it)"));
    }

    [Test]
    public void A_file_of_another_kernel_is_refused()
    {
        Write(null);
        using VmlinuxFile vmlinux = VmlinuxFile.Open(_path);

        Assert.That(() => KernelSymbols.Read(new SparseMemory(), Info("BUILD-ID=0a0b0c0e\n"), vmlinux),
            Throws.TypeOf<DumpFormatException>().With.Message.EqualTo(
                $"{_path} is another kernel: its build-id is 0a0b0c0d, the dump's 0a0b0c0e"));
    }

    [Test]
    public void Pages_that_the_dump_lacks_are_those_of_the_file()
    {
        Write(null);
        using VmlinuxFile vmlinux = VmlinuxFile.Open(_path);
        SparseMemory dump = new();
        dump.Put(Linked + 0x1000, [1, 2]);
        LayeredMemory memory = new(dump, vmlinux.Memory(0));
        byte[] bytes = new byte[4];

        Assert.That(memory.Read(Linked + 0x1000, bytes), Is.EqualTo(4));
        Assert.That(bytes, Is.EqualTo(new byte[] { 1, 2, (byte)'n', (byte)'s' }));
        // What the kernel writes to is not that of the file.
        Assert.That(memory.Read(Linked + 0x2000, bytes), Is.Zero);
    }

    [TestCase("", "is no ELF file: a vmlinux is one, a vmlinuz holds one compressed")]
    [TestCase("MZ", "is no ELF file: a vmlinux is one, a vmlinuz holds one compressed")]
    public void Another_file_is_refused(string content, string message)
    {
        File.WriteAllText(_path, content);

        Assert.That(() => VmlinuxFile.Open(_path),
            Throws.TypeOf<DumpFormatException>().With.Message.EqualTo($"{_path} {message}"));
    }

    [Test]
    public void No_length_and_no_bit_of_its_headers_makes_it_fail()
    {
        Write(new ForgedBtf().Build());
        byte[] whole = File.ReadAllBytes(_path);
        int opened = 0;
        for (int length = 0; length < whole.Length; length += 7)
            opened += Exercise(whole[..length]) ? 1 : 0;
        for (int bit = 0; bit < 64 * 8; bit++)
        {
            byte[] flipped = (byte[])whole.Clone();
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            opened += Exercise(flipped) ? 1 : 0;
        }
        Assert.That(opened, Is.Positive);
    }

    private bool Exercise(byte[] bytes)
    {
        File.WriteAllBytes(_path, bytes);
        try
        {
            using VmlinuxFile vmlinux = VmlinuxFile.Open(_path);
            KernelSymbols.Read(new SparseMemory(), Info(""), vmlinux);
            return true;
        }
        catch (DumpFormatException)
        {
            return false;
        }
    }

    private static VmcoreInfo Info(string text) => VmcoreInfo.Parse(Encoding.UTF8.GetBytes(text));

    // ELF-64: a header, the sections' bytes, their headers. Flags: 1 writable, 2 in memory, 4 code.
    private void Write(byte[]? btf)
    {
        List<(string Name, uint Type, ulong Flags, ulong Address, byte[] Bytes)> sections =
        [
            ("", 0, 0, 0, []),
            (".text", 1, 6, Linked, new byte[64]),
            (".rodata", 1, 2, Linked + 0x1000, "constants"u8.ToArray()),
            (".data", 1, 3, Linked + 0x2000, new byte[16]),
            (".notes", 7, 2, Linked + 0x3000, [4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, .. "GNU\0"u8, 0x0a, 0x0b, 0x0c, 0x0d]),
            (".symtab", 2, 0, 0, Symbols(("schedule", 1, 0x12, Linked + 0x10), ("tainted_mask", 3, 1, Linked + 0x2000),
                ("current_task", 0xfff1, 1, 0x1fb80), ("undefined", 0, 1, 0))),
            (".strtab", 3, 0, 0, "\0schedule\0tainted_mask\0current_task\0undefined\0"u8.ToArray()),
        ];
        if (btf is not null)
            sections.Add((".BTF", 1, 0, 0, btf));
        List<byte> names = [];
        List<byte> bytes = [.. new byte[64]];
        List<byte> headers = [];
        byte[] sectionNames = Encoding.ASCII.GetBytes(string.Concat(sections.Select(one => one.Name + "\0")));
        sections.Add((".shstrtab", 3, 0, 0, sectionNames));
        foreach ((string name, uint type, ulong flags, ulong address, byte[] content) in sections)
        {
            headers.AddRange(BitConverter.GetBytes(names.Count));
            headers.AddRange(BitConverter.GetBytes(type));
            foreach (ulong word in (ulong[])[flags, address, (ulong)bytes.Count, (ulong)content.Length, 0, 0, 0])
                headers.AddRange(BitConverter.GetBytes(word));
            names.AddRange([.. Encoding.ASCII.GetBytes(name), 0]);
            bytes.AddRange(content);
        }
        byte[] header = new byte[64];
        "\x7f"u8.CopyTo(header);
        "ELF\x02\x01\x01"u8.CopyTo(header.AsSpan(1));
        (header[18], header[58], header[60], header[62]) = (62, 64, (byte)sections.Count, (byte)(sections.Count - 1));
        BitConverter.TryWriteBytes(header.AsSpan(40), (ulong)bytes.Count);
        File.WriteAllBytes(_path, [.. header, .. bytes.Skip(64), .. headers]);
    }

    private static byte[] Symbols(params (string Name, ushort Section, byte Info, ulong Value)[] symbols)
    {
        List<byte> bytes = [.. new byte[24]];
        uint name = 1;
        foreach ((string text, ushort section, byte info, ulong value) in symbols)
        {
            bytes.AddRange(BitConverter.GetBytes(name));
            bytes.AddRange([info, 0, (byte)section, (byte)(section >> 8)]);
            bytes.AddRange(BitConverter.GetBytes(value));
            bytes.AddRange(new byte[8]);
            name += (uint)text.Length + 1;
        }
        return [.. bytes];
    }
}
