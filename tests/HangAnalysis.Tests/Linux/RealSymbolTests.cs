using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>What real kernels say about themselves; figures of facts/linux-vmcore.md, the rest of crash.</summary>
public class RealSymbolTests
{
    private const string Kernel61 = "a-abba-mutex";
    private const string Kernel612 = "k612-a-abba-mutex-la57";

    [TestCase(Kernel61, 87_347, 95_246, 368_456)]
    [TestCase(Kernel612, 154_686, 107_331, 424_307)]
    public void All_symbols_types_and_unwind_entries_are_read(string name, int symbols, int types, int unwindEntries)
    {
        KernelSymbols kernel = RealVmcore.Open(name).Symbols;

        Assert.That((kernel.Names.Count, kernel.Types.Count, kernel.Unwinder.EntryCount),
            Is.EqualTo((symbols, types, unwindEntries)));
        Assert.That(kernel.Absent, Is.Empty);
        Assert.That(kernel.Unwinder.StackSize, Is.EqualTo(16 * 1024));
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Symbols_that_VMCOREINFO_names_have_the_same_addresses(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        foreach (string symbol in (string[])["_stext", "init_top_pgt", "init_uts_ns", "prb", "printk_rb_static"])
        {
            Assert.That(core.Target.Info.TryGetSymbol(symbol, out ulong address));
            Assert.That(core.Symbols.Find(symbol), Is.EqualTo(address), symbol);
        }
        Assert.That(core.Symbols.Find("no_such_symbol"), Is.Null);
    }

    [TestCase(Kernel61), TestCase(Kernel612)]
    public void Layouts_of_locks_are_those_of_the_source(string name)
    {
        Btf types = RealVmcore.Open(name).Symbols.Types;

        Assert.That(types.OffsetOf("mutex", "owner"), Is.Zero);
        Assert.That(types.OffsetOf("mutex", "wait_list"), Is.EqualTo(16));
        Assert.That(types.OffsetOf("rw_semaphore", "wait_list"), Is.EqualTo(24));
        Assert.That(types.OffsetOf("semaphore", "wait_list"), Is.EqualTo(8));
        Assert.That(types.OffsetOf("mutex_waiter", "task"), Is.EqualTo(16));
        Assert.That(types.OffsetOf("wq_barrier", "done"), Is.EqualTo(32));
        Assert.That(types.OffsetOf("inactive_task_frame", "ret_addr"), Is.EqualTo(48));
        Assert.That(types.OffsetOf("wait_queue_entry", "entry.next"), Is.EqualTo(24));
        Assert.That((types.SizeOf("list_head"), types.SizeOf("u32"), types.SizeOf("pt_regs")), Is.EqualTo((16, 4, 168)));
        Assert.That((types.CountOf("task_struct", "comm"), types.ElementSizeOf("task_struct", "comm")), Is.EqualTo((16, 1)));
        Assert.That(types.FindEnumValue("PIDTYPE_TGID", "pid_type"), Is.EqualTo(1));
        Assert.That(types.FindEnumValue("MODULE_STATE_GOING"), Is.EqualTo(2));
        Assert.That(types.TargetOf("task_struct", "mm")?.Name, Is.EqualTo("mm_struct"));
        Assert.That(types.Has("task_struct", "no_such_member"), Is.False);
        Assert.That(types.OffsetOf("no_such_struct", "x"), Is.Null);
    }

    [TestCase(Kernel61), TestCase(Kernel612)]
    public void A_module_has_types_of_its_own(string name)
    {
        KernelSymbols kernel = RealVmcore.Open(name).Symbols;
        BtfStruct? device = kernel.FindStruct("abba_dev");

        Assert.That(device?.Members.Select(member => $"{member.Name}@{member.Offset}"),
            Is.EqualTo(new[] { "id@0", "lock_b@8", "name@40" }));
        Assert.That(kernel.Types.FindStruct("abba_dev"), Is.Null);
        Assert.That(kernel.Modules.Find("abba")?.Types?.OffsetOf("abba_dev", "lock_b.wait_list"), Is.EqualTo(8 + 16));
        Assert.That(kernel.FindInModules("abba_lock_a"), Is.Not.Null);
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Modules_are_those_of_crash(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        MatchCollection lines = Regex.Matches(core.Text("crash-mod.txt"), @"(?m)^(\w{16})  (\w+) +(\w{16}) +(\d+)");

        IEnumerable<(ulong, string, ulong, ulong)> expected = lines.Select(
            line => (Hex(line, 1), line.Groups[2].Value, Hex(line, 3), ulong.Parse(line.Groups[4].Value)));
        IEnumerable<(ulong, string, ulong, ulong)> found = core.Symbols.Modules.All.Reverse().Select(
            module => (module.Address, module.Name, module.Base, module.Size));
        Assert.That(found, Is.EqualTo(expected));
    }

    /// <summary>The log says "Tainted: G           OE": a module from outside of the tree, unsigned.</summary>
    [Test]
    public void Taints_are_those_of_the_log()
    {
        KernelSymbols kernel = RealVmcore.Open("f-kdump-hungtask-panic").Symbols;

        Assert.That(kernel.Taints, Is.EqualTo("OE"));
        Assert.That(kernel.Modules.Find("rwhold")?.Taints, Is.EqualTo("OE"));
        Assert.That(kernel.Modules.Find("qemu_fw_cfg")?.Taints, Is.Empty);
        Assert.That(kernel.Modules.Find("rwhold")?.State, Is.EqualTo(LinuxModuleState.Live));
    }

    /// <summary>The module's init function had not returned when it died.</summary>
    [Test]
    public void A_module_that_starts_is_coming()
    {
        LinuxModule? module = RealVmcore.Open("c-null-oops").Symbols.Modules.Find("nullptr");

        Assert.That(module?.State, Is.EqualTo(LinuxModuleState.Coming));
        Assert.That(module?.Ranges, Has.Some.Matches<LinuxModuleRange>(range => range is { IsInit: true, IsText: true }));
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void The_current_task_of_each_processor_is_that_of_crash(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        KernelSymbols kernel = core.Symbols;
        HashSet<ulong> current = [];
        for (int cpu = 0; cpu < kernel.PerCpu.Count; cpu++)
        {
            ulong? at = kernel.FindPerCpu("current_task", cpu)
                ?? kernel.FindPerCpu("pcpu_hot", cpu) + (ulong?)kernel.Types.OffsetOf("pcpu_hot", "current_task");
            Assert.That(core.Memory.TryReadUInt64(at ?? 0, out ulong task));
            current.Add(task);
        }
        Assert.That(current, Is.EquivalentTo(core.RunningTasks()));
    }

    [Test]
    public void An_address_that_is_none_of_the_kernel_has_no_name()
    {
        KernelSymbols kernel = RealVmcore.Open(Kernel61).Symbols;

        // A null pointer, a per-CPU offset, user space, the direct map, behind everything.
        foreach (ulong address in (ulong[])[0, 0x1fb80, 0x460a63, 0xffff89e08290b000, ulong.MaxValue])
            Assert.That(kernel.TryFindNearest(address, out _), Is.False, $"{address:x}");
        Assert.That(kernel.TryFindFunction(kernel.Find("init_task")!.Value, out _), Is.False);
        Assert.That(kernel.TryFindNearest(kernel.Find("init_task")!.Value + 8, out LinuxSymbol symbol));
        Assert.That(symbol.Describe(symbol.Address + 8), Is.EqualTo("init_task+0x8"));
    }

    private static ulong Hex(Match line, int group) => ulong.Parse(line.Groups[group].Value, NumberStyles.AllowHexSpecifier);
}
