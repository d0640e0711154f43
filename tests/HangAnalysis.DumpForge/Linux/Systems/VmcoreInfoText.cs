using System.Globalization;
using System.Text;
using HangAnalysis.DumpForge.Linux.Layouts;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>The text of VMCOREINFO (Documentation/admin-guide/kdump/vmcoreinfo.rst).</summary>
internal static class VmcoreInfoText
{
    private static readonly string[] s_sizes =
    [
        "page", "pglist_data", "zone", "free_area", "list_head", "nodemask_t", "printk_ringbuffer", "prb_desc_ring",
            "prb_desc",
        "prb_data_blk_lpos", "printk_info", "dev_printk_info", "prb_data_ring", "atomic_long_t", "latched_seq",
    ];

    private static readonly string[] s_offsets =
    [
        "uts_namespace.name", "mem_section.section_mem_map", "page.flags", "page._refcount", "page.mapping", "page.lru",
        "page._mapcount", "page.private", "page.compound_head", "pglist_data.node_zones", "pglist_data.nr_zones",
        "pglist_data.node_start_pfn", "pglist_data.node_spanned_pages", "pglist_data.node_id", "zone.free_area",
            "zone.vm_stat",
        "zone.spanned_pages", "free_area.free_list", "list_head.next", "list_head.prev", "printk_ringbuffer.desc_ring",
        "printk_ringbuffer.text_data_ring", "printk_ringbuffer.fail", "prb_desc_ring.count_bits", "prb_desc_ring.descs",
        "prb_desc_ring.infos", "prb_desc_ring.head_id", "prb_desc_ring.tail_id", "prb_desc.state_var",
            "prb_desc.text_blk_lpos",
        "prb_data_blk_lpos.begin", "prb_data_blk_lpos.next", "printk_info.seq", "printk_info.ts_nsec",
            "printk_info.text_len",
        "printk_info.caller_id", "printk_info.dev_info", "dev_printk_info.subsystem", "dev_printk_info.device",
        "prb_data_ring.size_bits", "prb_data_ring.data", "prb_data_ring.head_lpos", "prb_data_ring.tail_lpos",
        "atomic_long_t.counter", "latched_seq.val",
    ];

    public static string Write(LinuxMachine machine)
    {
        LinuxLayout layout = machine.Layout;
        StringBuilder text = new();
        void Line(string key, string value) => text.Append(key).Append('=').Append(value).Append('\n');
        void Number(string key, long value) => Line($"NUMBER({key})", value.ToString(CultureInfo.InvariantCulture));
        void Symbol(string name, ulong? address = null) =>
            Line($"SYMBOL({name})", LinuxIdentity.Hex(address ?? machine.Symbols[name]));
        Line("OSRELEASE", machine.Identity.Release);
        Line("BUILD-ID", "0123456789abcdef0123456789abcdef01234567");
        Line("PAGESIZE", "4096");
        ulong tables = machine.Memory.ImageOf(machine.Memory.Space.DirectoryTableBase);
        foreach (string name in (string[])["init_uts_ns", "node_online_map", "_stext", "prb", "printk_rb_static",
            "clear_seq", "node_data"])
            Symbol(name);
        Symbol("swapper_pg_dir", tables);
        Symbol("init_top_pgt", tables);
        foreach (string type in s_sizes)
            Line($"SIZE({type})", layout.SizeOf(type).ToString(CultureInfo.InvariantCulture));
        foreach (string path in s_offsets)
        {
            string[] parts = path.Split('.', 2);
            Line($"OFFSET({path})", layout.OffsetOf(parts[0], parts[1]).ToString(CultureInfo.InvariantCulture));
        }
        Line("LENGTH(printk_info_subsystem)", "16");
        Line("LENGTH(printk_info_device)", "48");
        Number("NR_FREE_PAGES", 0);
        Number("PG_lru", layout.Is61 ? 4 : 5);
        Number("phys_base", machine.Memory.PhysBase);
        Number("pgtable_l5_enabled", machine.Options.HasFiveLevels ? 1 : 0);
        Line("KERNELOFFSET", LinuxIdentity.Hex(machine.Memory.Slide));
        Number("KERNEL_IMAGE_SIZE", 1073741824);
        Number("sme_mask", 0);
        if (machine.Options.HasKallsymsInfo)
            foreach ((string name, ulong address) in machine.Identity.Kallsyms)
                Symbol(name, address);
        if (machine.Identity.IsKdump)
            Line("CRASHTIME", machine.Identity.CrashTime.ToString(CultureInfo.InvariantCulture));
        return text.ToString();
    }
}
