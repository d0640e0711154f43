using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

public class KallsymsTests
{
    private const ulong Base = 0xffffffff81000000;
    private const ulong Tables = 0xffffffff82000000;

    // 300 letters: such a name takes two bytes for its length.
    private static readonly string s_long = new('x', 300);

    private static ForgedKallsyms Kernel(bool absolutePerCpu, ulong origin = Base)
    {
        ForgedKallsyms kernel = new(origin, absolutePerCpu);
        // Zero-based per-CPU symbols come first in the table.
        if (absolutePerCpu)
            kernel.Add(0, 'A', "fixed_percpu_data").Add(0x1fb80, 'A', "current_task");
        return kernel.Add(Base, 'T', "_stext").Add(Base, 'T', "startup").Add(Base + 0x100, 't', "__mutex_lock.constprop.0")
            .Add(Base + 0x180, 'a', "a_number").Add(Base + 0x200, 'T', s_long).Add(Base + 0x400, 'W', "weak")
            .Add(Base + 0x500, 'D', "init_uts_ns").Add(Base + 0x540, 'b', "counter");
    }

    [TestCase(true), TestCase(false)]
    public void Addresses_are_read_by_the_scheme_that_VMCOREINFO_proves(bool absolutePerCpu)
    {
        Kallsyms names = Read(Kernel(absolutePerCpu));

        Assert.That(names.Find("__mutex_lock.constprop.0"), Is.EqualTo(Base + 0x100));
        Assert.That(names.Find(s_long), Is.EqualTo(Base + 0x200));
        Assert.That(names.Find("counter"), Is.EqualTo(Base + 0x540));
        Assert.That(names.Find("current_task"), absolutePerCpu ? Is.EqualTo(0x1fb80) : Is.Null);
        Assert.That(names.Find("mutex"), Is.Null);
        Assert.That(names.Find(""), Is.Null);
    }

    /// <summary>From 6.15 the base is the start of the per-CPU area, below the kernel's text.</summary>
    [Test]
    public void A_distance_from_the_base_is_unsigned()
    {
        const ulong Low = Base - 0xf000_0000;
        Kallsyms names = Read(new ForgedKallsyms(Low, false).Add(Low + 8, 'D', "current_task").Add(Base, 'T', "_stext"));

        Assert.That((names.Find("current_task"), names.Find("_stext")), Is.EqualTo(((ulong?)Low + 8, (ulong?)Base)));
    }

    [TestCase(0x0UL, "_stext", 0x100UL)]
    [TestCase(0xffUL, "_stext", 0x100UL)]
    [TestCase(0x100UL, "__mutex_lock.constprop.0", 0x80UL)]
    [TestCase(0x190UL, "__mutex_lock.constprop.0", 0x80UL)]
    [TestCase(0x4ffUL, "weak", 0x100UL)]
    public void An_address_is_named_after_the_first_symbol_that_it_lies_behind(ulong offset, string name, ulong size)
    {
        Kallsyms names = Read(Kernel(true));

        Assert.That(names.TryFindNearest(Base + offset, out LinuxSymbol symbol));
        Assert.That((symbol.Name, symbol.Size), Is.EqualTo((name, size)));
        Assert.That(names.TryFindFunction(Base + offset, out LinuxSymbol function) && function == symbol);
    }

    [Test]
    public void Data_is_in_no_function_and_what_is_outside_has_no_name()
    {
        Kallsyms names = Read(Kernel(true));

        Assert.That(names.TryFindNearest(Base + 0x510, out LinuxSymbol symbol) && symbol.Name == "init_uts_ns");
        Assert.That(names.TryFindFunction(Base + 0x510, out _), Is.False);
        foreach (ulong address in (ulong[])[0, 0x1fb84, Base - 1, Base + 0x1000, ulong.MaxValue])
            Assert.That(names.TryFindNearest(address, out _), Is.False, $"{address:x}");
    }

    /// <summary>Markers have eight bytes before 5.0 (80ffbaa5b1bd), four since.</summary>
    [TestCase(4, false), TestCase(0, false), TestCase(4, true)]
    public void Tables_are_found_where_VMCOREINFO_does_not_name_them(int odd, bool wideMarkers)
    {
        ForgedKallsyms kernel = Kernel(true);
        for (int i = 0; i < 256 * 20 + odd; i++)
            kernel.Add(Base + 0x1000 + (ulong)i * 16, 't', $"function_{i}");
        SparseMemory memory = new();
        VmcoreInfo info = kernel.Write(memory, Base + 0x10_0000, named: false, wideMarkers: wideMarkers);

        Kallsyms names = Kallsyms.Read(memory, info, out string why)!;

        Assert.That(why, Is.Empty);
        Assert.That(names.Find("function_5000"), Is.EqualTo(Base + 0x1000 + 5000 * 16));
        Assert.That(names.Find("current_task"), Is.EqualTo(0x1fb80));
    }

    [TestCase("a-abba-mutex"), TestCase("f-kdump-hungtask-panic")]
    public void Tables_of_a_real_kernel_are_found_without_VMCOREINFO(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        core.Target.Info.TryGetSymbol("_stext", out ulong start);
        VmcoreInfo older = VmcoreInfo.Parse([.. System.Text.Encoding.UTF8.GetBytes($"SYMBOL(_stext)={start:x}\n")]);

        Kallsyms found = Kallsyms.Read(core.Memory, older, out string why)!;

        Assert.That(why, Is.Empty);
        Assert.That(found.Count, Is.EqualTo(core.Symbols.Names.Count));
        Assert.That(found.Find("init_task"), Is.EqualTo(core.Symbols.Find("init_task")));
    }

    [Test]
    public void Without_tables_the_reason_is_said()
    {
        Assert.That(Kallsyms.Read(new SparseMemory(), VmcoreInfo.Parse([]), out string why), Is.Null);
        Assert.That(why, Does.StartWith("VMCOREINFO does not say where kallsyms is"));
        VmcoreInfo info = Kernel(true).Write(new SparseMemory(), Tables);
        Assert.That(Kallsyms.Read(new SparseMemory(), info, out why), Is.Null);
        Assert.That(why, Is.EqualTo("the kernel's symbol table is not in the dump"));
    }

    [Test]
    public void Addresses_that_contradict_VMCOREINFO_are_not_believed()
    {
        SparseMemory memory = new();
        VmcoreInfo info = Kernel(true, Base + 0x1000_0000).Write(memory, Tables);
        info.TryGetSymbol("kallsyms_relative_base", out ulong origin);
        memory.PutWords(origin, Base + 0x1234_5000);

        Assert.That(Kallsyms.Read(memory, info, out string why), Is.Null);
        Assert.That(why, Is.EqualTo("VMCOREINFO does not confirm the addresses of kallsyms"));
    }

    [Test]
    public void A_length_that_no_name_has_ends_the_names_there()
    {
        SparseMemory memory = new();
        VmcoreInfo info = Kernel(true).Write(memory, Tables);
        info.TryGetSymbol("kallsyms_names", out ulong names);
        // The sixth name follows five: A + 17, A + 12, T + 6, T + 7, and t + 20 with one token for five letters.
        memory.Put(names + 19 + 14 + 8 + 9 + 22, 0xff, 0xff);
        Kallsyms read = Kallsyms.Read(memory, info, out string why)!;

        Assert.That(why, Is.EqualTo("5 of 10 symbols are readable"));
        Assert.That(read.Find("__mutex_lock.constprop.0"), Is.EqualTo(Base + 0x100));
        Assert.That(read.Find("counter"), Is.Null);
    }

    [TestCase(0u), TestCase(uint.MaxValue)]
    public void An_absurd_count_is_refused(uint count)
    {
        SparseMemory memory = new();
        VmcoreInfo info = Kernel(true).Write(memory, Tables, count: count);

        Assert.That(Kallsyms.Read(memory, info, out string why), Is.Null);
        Assert.That(why, Is.EqualTo($"kallsyms claims to have {count} symbols"));
    }

    [Test]
    public void A_count_beyond_the_tables_reads_what_is_there()
    {
        SparseMemory memory = new();
        VmcoreInfo info = Kernel(true).Write(memory, Tables, count: 3_000_000);

        Assert.That(Kallsyms.Read(memory, info, out string why)!.Find("weak"), Is.EqualTo(Base + 0x400));
        Assert.That(why, Does.EndWith("of 3000000 symbols are readable"));
    }

    private static Kallsyms Read(ForgedKallsyms kernel)
    {
        SparseMemory memory = new();
        Kallsyms? names = Kallsyms.Read(memory, kernel.Write(memory, Tables), out string why);
        Assert.That(why, Is.Empty);
        return names!;
    }
}
