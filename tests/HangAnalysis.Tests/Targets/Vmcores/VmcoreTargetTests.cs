using System.Text;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Vmcores;

/// <summary>A forged dump, read as the kernel would: addresses, registers, VMCOREINFO.</summary>
public sealed class VmcoreTargetTests : IDisposable
{
    private readonly TemporaryFiles _files = new();

    public void Dispose() => _files.Dispose();

    [TestCase(4, 0ul), TestCase(5, 0ul), TestCase(4, 1ul << 47), TestCase(5, 1ul << 51)]
    public void Kernel_memory_is_read_by_pages_of_three_sizes(int levels, ulong encryption)
    {
        ForgedVmcore dump = ForgedKernel.Create(levels, encryption);
        dump.Put(ForgedKernel.ImagePhysical + 0x100, "image");
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        Assert.That(target.Description.Damage, Is.Empty);
        Assert.That(Text(target.KernelMemory, ForgedKernel.Small + 0x3000), Is.EqualTo("three"));
        Assert.That(Text(target.KernelMemory, ForgedKernel.Image + 0x100), Is.EqualTo("image"));
        ulong direct = levels == 4 ? ForgedKernel.DirectMap : 0xffff_0000_0000_0000 | (511ul << 48) | (273ul << 39);
        Assert.That(Text(target.KernelMemory, direct + 0x5000), Is.EqualTo("five"));
        Assert.That(Text(target.PhysicalMemory, 0x5000), Is.EqualTo("five"));
        // A read ends where a page is absent; what is not canonical is nowhere.
        Assert.That(target.KernelMemory.Read(ForgedKernel.Small + 0x3ff0, new byte[64]), Is.EqualTo(16));
        Assert.That(target.KernelMemory.Read(ForgedKernel.Small + 0x4000, new byte[64]), Is.Zero);
        Assert.That(target.KernelMemory.Read(direct & 0x00ff_ffff_ffff_ffff, new byte[8]), Is.Zero);
        Assert.That(target.KernelMemory.Read(ulong.MaxValue - 3, new byte[8]), Is.Zero);
        Assert.That(target.PhysicalMemory.Read(ulong.MaxValue - 3, new byte[8]), Is.Zero);
    }

    [Test]
    public void The_dump_is_described()
    {
        using VmcoreTarget target = _files.Open(ForgedKernel.Create().ToKdump());
        Assert.That(target.Description.OperatingSystem, Is.EqualTo("Linux 6.1.0-forged"));
        Assert.That(target.Description.Kind, Is.EqualTo("kdump"));
        Assert.That(target.Description.ProcessorCount, Is.EqualTo(2));
        Assert.That(target.Description.Time, Is.EqualTo(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000)));
        Assert.That(target.Description.HoldsPages, Is.True);
        Assert.That(target.Description.Architecture, Is.EqualTo(Architecture.X64));
    }

    [Test]
    public void A_header_without_a_time_leaves_that_of_the_crash()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        dump.Time = 0;
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        Assert.That(target.Description.Time, Is.EqualTo(DateTimeOffset.FromUnixTimeSeconds(1_700_000_001)));
    }

    /// <summary>pr_reg: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss.</summary>
    [Test]
    public void Registers_are_those_of_the_notes()
    {
        using VmcoreTarget target = _files.Open(ForgedKernel.Create().ToKdump());
        VmcoreProcessor first = target.Processors[0];
        Assert.That((first.Number, first.Pid), Is.EqualTo((0, 7u)));
        Assert.That((target.Processors[1].Number, target.Processors[1].Pid), Is.EqualTo((1, 0u)));
        Assert.That(first.Context.InstructionPointer, Is.EqualTo(0x110));
        Assert.That(first.Context.StackPointer, Is.EqualTo(0x113));
        Assert.That((first.Cs, first.Flags, first.Ss), Is.EqualTo((0x111ul, 0x112ul, 0x114ul)));
        ulong[] registers = [.. Enumerable.Range(0, 16).Select(i => first.Context.Registers[i] - 0x100)];
        // rax rcx rdx rbx rsp rbp rsi rdi, r8 to r15.
        Assert.That(registers, Is.EqualTo(new ulong[] { 10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0 }));
    }

    [Test]
    public void Values_of_vmcoreinfo_are_read_as_the_kernel_documents_them()
    {
        using VmcoreTarget target = _files.Open(ForgedKernel.Create().ToKdump());
        VmcoreInfo info = target.Info;
        Assert.That(info.OsRelease, Is.EqualTo("6.1.0-forged"));
        Assert.That(info.TryGetSymbol("init_uts_ns", out ulong symbol) ? symbol : 0, Is.EqualTo(ForgedKernel.Image + 0x100));
        Assert.That(info.TryGetOffset("prb_desc.state_var", out int offset) ? offset : 0, Is.EqualTo(24));
        Assert.That(info.TryGetSize("page", out int size) ? size : 0, Is.EqualTo(64));
        Assert.That(info.TryGetNumber("negative", out long number) ? number : 0, Is.EqualTo(-702545920));
        Assert.That(info.TryGetNumber("VMALLOC_START", out number) ? (ulong)number : 0, Is.EqualTo(0xffffc90000000000));
        Assert.That(info.TryGetValue("KERNELOFFSET", out string text) ? text : "", Is.EqualTo("1f000000"));
        Assert.That(info.TryGetSymbol("init_task", out _), Is.False);
        Assert.That(info.TryGetNumber("OSRELEASE", out _), Is.False);
    }

    /// <summary>
    /// pgtable-invert.h: an entry of PROT_NONE (bit 8, not present) has its page number inverted; a swap entry has no bit
    /// 8.
    /// </summary>
    [Test]
    public void A_user_page_without_access_is_still_there_and_a_swapped_one_is_not()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        const ulong Root = 0x10000;
        dump.Put(Root, 0x11000 | 7);
        dump.Put(0x11000, 0x12000 | 7);
        dump.Put(0x12000, 0x13000 | 7);
        dump.Put(0x13000 + 8, 0x14000 | 7);
        dump.Put(0x13000 + 16, (~0x15000ul & 0x000f_ffff_ffff_f000) | 0x100);
        dump.Put(0x13000 + 24, 0x16000 | 2);
        dump.Put(0x14000, "mapped");
        dump.Put(0x15000, "no access");
        dump.Put(0x16000, "swapped");
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        IMemory user = target.OpenAddressSpace(Root);
        Assert.That(Text(user, 0x1000), Is.EqualTo("mapped"));
        Assert.That(Text(user, 0x2000), Is.EqualTo("no access"));
        Assert.That(user.Read(0x3000, new byte[8]), Is.Zero);
        Assert.That(user.Read(ForgedKernel.Image, new byte[8]), Is.Zero, "this process has no kernel half");
    }

    /// <summary>QEMU's header has a wrong one: it reads a decimal number as hexadecimal.</summary>
    [Test]
    public void The_headers_physical_base_is_not_believed()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        dump.HeaderPhysicalBase = 0x1234000;
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        Assert.That(Text(target.KernelMemory, ForgedKernel.Small + 0x3000), Is.EqualTo("three"));
    }

    /// <summary>The format string, a text of an earlier kernel whose page tables are gone, and the true one.</summary>
    [TestCase(0ul), TestCase(0x18ul), TestCase(0xc00ul)]
    public void Vmcoreinfo_without_a_note_is_found_in_memory(ulong offset)
    {
        ForgedVmcore dump = ForgedKernel.Create();
        dump.Info = null;
        dump.Put(0x20100, "OSRELEASE=%s\n");
        string earlier = ForgedKernel.Info().Replace("8100", "8170", StringComparison.Ordinal);
        dump.Put(0x21000, earlier.Replace("6.1.0", "5.5.5", StringComparison.Ordinal));
        string info = ForgedKernel.Info();
        int inFirst = (int)Math.Min(0x1000 - offset, (ulong)info.Length);
        dump.Put(0x30000 + offset, info[..inFirst]);
        dump.Put(0x31000, info[inFirst..]);
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        Assert.That(target.Info.OsRelease, Is.EqualTo("6.1.0-forged"));
        Assert.That(Text(target.KernelMemory, ForgedKernel.Small + 0x3000), Is.EqualTo("three"));
        Assert.That(target.Description.Damage, Is.EqualTo(
            new[] { "VMCOREINFO is not in the notes; it was found in memory" }));
    }

    [Test]
    public void Vmcoreinfo_may_stand_where_the_sub_header_says()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        dump.InfoIsNote = false;
        using VmcoreTarget target = _files.Open(dump.ToKdump());
        Assert.That(target.Description.Damage, Is.Empty);
        Assert.That(Text(target.KernelMemory, ForgedKernel.Small + 0x3000), Is.EqualTo("three"));
    }

    [Test]
    public void Without_page_tables_there_is_no_kernel_memory_and_that_is_said()
    {
        ForgedVmcore dump = ForgedKernel.Create();
        dump.Info = null;
        using (VmcoreTarget target = _files.Open(dump.ToKdump()))
        {
            Assert.That(target.KernelMemory.Read(ForgedKernel.Image, new byte[8]), Is.Zero);
            Assert.That(target.Description.OperatingSystem, Is.EqualTo("Linux 6.1.0-forged"));
            Assert.That(target.Description.Damage, Is.EqualTo(
                new[] { "no kernel memory can be read: there is no VMCOREINFO that tells where the page tables are" }));
        }
        string physicalBase = $"NUMBER(phys_base)={ForgedKernel.PhysicalBase}";
        dump.Info = ForgedKernel.Info().Replace(physicalBase, "NUMBER(phys_base)=0", StringComparison.Ordinal);
        using (VmcoreTarget target = _files.Open(dump.ToKdump()))
        {
            Assert.That(target.KernelMemory.Read(ForgedKernel.Image, new byte[8]), Is.Zero);
            Assert.That(target.Description.Damage, Has.One.Contains("do not map themselves"));
        }
    }

    internal static string Text(IMemory memory, ulong address)
    {
        byte[] bytes = new byte[16];
        int read = memory.Read(address, bytes);
        return Encoding.ASCII.GetString(bytes, 0, read).TrimEnd('\0');
    }
}
