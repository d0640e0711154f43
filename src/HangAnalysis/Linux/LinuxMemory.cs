using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Reads how the machine's memory is used, by the kernel's own counters.</summary>
/// <remarks>
/// Counters: vm_zone_stat and vm_node_stat since 4.8, indexed by the enums zone_stat_item and node_stat_item, which differ
/// by
/// version and configuration and are taken from BTF. Counters whose names end in _B (5.9) are kept in pages all the same.
/// </remarks>
internal sealed class LinuxMemory(LinuxSession session)
{
    /// <summary>Bytes of a page of x86-64.</summary>
    public const ulong PageBytes = 4096;

    private const int MostSwapAreas = 64, MostHugeSizes = 16, MostBlockDevices = 65_536;

    /// <summary>All figures. Cheap: two dozen small reads, and one for each block device.</summary>
    public MemoryFigures Read()
    {
        List<ZoneFigures> zones = [];
        ulong? present = new MemoryZones(session).Read(zones);
        ulong? total = Variable("_totalram_pages") ?? Variable("totalram_pages");
        ulong? free = ZoneStat("NR_FREE_PAGES");
        ulong? reclaimable = NodeStat("NR_SLAB_RECLAIMABLE_B") ?? NodeStat("NR_SLAB_RECLAIMABLE");
        ulong? fixedSlab = NodeStat("NR_SLAB_UNRECLAIMABLE_B") ?? NodeStat("NR_SLAB_UNRECLAIMABLE");
        (ulong Total, ulong Free)? huge = HugePages();
        (ulong Total, ulong Used)? swap = Swap();
        ulong? buffers = Buffers();
        PerCpuCounter counter = new(session);
        ulong committed = session.AddressOf("vm_committed_as");
        return new MemoryFigures
        {
            Total = total,
            Free = free,
            Available = Available(free, reclaimable, zones),
            Buffers = buffers,
            Cached = Cached(buffers, swap?.Used),
            Slab = reclaimable + fixedSlab,
            SlabReclaimable = reclaimable,
            HugeTotal = huge?.Total,
            HugeFree = huge?.Free,
            SwapTotal = swap?.Total,
            SwapUsed = swap?.Used,
            CommitLimit = CommitLimit(total, huge?.Total, Variable("total_swap_pages") ?? swap?.Total),
            Committed = committed == 0 ? null : (ulong)Math.Max(counter.Rough(committed), 0),
            CommittedExact = committed == 0 ? null : (ulong)Math.Max(counter.Sum(committed), 0),
            IsCommitStrict = Number("sysctl_overcommit_memory") is { } mode ? mode == 2 : null,
            Present = present,
            Zones = zones,
        };
    }

    private ulong? Variable(string name) =>
        session.AddressOf(name) is not 0 and var address && session.Memory.TryReadUInt64(address, out ulong value) ? value
            : null;

    private uint? Number(string name) =>
        session.AddressOf(name) is not 0 and var address && session.Memory.TryReadUInt32(address, out uint value) ? value
            : null;

    private ulong? ZoneStat(string item) => Stat("vm_zone_stat", item, "zone_stat_item");

    private ulong? NodeStat(string item) => Stat("vm_node_stat", item, "node_stat_item");

    // A counter may be below zero for a moment, as the processors add to it in turn; the kernel shows 0 then.
    private ulong? Stat(string table, string item, string kinds) =>
        session.AddressOf(table) is not 0 and var address
        && session.Symbols.Types.FindEnumValue(item, kinds) is long index and >= 0 and < 256
        && session.Memory.TryReadUInt64(address + (ulong)index * 8, out ulong value) ? (ulong)Math.Max((long)value, 0)
            : null;

    // mm/show_mem.c, si_mem_available().
    private ulong? Available(ulong? free, ulong? slab, List<ZoneFigures> zones)
    {
        if (free is null || Variable("totalreserve_pages") is not { } reserve || zones.Count == 0
            || NodeStat("NR_ACTIVE_FILE") is not { } active || NodeStat("NR_INACTIVE_FILE") is not { } inactive)
            return null;
        ulong low = 0;
        foreach (ZoneFigures zone in zones)
            low += zone.Low;
        ulong cache = active + inactive;
        ulong freed = (slab ?? 0) + (NodeStat("NR_KERNEL_MISC_RECLAIMABLE") ?? 0);
        ulong all = free.Value + cache - Math.Min(cache / 2, low) + freed - Math.Min(freed / 2, low);
        return all > reserve ? all - reserve : 0;
    }

    // block/bdev.c, nr_blockdev_pages(): the pages of every inode of the file system of block devices.
    private ulong? Buffers()
    {
        FieldSlot inodes = session.Field("super_block", "s_inodes"), link = session.Field("inode", "i_sb_list");
        FieldSlot mapping = session.Field("inode", "i_mapping"), pages = session.Field("address_space", "nrpages");
        ulong superBlock = session.ReadPointer(session.AddressOf("blockdev_superblock"));
        if (!inodes.IsPresent || !link.IsPresent || !mapping.IsPresent || !pages.IsPresent
            || !LinuxSession.IsObject(superBlock))
            return null;
        List<ulong> nodes = [];
        if (ListRing.Collect(session.Memory, superBlock + (ulong)inodes.Offset, MostBlockDevices, nodes) is not null)
            return null;
        ulong sum = 0;
        foreach (ulong node in nodes)
            sum += session.Read(session.Read(node - (ulong)link.Offset, mapping), pages);
        return sum;
    }

    private ulong? Cached(ulong? buffers, ulong? swapUsed)
    {
        // Counted by itself since 5.12; before, it is nothing where nothing is swapped.
        ulong? swapCache = NodeStat("NR_SWAPCACHE") ?? (swapUsed == 0 ? 0 : null);
        return NodeStat("NR_FILE_PAGES") is { } files && buffers is { } own && swapCache is { } swapped && files >= own +
            swapped
            ? files - own - swapped : null;
    }

    private (ulong Total, ulong Free)? HugePages()
    {
        FieldSlot order = session.Field("hstate", "order"), all = session.Field("hstate", "nr_huge_pages");
        FieldSlot free = session.Field("hstate", "free_huge_pages");
        ulong table = session.AddressOf("hstates");
        int step = session.SizeOf("hstate");
        if (table == 0 || step == 0 || !order.IsPresent || !all.IsPresent || !free.IsPresent)
            return null;
        (ulong Total, ulong Free) sum = default;
        for (int i = 0; i < MostHugeSizes && i < (Number("hugetlb_max_hstate") ?? 0); i++)
        {
            ulong state = table + (ulong)(i * step);
            int shift = (int)Math.Min(session.Read(state, order), 30);
            sum = (sum.Total + (session.Read(state, all) << shift), sum.Free + (session.Read(state, free) << shift));
        }
        return sum;
    }

    private (ulong Total, ulong Used)? Swap()
    {
        const ulong InUse = 1; // SWP_USED of include/linux/swap.h.
        FieldSlot flags = session.Field("swap_info_struct", "flags"), pages = session.Field("swap_info_struct", "pages");
        FieldSlot used = session.Field("swap_info_struct", "inuse_pages");
        ulong table = session.AddressOf("swap_info");
        if (table == 0 || Number("nr_swapfiles") is not { } count || !pages.IsPresent || !used.IsPresent)
            return null;
        (ulong Total, ulong Used) sum = default;
        for (uint i = 0; i < count && i < MostSwapAreas; i++)
            if (session.ReadPointer(table + i * 8) is var area && LinuxSession.IsObject(area)
                && (session.Read(area, flags) & InUse) != 0)
                // Since 6.7 the top bit of inuse_pages is a flag of its own (SWAP_USAGE_OFFLIST_BIT).
                sum = (sum.Total + session.Read(area, pages), sum.Used + (session.Read(area, used) & ~(1UL << 62)));
        return sum;
    }

    // mm/util.c, vm_commit_limit().
    private ulong? CommitLimit(ulong? total, ulong? huge, ulong? swap)
    {
        if (total is not { } all || Number("sysctl_overcommit_ratio") is not { } ratio || swap is not { } swapped)
            return null;
        ulong fixedLimit = Variable("sysctl_overcommit_kbytes") ?? 0;
        ulong used = Math.Min(huge ?? 0, all);
        return (fixedLimit > 0 ? fixedLimit / 4 : (all - used) * Math.Min(ratio, 1000) / 100) + swapped;
    }
}
