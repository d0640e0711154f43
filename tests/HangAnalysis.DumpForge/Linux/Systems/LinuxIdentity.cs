using System.Globalization;
using System.Text;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Figures of memory in pages, as kmem -i prints them.</summary>
public sealed record MemoryFigures(ulong Total, ulong Free, ulong Files, ulong SlabReclaimable, ulong SlabUnreclaimable)
{
    public ulong Anonymous { get; init; } = 9000;

    public ulong SwapTotal { get; init; } = 262144;

    public ulong SwapFree { get; init; } = 262000;

    public ulong Committed { get; init; } = 12345;
}

/// <summary>What says which kernel this is and when it stopped: names, VMCOREINFO, clocks, counters, panic.</summary>
public sealed class LinuxIdentity
{
    private const int Hertz = 250;
    private readonly LinuxMachine _machine;
    private ulong _panicCpu, _crashingCpu, _taints;

    internal LinuxIdentity(LinuxMachine machine)
    {
        _machine = machine;
        Release = machine.Layout.Is61 ? "6.1.0-99-forged-amd64" : machine.Layout.Generation + ".99+forged-amd64";
        Memory = new MemoryFigures((ulong)machine.Options.RamMegabytes * 256 - 3000, 20000, 11000, 900, 1700);
    }

    public string Release { get; }

    public string Version => "#1 SMP PREEMPT_DYNAMIC Forged " + _machine.Layout.Name;

    public string NodeName { get; set; } = "forged-host";

    public string CommandLine { get; set; } = "BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro quiet";

    public MemoryFigures Memory { get; set; }

    /// <summary>The CPU that panicked; null in a dump of a live machine.</summary>
    public int? PanicCpu { get; set; }

    /// <summary>Written by a kexec crash kernel: VMCOREINFO has the time.</summary>
    public bool IsKdump { get; set; }

    /// <summary>Seconds since 1970 when it stopped.</summary>
    public long CrashTime { get; } = 1_795_225_265;

    /// <summary>Text of VMCOREINFO once the machine is complete.</summary>
    public string VmcoreInfo { get; private set; } = "";

    internal List<(string Name, ulong Address)> Kallsyms { get; } = [];

    /// <summary>The line of a task that goes with every report of the kernel (dump_stack_print_info()).</summary>
    public string Describe(LinuxTask task) =>
        $"CPU: {task.Cpu} PID: {task.Pid} Comm: {task.Comm} Kdump: loaded Tainted: G           OE      {Release} #1";

    internal void Prepare()
    {
        LinuxObject uts = _machine.Variable("init_uts_ns", "uts_namespace");
        uts.Text("name.sysname", "Linux").Text("name.nodename", NodeName).Text("name.release", Release)
            .Text("name.version", Version).Text("name.machine", "x86_64").Text("name.domainname", "(none)");
        _machine.Memory.Space.WriteUInt64(_machine.Data("saved_command_line", 8), _machine.String(CommandLine));
        string compiler = "(forge@forged-host) (gcc 12.2.0, GNU ld 2.40)";
        byte[] banner = Encoding.UTF8.GetBytes($"Linux version {Release} {compiler} {Version}\n\0");
        ulong at = _machine.Memory.TakeReadOnly(banner.Length, 32);
        _machine.Memory.Space.Write(at, banner);
        _machine.Symbols.Add("linux_banner", at, 'R');
        Number("panic_on_oops", PanicCpu is null ? 0u : 1);
        (_panicCpu, _crashingCpu) = (_machine.Data("panic_cpu", 4), _machine.Data("crashing_cpu", 4));
        _taints = _machine.Data("tainted_mask", 8);
        WriteClocks();
        WriteMemory();
    }

    internal void Complete()
    {
        uint none = uint.MaxValue;
        _machine.Memory.Space.WriteUInt32(_panicCpu, (uint?)PanicCpu ?? none);
        _machine.Memory.Space.WriteUInt32(_crashingCpu, IsKdump ? (uint?)PanicCpu ?? none : none);
        ulong taints = _machine.Modules.All.Aggregate(0ul, (bits, module) => bits | module.Taints);
        _machine.Memory.Space.WriteUInt64(_taints, taints);
        VmcoreInfo = VmcoreInfoText.Write(_machine);
        // The kernel keeps its text in a page of its own: found by a scan where a dump has no note.
        byte[] bytes = Encoding.UTF8.GetBytes(VmcoreInfo);
        ulong page = _machine.Memory.Allocate(bytes.Length, 0x1000);
        _machine.Memory.Space.Write(page, bytes);
    }

    private void Number(string name, uint value) => _machine.Memory.Space.WriteUInt32(_machine.Data(name, 4), value);

    private void Number64(string name, ulong value) => _machine.Memory.Space.WriteUInt64(_machine.Data(name, 8), value);

    private void WriteClocks()
    {
        TimeSpan uptime = _machine.Options.Uptime;
        // INITIAL_JIFFIES: five minutes before 32 bits overflow.
        ulong jiffies = unchecked((uint)(-300 * Hertz)) + (ulong)(uptime.TotalSeconds * Hertz);
        ulong at = _machine.Data("jiffies_64", 8, 64);
        _machine.Symbols.Add("jiffies", at, 'D');
        _machine.Memory.Space.WriteUInt64(at, jiffies);
        const int Shift = 24;
        // tk_core: a sequence counter and the timekeeper behind it; without a type of its own before 6.13.
        bool isTyped = _machine.Layout.Has("tk_data", "timekeeper");
        int size = isTyped ? _machine.Layout.SizeOf("tk_data") : _machine.Layout.SizeOf("timekeeper") + 8;
        ulong core = _machine.Data("tk_core", size, 64, 'd');
        long real = CrashTime * 1_000_000_000 - (long)(uptime.TotalSeconds * 1e9), wall = -real;
        _machine.Object("timekeeper", core + (isTyped ? (ulong)_machine.Layout.OffsetOf("tk_data", "timekeeper") : 8))
            .Set("xtime_sec", CrashTime).Set("ktime_sec", (ulong)uptime.TotalSeconds).Set("offs_real", real)
            .Set("tkr_mono.shift", Shift).Set("tkr_mono.mult", 1 << Shift).Set("tkr_mono.base_real", real)
            .Set("wall_to_monotonic.tv_sec", (long)Math.Floor(wall / 1e9))
            .Set("wall_to_monotonic.tv_nsec", (wall % 1_000_000_000 + 1_000_000_000) % 1_000_000_000);
        Number64("sysctl_hung_task_timeout_secs", 120);
    }

    private void WriteMemory()
    {
        ulong zone = _machine.Data("vm_zone_stat", 8 * 16, 64), node = _machine.Data("vm_node_stat", 8 * 64, 64);
        void Node(string item, ulong value) =>
            _machine.Memory.Space.WriteUInt64(node + 8 * (ulong)_machine.Layout.Enumerator("node_stat_item", item), value);
        Node("NR_FILE_PAGES", Memory.Files);
        Node("NR_SLAB_RECLAIMABLE_B", Memory.SlabReclaimable);
        Node("NR_SLAB_UNRECLAIMABLE_B", Memory.SlabUnreclaimable);
        Node("NR_ANON_MAPPED", Memory.Anonymous);
        Node("NR_SHMEM", 310);
        Node("NR_FILE_DIRTY", 17);
        Node("NR_WRITEBACK", 3);
        _machine.Memory.Space.WriteUInt64(zone, Memory.Free);
        Number64("_totalram_pages", Memory.Total);
        Number64("totalreserve_pages", 2222);
        Number64("total_swap_pages", Memory.SwapTotal);
        Number64("nr_swap_pages", Memory.SwapFree);
        Number("sysctl_overcommit_ratio", 50);
        Number64("total_swapcache_pages", 0);
        Number64("sysctl_overcommit_kbytes", 0);
        _machine.Variable("vm_committed_as", "percpu_counter").Set("count", Memory.Committed);
        Node("NR_SWAPCACHE", 0);
        WriteSwap();
        LinuxObject pgdat = _machine.New("pglist_data", 64);
        pgdat.Set("nr_zones", 3).Set("node_start_pfn", 1).Set("node_present_pages", Memory.Total + 3000)
            .Set("node_spanned_pages", (ulong)_machine.Options.RamMegabytes * 256);
        pgdat.Inner("node_zones[2]", "zone").Set("name", _machine.String("Normal")).Set("managed_pages", Memory.Total)
            .Set("_watermark[0]", 704).Set("_watermark[1]", 880).Set("_watermark[2]", 1056)
            .Set("present_pages", Memory.Total + 3000).Set("spanned_pages", (ulong)_machine.Options.RamMegabytes * 256)
            .Set("vm_stat[0]", Memory.Free);
        Number64("max_pfn", (ulong)_machine.Options.RamMegabytes * 256);
        ulong nodes = _machine.Data("node_data", 8 * 64, 32);
        _machine.Memory.Space.WriteUInt64(nodes, pgdat.Address);
        _machine.Memory.Space.WriteUInt64(_machine.Data("node_online_map", 128, 32), 1);
        Number64("page_offset_base", _machine.Memory.DirectBase);
        Number64("vmalloc_base", _machine.Memory.VmallocBase);
        Number64("vmemmap_base", _machine.Memory.PageMap);
    }

    // One swap area in use; no huge pages.
    private void WriteSwap()
    {
        const ulong Used = 1, Writable = 2;
        LinuxObject area = _machine.New("swap_info_struct").Set("flags", Used | Writable).Set("prio", -2)
            .Set("pages", Memory.SwapTotal).Set("inuse_pages", Memory.SwapTotal - Memory.SwapFree);
        _machine.Memory.Space.WriteUInt64(_machine.Data("swap_info", 8 * 32, 32), area.Address);
        Number("nr_swapfiles", 1);
        _machine.Variable("hstates", "hstate").Set("order", 9).Text("name", "hugepages-2048kB");
        Number("hugetlb_max_hstate", 1);
    }

    /// <summary>A number as VMCOREINFO prints it.</summary>
    internal static string Hex(ulong value) => value.ToString("x", CultureInfo.InvariantCulture);
}
