using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Vmcores;

/// <summary>One memory in every container: kdump of several versions and block sizes, flattened, ELF, split.</summary>
public sealed class VmcoreContainerTests : IDisposable
{
    private readonly TemporaryFiles _files = new();

    public void Dispose() => _files.Dispose();

    [TestCase(6, 4096), TestCase(5, 4096), TestCase(4, 4096), TestCase(3, 4096), TestCase(6, 16384), TestCase(6, 65536)]
    public void Kdump_files_of_several_versions_and_block_sizes(int version, int blockSize)
    {
        ForgedVmcore dump = ForgedKernel.Create();
        dump.Version = version;
        dump.BlockSize = blockSize;
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        Assert.That(target.Description.Damage, Is.Empty);
        // Notes came with version 4, VMCOREINFO with 3.
        Assert.That(target.Processors, Has.Count.EqualTo(version >= 4 ? 2 : 0));
        AssertMemory(target, dump);
    }

    [TestCase(1 << 20), TestCase(4096), TestCase(1000), TestCase(7)]
    public void A_flattened_file_is_read_in_place(int recordSize)
    {
        ForgedVmcore dump = ForgedKernel.Create();
        byte[] file = dump.ToKdump();
        // The first header is replaced by a later record; what follows the end record is not read.
        byte[] records = ForgedVmcore.Flatten(file, recordSize, (0, new byte[5000]), (file.Length - 10, new byte[10]));
        byte[] flat = [.. records, .. new byte[999]];
        string path = _files.Write(flat);
        Assert.That(VmcoreTarget.IsVmcore(path), Is.True);
        using VmcoreTarget target = VmcoreTarget.Open(path);
        Assert.That(target.Description.Kind, Is.EqualTo("kdump, flattened"));
        Assert.That(target.Description.Damage, Is.Empty);
        AssertMemory(target, dump);
    }

    /// <summary>makedumpfile -R seeks over what no record writes: zeros.</summary>
    [Test]
    public void Records_of_a_flattened_file_may_overlap_and_leave_gaps()
    {
        byte[] flat = ForgedVmcore.Flatten([], 1, (2, [1, 1, 1, 1, 1, 1]), (4, [2, 2]), (0, [3, 3, 3]), (12, [4]), (5, []));
        using HangAnalysis.Targets.Dumps.DumpFile file = HangAnalysis.Targets.Dumps.DumpFile.Open(_files.Write(flat));
        VmcoreDamage damage = new();
        FlattenedFile flattened = FlattenedFile.Open(file, "", damage);
        byte[] bytes = new byte[20];
        Assert.That(flattened.Read(0, bytes), Is.EqualTo(13));
        Assert.That(bytes[..13], Is.EqualTo(new byte[] { 3, 3, 3, 1, 2, 2, 1, 1, 0, 0, 0, 0, 4 }));
        Assert.That(flattened.Read(5, bytes.AsSpan(0, 4)), Is.EqualTo(4));
        Assert.That(bytes[..4], Is.EqualTo(new byte[] { 2, 1, 1, 0 }));
        Assert.That((flattened.Length, damage.Count), Is.EqualTo((13L, 0)));
    }

    /// <summary>Every byte is that of the last range that covers it, for many ranges by chance.</summary>
    [Test]
    public void Of_ranges_that_overlap_the_one_named_last_holds()
    {
        Random random = new(6);
        for (int round = 0; round < 200; round++)
        {
            int[] expected = new int[64];
            List<Extent> named = [];
            for (int i = 1; i <= random.Next(1, 12); i++)
            {
                int start = random.Next(60);
                int size = random.Next(1, 1 + Math.Min(20, 64 - start));
                named.Add(new Extent(start, size, i * 1000));
                for (int at = start; at < start + size; at++)
                    expected[at] = i * 1000 + at - start;
            }
            ExtentMap map = new(named);
            for (int at = 0; at < 64; at++)
            {
                Extent found = map.Find(at);
                Assert.That(found.Size == 0 ? 0 : found.Position + at - found.Start, Is.EqualTo(expected[at]));
                int next = Array.FindIndex(expected, at, e => e != 0);
                if (found.Size == 0)
                    Assert.That(found.Start, Is.EqualTo(next < 0 ? long.MaxValue : next));
            }
        }
    }

    [TestCase(false, false), TestCase(true, false), TestCase(false, true)]
    public void An_elf_core_is_read_by_physical_addresses(bool extendedNumber, bool flattened)
    {
        ForgedVmcore dump = ForgedKernel.Create();
        byte[] file = dump.ToElf(extendedNumber: extendedNumber);
        string path = _files.Write(flattened ? ForgedVmcore.Flatten(file, 3000) : file);
        Assert.That(VmcoreTarget.IsVmcore(path), Is.True);
        using VmcoreTarget target = VmcoreTarget.Open(path);
        Assert.That(target.Description.Kind, Is.EqualTo(flattened ? "ELF, flattened" : "ELF"));
        Assert.That(target.Description.Damage, Is.Empty);
        Assert.That(target.Description.ProcessorCount, Is.EqualTo(2));
        Assert.That(target.Description.Time, Is.EqualTo(DateTimeOffset.FromUnixTimeSeconds(1_700_000_001)));
        AssertMemory(target, dump);
    }

    [Test]
    public void What_an_elf_core_left_out_is_zeros_for_the_kernel_and_absent_for_processes()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        ulong end = (dump.Pages.Keys.Last() + 1) * ForgedVmcore.PageSize;
        dump.Put(0x10000, 0x11000 | 7);
        dump.Put(0x11000, 0 | 7 | 0x80);
        using VmcoreTarget target = _files.Open(dump.ToElf(leftOut: 0x1000));
        byte[] bytes = [1, 2];
        Assert.That(target.KernelMemory.Read(ForgedKernel.DirectMap + end, bytes), Is.EqualTo(2));
        Assert.That(bytes, Is.EqualTo(new byte[2]));
        Assert.That(target.KernelMemory.Read(ForgedKernel.DirectMap + end + 0xfff, bytes), Is.EqualTo(1));
        IMemory user = target.OpenAddressSpace(0x10000);
        Assert.That(user.Read(end - 1, bytes), Is.EqualTo(1));
        Assert.That(user.Read(end, bytes), Is.Zero);
        Assert.That(target.Description.Damage, Is.EqualTo(
            new[] { "0x1000 bytes of memory were left out of the file; the kernel's are taken for zeros" }));
    }

    /// <summary>Each part has the whole bitmap, and page descriptors of its own range only.</summary>
    [Test]
    public void The_parts_of_a_split_dump_are_one_memory()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        List<string> paths = [];
        ulong[] borders = [0, 5, ForgedKernel.ImagePhysical / 4096 + 7, dump.EndPage];
        for (int i = 0; i < 3; i++)
        {
            dump.Part = (borders[i], borders[i + 1]);
            paths.Add(_files.Write(dump.ToKdump(), $"part{i}"));
        }
        VmcoreOpenOptions others = new() { FurtherParts = [paths[2], paths[0]] };
        using (VmcoreTarget target = VmcoreTarget.Open(paths[1], others))
        {
            Assert.That(target.Description.Damage, Is.Empty);
            Assert.That(target.Description.Kind, Is.EqualTo("kdump, split"));
            AssertMemory(target, dump);
        }
        using (VmcoreTarget target = VmcoreTarget.Open(paths[1]))
        {
            Assert.That(target.PhysicalMemory.Read(0x3000, new byte[1]), Is.Zero);
            Assert.That(VmcoreTargetTests.Text(target.PhysicalMemory, 0x5000), Is.EqualTo("five"));
            const string Named = "is in a part that was not named";
            Assert.That(target.Description.Damage, Has.One.EqualTo($"the dump is split: memory from 0x0 to 0x5000 {Named}"));
            Assert.That(target.Description.Damage, Has.One.EqualTo(
                $"the dump is split: memory from 0x{borders[2] * 4096:x} to 0x{borders[3] * 4096:x} {Named}"));
        }
        dump.Part = null;
        string whole = _files.Write(dump.ToKdump(), "whole");
        Assert.That(Refusal(paths[0], whole), Is.EqualTo($"{whole}: not a part of a split dump"));
        dump.Part = (5, 9);
        dump.Release = "5.5";
        string other = _files.Write(dump.ToKdump(), "other");
        Assert.That(Refusal(paths[0], other), Is.EqualTo($"{other}: a part of another dump"));
    }

    [TestCase("1f8b0800", "packed by gzip; unpack it first: gunzip -k ")]
    [TestCase("fd377a585a0000", "packed by xz; unpack it first: unxz -k ")]
    [TestCase("28b52ffd64", "packed by zstd; unpack it first: zstd -d ")]
    public void A_packed_file_is_refused_with_the_command_that_unpacks_it(string start, string expected)
    {
        byte[] bytes = [.. Convert.FromHexString(start), .. new byte[100]];
        string path = _files.Write(bytes);
        Assert.That(VmcoreTarget.IsVmcore(path), Is.True);
        Assert.That(_files.Refusal(bytes), Is.EqualTo(expected + path));
    }

    [Test]
    public void Other_machines_are_named_and_declined()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        dump.Machine = "aarch64";
        Assert.That(_files.Refusal(dump.ToKdump()), Is.EqualTo("a vmcore of aarch64; only x86_64 can be read"));
        dump.Machine = "";
        dump.Version = 0x0600_0000;
        Assert.That(_files.Refusal(dump.ToKdump()), Is.EqualTo("a vmcore of a big-endian machine; only x86_64 can be read"));
        Assert.That(Elf(183), Is.EqualTo("a vmcore of aarch64; only 64-bit x86_64 can be read"));
        Assert.That(Elf(22, isBigEndian: true), Is.EqualTo("a vmcore of s390x, big-endian; only 64-bit x86_64 can be read"));
        Assert.That(Elf(21), Is.EqualTo("a vmcore of ppc64; only 64-bit x86_64 can be read"));
        Assert.That(Elf(3, bits: 32), Is.EqualTo("a vmcore of i386, 32-bit; only 64-bit x86_64 can be read"));
        Assert.That(Elf(62, type: 2), Is.EqualTo("an ELF file, but no core (type 2)"));
        byte[] nothing = new byte[64];
        Assert.That(VmcoreTarget.IsVmcore(_files.Write(nothing)), Is.False);
        Assert.That(VmcoreTarget.IsVmcore(_files.Write(nothing) + "-absent"), Is.False);
        Assert.That(_files.Refusal(nothing), Does.StartWith("not a vmcore"));
    }

    private string Elf(byte machine, bool isBigEndian = false, int bits = 64, byte type = 4)
    {
        byte[] file = ForgedKernel.Create().ToElf();
        file[4] = (byte)(bits / 32);
        file[5] = (byte)(isBigEndian ? 2 : 1);
        int low = isBigEndian ? 1 : 0;
        (file[16 + low], file[17 - low], file[18 + low], file[19 - low]) = (type, 0, machine, 0);
        return _files.Refusal(file);
    }

    private static string Refusal(string path, string part) => Assert.Throws<DumpFormatException>(
        () => VmcoreTarget.Open(path, new VmcoreOpenOptions { FurtherParts = [part] }).Dispose())?.Message ?? "";

    private static void AssertMemory(VmcoreTarget target, ForgedVmcore dump)
    {
        byte[] page = new byte[ForgedVmcore.PageSize];
        foreach ((ulong number, byte[] expected) in dump.Pages)
        {
            Assert.That(target.PhysicalMemory.Read(number * ForgedVmcore.PageSize, page), Is.EqualTo(page.Length));
            Assert.That(page, Is.EqualTo(expected));
        }
        Assert.That(target.PhysicalMemory.Read(dump.EndPage * (ulong)dump.BlockSize, page), Is.Zero);
        Assert.That(VmcoreTargetTests.Text(target.KernelMemory, ForgedKernel.Small + 0x3000), Is.EqualTo("three"));
    }
}
