using System.Buffers.Binary;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Vmcores;

/// <summary>Files that are cut, flipped, or full of absurd numbers: one line, or what is left of them.</summary>
public sealed class VmcoreBadInputTests : IDisposable
{
    private readonly TemporaryFiles _files = new();

    public void Dispose() => _files.Dispose();

    private static IEnumerable<TestCaseData> Containers()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        dump.Pages.Add(0x40, PackedPages.Page("Text"));
        dump.Pages.Add(0x41, PackedPages.Page("Mixed"));
        dump.Pages.Add(0x42, PackedPages.Page("Pointers"));
        byte[] kdump = dump.ToKdump();
        yield return new TestCaseData(kdump).SetArgDisplayNames("kdump");
        yield return new TestCaseData(ForgedVmcore.Flatten(kdump, 500)).SetArgDisplayNames("flattened");
        yield return new TestCaseData(dump.ToElf()).SetArgDisplayNames("ELF");
    }

    /// <summary>At every byte of what tells where the pages are, and by steps in the pages.</summary>
    [TestCaseSource(nameof(Containers))]
    public void A_file_that_is_cut_is_read_as_far_as_it_goes_and_that_is_said(byte[] file)
    {
        int read = 0;
        for (int length = 0; length < file.Length; length += length < 600 ? 1 : 149)
            if (TryReadAll(file[..length], out VmcoreDamage? damage))
            {
                read++;
                Assert.That(damage, Is.Not.Empty, $"{length} bytes");
            }
        Assert.That(read, Is.GreaterThan(10));
    }

    [TestCaseSource(nameof(Containers))]
    public void A_file_with_flipped_bits_is_read_or_refused_in_one_line(byte[] file)
    {
        Random random = new(6);
        int read = 0;
        for (int i = 0; i < 700; i++)
        {
            byte[] bad = (byte[])file.Clone();
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                // Half of them in the headers.
                int at = random.Next(random.Next(2) == 0 ? Math.Min(9000, bad.Length) : bad.Length);
                bad[at] ^= (byte)(1 << random.Next(8));
            }
            if (TryReadAll(bad, out _))
                read++;
        }
        Assert.That(read, Is.GreaterThan(100));
    }

    /// <summary>Each number of the headers with the largest values it can hold.</summary>
    [TestCase(424, 4), TestCase(428, 4), TestCase(432, 4), TestCase(436, 4), TestCase(440, 4), TestCase(460, 4)]
    [TestCase(4096 + 12, 4), TestCase(4096 + 32, 8), TestCase(4096 + 40, 8), TestCase(4096 + 48, 8), TestCase(4096 + 56, 8)]
    [TestCase(4096 + 80, 8), TestCase(4096 + 88, 8), TestCase(4096 + 96, 8)]
    [TestCase(4096 + 0x200, 4), TestCase(4096 + 0x204, 4)]
    public void Absurd_numbers_cost_neither_time_nor_memory(int offset, int size)
    {
        byte[] file = ForgedKernel.Create().ToKdump();
        long before = GC.GetAllocatedBytesForCurrentThread();
        ulong[] values =
            [0, 1, 3, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1UL << 33, 1UL << 40, long.MaxValue, ulong.MaxValue];
        foreach (ulong value in values)
        {
            byte[] bad = (byte[])file.Clone();
            if (size == 8)
                BinaryPrimitives.WriteUInt64LittleEndian(bad.AsSpan(offset), value);
            else
                BinaryPrimitives.WriteUInt32LittleEndian(bad.AsSpan(offset), (uint)value);
            TryReadAll(bad, out _);
        }
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(100_000_000));
    }

    /// <summary>
    /// A bitmap in a gap of a flattened file has no bytes in the real one: its size is bounded all the same.
    /// </summary>
    [Test]
    public void A_flattened_file_may_claim_to_be_larger_than_any_disk()
    {
        byte[] kdump = ForgedKernel.Create().ToKdump();
        BinaryPrimitives.WriteUInt32LittleEndian(kdump.AsSpan(436), 0x0fff_ffff);
        BinaryPrimitives.WriteUInt64LittleEndian(kdump.AsSpan(4096 + 96), 1UL << 31);
        byte[] flat = ForgedVmcore.Flatten(kdump, 4096, (1L << 60, [1]));
        Assert.That(TryReadAll(flat, out _), Is.True);
        BinaryPrimitives.WriteUInt64LittleEndian(kdump.AsSpan(4096 + 96), 1UL << 35);
        Assert.That(_files.Refusal(ForgedVmcore.Flatten(kdump, 4096, (1L << 60, [1]))),
            Is.EqualTo("the header names 0x800000000 pages, more than any system has"));
    }

    [TestCase(-2L, 8L), TestCase(0L, -1L), TestCase(long.MaxValue, 8L), TestCase(8L, long.MaxValue)]
    public void A_record_that_cannot_be_ends_a_flattened_file(long offset, long size)
    {
        byte[] flat = ForgedVmcore.Flatten(ForgedKernel.Create().ToKdump(), 4096);
        // The third record: the bitmaps and all behind them are lost.
        BinaryPrimitives.WriteInt64BigEndian(flat.AsSpan(4096 + 2 * 4112), offset);
        BinaryPrimitives.WriteInt64BigEndian(flat.AsSpan(4096 + 2 * 4112 + 8), size);
        Assert.That(_files.Refusal(flat), Does.StartWith("the header names 1 + 2 blocks"));
    }

    [TestCase("elf-none"), TestCase("elf-many"), TestCase("elf-size")]
    public void Absurd_segments(string kind)
    {
        byte[] file = ForgedKernel.Create().ToElf(extendedNumber: true);
        int section = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(40));
        if (kind == "elf-size")
        {
            BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(64 + 56 + 32), ulong.MaxValue / 3);
            Assert.That(TryReadAll(file, out VmcoreDamage? damage), Is.True);
            Assert.That(damage, Has.One.Contains("segment 1 cannot be"));
            return;
        }
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(section + 44), kind == "elf-none" ? 0 : uint.MaxValue);
        Assert.That(_files.Refusal(file), Is.EqualTo(
            kind == "elf-none" ? "an ELF file without segments" : $"the ELF header names {uint.MaxValue:N0} segments"));
    }

    /// <summary>4 MB of zeros in 4 KB: a page is never more than a page.</summary>
    [Test]
    public void A_decompression_bomb_is_one_bad_page()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        byte[] bomb = ForgedVmcore.PackZlib(new byte[4 * 1024 * 1024]) is { } packed ? packed.Bytes : [];
        Assert.That(bomb, Has.Length.GreaterThan(4000), "it must be worth a page");
        bomb = bomb[..4096];
        dump.Put(0x40000, "BOMB");
        dump.Pack = page => page.AsSpan().StartsWith("BOMB"u8) ? (1, bomb) : ForgedVmcore.PackZlib(page);
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        for (int i = 0; i < 3; i++)
            Assert.That(target.PhysicalMemory.Read(0x40000, new byte[16]), Is.Zero);
        Assert.That(target.Description.Damage, Is.EqualTo(new[] { "the page at 0x40000 could not be unpacked" }));
    }

    [Test]
    public void Pages_that_cannot_be_read_are_counted_in_one_line()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        for (ulong page = 0x40; page < 0x50; page++)
            dump.Put(page * 4096, page < 0x4c ? "bad" : "new");
        dump.Pack = page => page[0] == 'b' ? (1, [1, 2, 3]) : page[0] == 'n' ? (0x40, [1]) : null;
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        for (int round = 0; round < 2; round++)
            for (ulong page = 0x40; page < 0x50; page++)
                Assert.That(target.PhysicalMemory.Read(page * 4096, new byte[16]), Is.Zero);
        Assert.That(target.Description.Damage, Is.EqualTo(new[]
        {
            "12 reads of pages, the first at 0x40000, could not be unpacked",
            "4 reads of pages, the first at 0x4c000, met an unknown compression",
        }));
    }

    /// <summary>What makedumpfile leaves where the disk was full: a mark in the header, and descriptors of zeros.</summary>
    [Test]
    public void An_incomplete_dump_says_so()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        dump.Status = 1 | 8;
        byte[] file = dump.ToKdump();
        int subBlocks = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(432));
        int table = 4096 * (1 + subBlocks + BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(436)));
        file.AsSpan(table, 24).Clear();
        using VmcoreTarget target = _files.Open(file);
        Assert.That(target.PhysicalMemory.Read(0x3000, new byte[16]), Is.Zero);
        Assert.That(VmcoreTargetTests.Text(target.PhysicalMemory, 0x5000), Is.EqualTo("five"));
        Assert.That(target.Description.Damage, Is.EqualTo(new[]
        {
            "the dump is marked as incomplete: there was no space for all pages",
            "the page at 0x3000 met the end of the file",
        }));
    }

    /// <summary>Page tables that lead to themselves, or nowhere.</summary>
    [Test]
    public void Page_tables_in_a_circle_end()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        for (ulong i = 0; i < 512; i++)
            dump.Put(0x10000 + i * 8, 0x10000 | 3);
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        IMemory circle = target.OpenAddressSpace(0x10000);
        Assert.That(circle.Read(0x1234_5678, new byte[8]), Is.EqualTo(8));
        Assert.That(target.OpenAddressSpace(ulong.MaxValue).Read(0, new byte[8]), Is.Zero);
    }

    private bool TryReadAll(byte[] file, out VmcoreDamage? damage)
    {
        damage = null;
        string path = _files.Write(file);
        try
        {
            using VmcoreTarget target = VmcoreTarget.Open(path);
            byte[] page = new byte[4096];
            for (ulong address = 0; address < 0x60000; address += 4096)
                target.PhysicalMemory.Read(address, page);
            for (ulong address = ForgedKernel.ImagePhysical; address < ForgedKernel.ImagePhysical + 0x10000; address += 4096)
                target.PhysicalMemory.Read(address, page);
            target.KernelMemory.Read(ForgedKernel.Small + 0x3000, page);
            damage = (VmcoreDamage)target.Description.Damage;
            foreach (string line in damage)
                Assert.That(line, Does.Not.Contain('\n'));
            return true;
        }
        catch (DumpFormatException exception)
        {
            Assert.That(exception.Message, Does.StartWith(path).And.Not.Contain('\n'));
            return false;
        }
    }
}
