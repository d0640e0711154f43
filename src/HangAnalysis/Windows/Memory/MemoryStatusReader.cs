using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Memory;

/// <summary>Reads what the memory manager counts of the whole machine.</summary>
/// <remarks>
/// Places: crash-triage.md 2.1 [S], those in KDDEBUGGER_DATA64 by the order of wdbgexts.h, of which 148, 150, 1a8, 1b0 and 258
/// are the fact base's. What cannot be true is not printed: more pages than 2^40, or more than four times memory and page
/// files, or a part of commit that is larger than all of it (2.8: the debugger's own listing shows such numbers).
/// </remarks>
internal sealed class MemoryStatusReader
{
    private const ulong PageSize = 0x1000;

    private readonly KernelSession _session;
    private readonly MemoryVariables _variables;
    private ulong _mostPages = MemoryReader.ImpossiblePages;

    private MemoryStatusReader(KernelSession session)
    {
        _session = session;
        _variables = new MemoryVariables(session);
    }

    /// <summary>Reads all of it.</summary>
    public static MemoryStatus Read(KernelSession session) =>
        session.Target.Description.HoldsPages ? new MemoryStatusReader(session).Read()
            : OfSmallDump(session.Target.Description.SmallDumpMemory);

    private MemoryStatus Read()
    {
        MemoryFigure physical = Pages(new("Vp.NumberOfPhysicalPages", null, "MmNumberOfPhysicalPages", 0xf8));
        (IReadOnlyList<PageFileFacts> files, string? whyNoFiles) = new PageFileReader(_session).Read(_variables);
        ulong paging = 0;
        foreach (PageFileFacts file in files)
            paging += Math.Max(file.Size, file.Maximum) / PageSize;
        if (physical.Bytes is { } bytes)
            _mostPages = Math.Min(_mostPages, bytes / PageSize + paging * 4 + (whyNoFiles is null ? 0 : MemoryReader.ImpossiblePages));
        MemoryFigure committed = Pages(new("Vp.TotalCommittedPages", null, "MmTotalCommittedPages", 0x150));
        return new MemoryStatus
        {
            Source = _variables.Source,
            Physical = physical,
            Available = Pages(new("Vp.AvailablePages", null, "MmAvailablePages", 0x1a8)),
            ResidentAvailable = Pages(new("Vp.ResidentAvailablePages", null, "MmResidentAvailablePages", 0x1b0)),
            Committed = committed,
            CommitLimit = Pages(new("Vp.TotalCommitLimit", null, "MmTotalCommitLimit", 0x148)),
            CommitPeak = Pages(new("Commit.PeakCommitment", null, "MmPeakCommitment", 0x258)),
            Modified = List("Vp.ModifiedPageListHead", "MmModifiedPageListHead", 0x198),
            Standby = Standby(),
            Free = List("PageLists.FreePageListHead", "MmFreePageListHead", 0x188),
            Zeroed = List("PageLists.ZeroedPageListHead", "MmZeroedPageListHead", 0x180),
            PageFiles = files,
            WhyNoPageFiles = whyNoFiles,
            NonPaged = new PoolMemory(
                NonPagedPool(),
                Maximum(new(null, "Vs.MaximumNonPagedPoolInPages", null), "MmMaximumNonPagedPoolInBytes", 0x100),
                Pages(new(null, "Vs.NonPagedPoolCommit", "MmNonPagedPoolCommit"))),
            Paged = new PoolMemory(PagedPool(),
                Maximum(new(null, "Vs.SizeOfPagedPoolInPages", null), "MmSizeOfPagedPoolInBytes", 0x140),
                Pages(new(null, null, "MmPagedPoolCommit", 0x170))),
            CommitParts = Parts(committed),
            SystemMappings = Mappings(),
            Failures = Failures(out bool known),
            KnowsFailures = known,
        };
    }

    /// <summary>A counter of pages.</summary>
    private MemoryFigure Pages(MemoryPlace place, int width = 0) =>
        _variables.Read(place, width, out string why) is { } pages ? Checked(pages) : MemoryFigure.Missing(why);

    private MemoryFigure Checked(ulong pages) => pages <= _mostPages ? MemoryFigure.Of(pages * PageSize)
        : MemoryFigure.Missing($"{pages:N0} pages cannot be: the field is another one in this layout, or damaged");

    /// <summary>
    /// What a pool may have: in pages, or in bytes as a variable of its own. It is the room of its addresses, which may be more
    /// than all memory.
    /// </summary>
    private MemoryFigure Maximum(MemoryPlace place, string variable, int debuggerData)
    {
        if (_variables.Read(place, 0, out string why) is { } pages)
            return pages is > 0 and <= MemoryReader.ImpossiblePages ? MemoryFigure.Of(pages * PageSize)
                : MemoryFigure.Missing($"{pages:N0} pages cannot be");
        ulong? bytes = _variables.Read(new MemoryPlace(null, null, variable, debuggerData), 0, out string other);
        return bytes is > 0 and <= MemoryReader.ImpossiblePages * PageSize ? MemoryFigure.Of(bytes.Value)
            : MemoryFigure.Missing(bytes is null ? why.Length > 0 ? why : other : $"{bytes:N0} bytes cannot be");
    }

    /// <summary>The length of a list of pages: MMPFNLIST.Total, its first member in all layouts.</summary>
    private MemoryFigure List(string path, string variable, int debuggerData)
    {
        // A head of zeros is a list that this system does not use.
        return _variables.TryLocate(new MemoryPlace(path, null, variable, debuggerData), out ulong address, out _, out string why)
            ? ReadTotal(address) is { } pages ? Checked(pages) : MemoryFigure.Missing("not in the dump")
            : MemoryFigure.Missing(why);
    }

    private ulong? ReadTotal(ulong list) => _session.Memory.TryReadPointer(list, out ulong pages) ? pages : null;

    /// <summary>Since Vista there is a list for each of eight priorities; before, one.</summary>
    private MemoryFigure Standby()
    {
        const int Priorities = 8;
        int stride = _session.Types.Get("_MMPFNLIST").Size;
        if (stride == 0 || !_variables.TryLocate(new MemoryPlace("PageLists.StandbyPageListByPriority", null, "MmStandbyPageListByPriority"),
            out ulong lists, out _, out _))
            return List("PageLists.StandbyPageListHead", "MmStandbyPageListHead", 0x190);
        ulong sum = 0;
        for (int i = 0; i < Priorities; i++)
        {
            if (ReadTotal(lists + (ulong)(i * stride)) is not { } pages)
                return MemoryFigure.Missing("not in the dump");
            if (pages > MemoryReader.ImpossiblePages)
                return Checked(pages);
            sum += pages;
        }
        return Checked(sum);
    }

    /// <summary>
    /// XP and 2003 count by pools: TotalPages and TotalBigPages of a POOL_DESCRIPTOR, whose sum is what they report as nonpaged
    /// pool (ReactOS, ExQueryPoolUsage; wdbgexts.h has its address at 1c0). A machine of several nodes has a pool for each.
    /// </summary>
    private MemoryFigure NonPagedPool()
    {
        const string Type = "_POOL_DESCRIPTOR";
        MemoryPlace counter = new(null, "Pools.AllocatedNonPagedPool", "MmAllocatedNonPagedPool");
        if (_variables.TryLocate(counter, out _, out _, out string why))
            return Pages(counter);
        StructLayout type = _session.Types.Get(Type);
        (FieldSlot small, FieldSlot large) = (type.Optional("TotalPages"), type.Optional("TotalBigPages"));
        if (!small.IsPresent || !large.IsPresent
            || !_variables.TryLocate(new(null, null, "NonPagedPoolDescriptor", 0x1c0), out ulong pool, out _, out _))
            return MemoryFigure.Missing(why);
        if (_session.TryGetAddress("ExpNumberOfNonPagedPools", out ulong number)
            && _session.Memory.TryReadUInt32(number, out uint pools) && pools > 1)
            return MemoryFigure.Missing($"there are {pools:N0} nonpaged pools, which are not counted together");
        return ReadField(pool, small) is { } some && ReadField(pool, large) is { } more && some <= MemoryReader.ImpossiblePages
            ? Checked(some + more) : MemoryFigure.Missing("not in the dump");
    }

    /// <summary>A number of at most eight bytes, in the width that the symbols say.</summary>
    private ulong? ReadField(ulong structure, FieldSlot slot)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        bytes = bytes[..Math.Clamp(slot.Size, 0, bytes.Length)];
        return _session.Memory.TryRead(structure + (ulong)slot.Offset, bytes) ? new FieldSlot(0, bytes.Length).Read(bytes) : null;
    }

    private MemoryFigure PagedPool()
    {
        const string Type = "_MM_PAGED_POOL_INFO";
        MemoryFigure figure = Pages(new(null, "Vs.PagedPoolInfo.AllocatedPagedPool", null));
        if (figure.Bytes is not null || !_session.TryGetAddress("MmPagedPoolInfo", out ulong info))
            return figure;
        FieldSlot slot = _session.Types.Get(Type).Optional("AllocatedPagedPool");
        return !slot.IsPresent ? MemoryFigure.Missing($"the symbols do not have {Type}")
            : _session.Memory.TryReadPointer(info + (ulong)slot.Offset, out ulong pages) ? Checked(pages)
            : MemoryFigure.Missing("not in the dump");
    }

    private List<CommitPart> Parts(MemoryFigure committed)
    {
        List<CommitPart> parts = [];
        foreach ((string name, MemoryPlace place, int width) in ((string, MemoryPlace, int)[])
        [
            ("processes", new(null, "Vs.ProcessCommit", "MmProcessCommit", 0x168), 0),
            ("shared", new("Vp.SharedCommit", "Vs.SharedCommit", "MmSharedCommit", 0x158), 0),
            ("nonpaged pool", new(null, "Vs.NonPagedPoolCommit", "MmNonPagedPoolCommit"), 0),
            ("paged pool", new(null, null, "MmPagedPoolCommit", 0x170), 0),
            // LONG on all systems.
            ("drivers", new(null, "Vs.DriverCommit", "MmDriverCommit", 0x160), sizeof(uint)),
            ("page tables of the system", new(null, "Vs.SystemPageTableCommit", null), 0),
            ("start-up", new(null, "Vs.BootCommit", null), 0),
            ("page frame database", new(null, "Vs.PfnDatabaseCommit", null), 0),
            ("locked by drivers (MDL)", new(null, "Vs.MdlPagesAllocated", null), 0),
            ("contiguous", new(null, "Vs.ContiguousPagesAllocated", null), 0),
        ])
        {
            MemoryFigure figure = Pages(place, width);
            if (figure.Bytes > committed.Bytes)
                figure = MemoryFigure.Missing("more than all commit: the field is another one in this layout, or damaged");
            // What a system does not count, and what is nothing, is left out; what is wrong is not.
            if (figure.Bytes is > 0 || (figure.Bytes is null && figure.WhyNot!.Contains("cannot be", StringComparison.Ordinal))
                || (figure.Bytes is null && figure.WhyNot!.StartsWith("more than", StringComparison.Ordinal)))
                parts.Add(new CommitPart(name, figure));
        }
        return parts;
    }

    /// <summary>
    /// Since 9600 the count of free entries of x64 is that of a bitmap of addresses and says nothing (2.5); one larger than the
    /// total is not printed. XP and 2003 have variables, of which that of free ones is an array by kind, the system's first
    /// (ReactOS, syspte.c).
    /// </summary>
    private (ulong Total, ulong? Free)? Mappings()
    {
        ulong? total = Pte("TotalSystemPtes") ?? _variables.Read(new(null, null, "MmTotalSystemPtes"), sizeof(uint), out _);
        ulong? free = Pte("TotalFreeSystemPtes") ?? _variables.Read(new(null, null, "MmTotalFreeSystemPtes"), sizeof(uint), out _);
        return total is > 0 and < MemoryReader.ImpossiblePages ? (total.Value, free <= total ? free : null) : null;
    }

    private ulong? Pte(string field) => PteOf("SystemViewPteInfo", field) ?? PteOfVariable(field);

    private ulong? PteOf(string info, string field) =>
        _variables.Read(new MemoryPlace(null, $"SystemPtes.{info}.{field}", null), 0, out _);

    private ulong? PteOfVariable(string field)
    {
        FieldSlot slot = _session.Types.Get("_MI_SYSTEM_PTE_TYPE").Optional(field);
        return slot.IsPresent && _session.TryGetAddress("MiSystemPteInfo", out ulong info) ? ReadField(info, slot) : null;
    }

    private List<MemoryFailures> Failures(out bool known)
    {
        List<MemoryFailures> failures = [];
        known = Add("charges of commit", Sum(new("Vp.ChargeCommitmentFailures", null, "MiChargeCommitmentFailures"), 4));
        known |= Add("allocations of pool", Sum(new(null, "Pools.PoolFailures", "MmPoolFailures"), 9));
        known |= Add("allocations of pool (executive)", Sum(new(null, null, "ExPoolFailures"), 1));
        known |= Add("mappings of the system", Pte("PteFailures"));
        known |= Add("mappings of kernel stacks", PteOf("KernelStackPteInfo", "PteFailures"));
        return failures;

        bool Add(string what, ulong? count)
        {
            if (count is > 0)
                failures.Add(new MemoryFailures(what, count.Value));
            return count is not null;
        }
    }

    /// <summary>The sum of an array of counters of 32 bits; a variable reaches at most to the next one.</summary>
    private ulong? Sum(MemoryPlace place, int most)
    {
        if (!_variables.TryLocate(place, out ulong address, out int size, out _))
            return null;
        int count = size > 0 ? size / sizeof(uint)
            : SymbolSpan.CountElements(_session.Symbols!, place.Variable!, sizeof(uint), most);
        ulong sum = 0;
        for (int i = 0; i < Math.Min(count, most); i++)
        {
            if (!_session.Memory.TryReadUInt32(address + (ulong)(i * sizeof(uint)), out uint value))
                return null;
            sum += value;
        }
        return sum;
    }

    /// <summary>What a small dump says: see <see cref="SmallDumpMemory"/>.</summary>
    private static MemoryStatus OfSmallDump(SmallDumpMemory? small)
    {
        MemoryFigure missing = MemoryFigure.Missing("a small dump does not hold it");
        return new MemoryStatus
        {
            Source = "the small dump's block of memory counters",
            Committed = Of(small?.Committed),
            CommitLimit = Of(small?.CommitMaximum),
            IsCommitLimitMaximum = true,
            CommitPeak = Of(small?.CommitPeak),
            Physical = missing,
            Available = missing,
            ResidentAvailable = missing,
            Modified = missing,
            Standby = missing,
            Free = missing,
            Zeroed = missing,
            WhyNoPageFiles = "a small dump does not hold them",
            NonPaged = new PoolMemory(Of(small?.NonPagedAllocated), Of(small?.NonPagedMaximum), missing),
            Paged = new PoolMemory(Of(small?.PagedAllocated), Of(small?.PagedMaximum), missing),
        };

        MemoryFigure Of(ulong? pages) => pages is null ? missing : pages <= MemoryReader.ImpossiblePages
            ? MemoryFigure.Of(pages.Value * PageSize) : MemoryFigure.Missing($"{pages:N0} pages cannot be");
    }
}
