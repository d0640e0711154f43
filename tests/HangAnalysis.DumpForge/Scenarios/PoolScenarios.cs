using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Systems whose pool or commit somebody holds: the counts, and the drivers whose code allocates.</summary>
internal static class PoolScenarios
{
    private const string Ipmi = "IPMIDRV.sys";

    /// <summary>
    /// A published case: NotMyfault leaked 184 MB of nonpaged pool with the tag Leak. The figures are those of the article's
    /// listings (Windows Server 2003 with 1 GB), also where its !vm prints pages; blocks are as many as it says, of 2,048 and
    /// 2,049 pages.
    /// </summary>
    public static SystemBuilder Leak(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "pool-leak", new SystemOptions(layout)
        {
            Processors = 2,
            Memory = new MemoryCounters(262010, 166628, 156300, 640200)
            {
                ResidentAvailable = 199386,
                Details = new MemoryDetails
                {
                    Peak = 171000,
                    Modified = 359,
                    Zeroed = 98000,
                    Free = 628,
                    Standby = [0, 0, 4000, 4000, 4000, 54000, 1000, 1000],
                    PageFiles = [new PageFile(@"\??\C:\pagefile.sys", 393216, 393216, 786432, 391350, 2100)],
                    NonPagedPool = 49746,
                    NonPagedPoolMaximum = 51967,
                    NonPagedPoolCommit = 49900,
                    PagedPool = 4989,
                    PagedPoolMaximum = 70656,
                    ProcessCommit = 61000,
                    SharedCommit = 21000,
                    DriverCommit = 5400,
                    SystemPtes = 227000,
                    FreeSystemPtes = 218491,
                    FreeExpansionPtes = 1891,
                },
            },
        });
        SystemBuilder system = setup.System;
        PoolTables pool = system.PoolTables;
        pool.Count("Leak", 23, 0, 193024000).Count("LSwi", 1, 0, 2576384).Count("TCPt", 33, 0, 1422640)
            .Count("MmCa", 900_000, 893_000, 1_204_224).Count("Even", 2_400_000, 2_391_200, 563_200)
            .Count("File", 9_100_000, 9_093_000, 2_240_000).Count("Thre", 4_210, 3_760, 568_800)
            .Count("SeTs", 12, 2, 640).Count("Free", 400, 300, 12_800).Count("Menu", 90, 40, 3_200)
            // What is left of the article's totals: 23,954 blocks with 203,162,872 bytes.
            .Count("Irp ", 8_000_000, 7_999_513, 1_546_984, processor: 1)
            .Count("CMkb", 77_000, 52_000, 14_024_000, paged: true).Count("MmSt", 9_400, 2_058, 5_120_784, paged: true, processor: 1);
        bool isNarrow = layout.PointerSize == 4;
        ulong block = isNarrow ? 0x86000000 : 0xffffab0600000000;
        for (int i = 0; i < 23; i++)
        {
            ulong bytes = (i < 2 ? 2048ul : 2049) * 0x1000;
            pool.Large("Leak", block, bytes);
            block += 0x900000;
        }
        // As in the article, where `u` shows the tag's four bytes at f799f63f, which is myfault+63f, and a call through f799fb24.
        ForgedModule myfault = ThirdParty(system, "myfault.sys", "Sysinternals", "3.0.0.0", isNarrow ? 0xf799f000 : null);
        if (isNarrow)
            new PoolCode(system, myfault) { SlotRva = 0xb24 }.Call(0x63e, "ExAllocatePoolWithTag", "Leak");
        else
            new PoolCode(system, myfault).Call(layout.Architecture == Architecture.Arm64 ? 0x1640u : 0x163d, "ExAllocatePoolWithTag", "Leak");
        ForgedModule ipmi = ThirdParty(system, Ipmi, "Contoso Servers", "6.3.1.4");
        new PoolCode(system, ipmi).Call(0x1200, "ExAllocatePoolWithTag", "SeTs");
        ForgedModule closer = ThirdParty(system, "closer.sys", "Fabrikam Software", "1.2.0.0");
        PoolCode closing = new(system, closer);
        closing.Call(0x1200, "ExFreePoolWithTag", "Free");
        closing.Mention(0x1600, "Menu");
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>Counters that only their sum over all processors makes right, and drivers that share a tag.</summary>
    public static SystemBuilder PerProcessor(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "pool-per-cpu", new SystemOptions(layout) { Processors = 4 });
        SystemBuilder system = setup.System;
        PoolTables pool = system.PoolTables;
        pool.SharesFirstTable = false;
        // One processor allocates and the others free.
        pool.Count("Sink", 1000, 0, 64_000).Count("Sink", 0, 400, -25_600, processor: 1)
            .Count("Sink", 0, 590, -37_760, processor: 3)
            // More allocations than 32 bits hold: the difference is right in either width.
            .Count("Wrap", 0x1_0000_0005, 0, 0x60_0000_01e0).Count("Wrap", 0, 0xffff_ffff, -0x5f_ffff_ffa0, processor: 2)
            .CountInExpansion("Xpan", 70, 20, 819_200).CountInExpansion("Xpan", 8, 1, 4_480, paged: true)
            .Count("Both", 10, 0, 4_000, processor: 2).CountInExpansion("Both", 5, 0, 2_000)
            .Count("Shrd", 500, 100, 1_638_400).Count("Look", 64, 0, 262_144, paged: true, processor: 1)
            .Count("Fltx", 30, 0, 491_520).Count("Retp", 40, 10, 122_880).Count("Tail", 20, 0, 81_920).Count("Thnk", 9, 0, 36_864)
            .Count("Farx", 7, 0, 28_672).Count("SeTs", 12, 2, 640);
        ulong blocks = layout.PointerSize == 4 ? 0x88000000 : 0xffffab0700000000;
        pool.Large("Xpan", blocks, 0x10000).Large("Xpan", blocks + 0x100000, 0x2000)
            // Neither can be: one has no whole pages, the other more than its tag has in all.
            .Large("Both", blocks + 0x200000, 0x1234).Large("Both", blocks + 0x300000, 0x4000000);
        PoolCode one = new(system, ThirdParty(system, "one.sys", "Fabrikam Software", "1.0.0.1"));
        one.Call(0x1200, "ExAllocatePoolWithTag", "Shrd", PoolCallForm.PaddedSlot);
        one.Call(0x1600, "ExAllocatePoolWithTag", "Retp", PoolCallForm.Retpoline);
        one.Call(0x1a00, "ExInitializeNPagedLookasideList", "Look");
        one.Call(0x1e00, "ExAllocatePool2", "Tail", PoolCallForm.Tail);
        one.Call(0x2200, "ExAllocatePoolWithTag", "SeTs");
        PoolCode two = new(system, ThirdParty(system, "two.sys", "Contoso Servers", "2.0.0.1"));
        two.Call(0x1200, "ExAllocatePoolWithTag", "Shrd");
        two.Call(0x1600, "FltAllocatePoolAlignedWithTag", "Fltx");
        two.Call(0x1a00, "ExAllocatePoolWithQuotaTag", "Thnk", PoolCallForm.Thunk);
        two.Call(0x1e00, "ExAllocatePoolWithTag", "Farx", gap: 60);
        two.Call(0x2200, "ExAllocatePoolWithTag", "SeTs", PoolCallForm.PaddedSlot);
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>Commit is at its limit, the page file cannot grow, and one process has most of it.</summary>
    public static SystemBuilder CommitExhausted(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "commit-exhausted", new SystemOptions(layout)
        {
            Processors = 2,
            Memory = layout.PointerSize == 4 ? NarrowPools.WithoutCommit : new MemoryCounters(4194156, 30210, 6291190, 6291300)
            {
                ResidentAvailable = 120400,
                Details = new MemoryDetails
                {
                    Peak = 6291300,
                    Modified = 11000,
                    Zeroed = 0,
                    Free = 210,
                    Standby = [10000, 5000, 5000, 2000, 2000, 4000, 1000, 1000],
                    PageFiles =
                    [
                        new PageFile(@"\??\C:\pagefile.sys", 2097144, 2097144, 2097144, 81000, 2090000),
                        new PageFile(@"\??\C:\swapfile.sys", 4096, 4096, 65536, 4000, 900) { IsSwap = true },
                        new PageFile("", 4000000, 0, 4000000, 3800000, 200000) { IsVirtual = true },
                    ],
                    NonPagedPool = 61000,
                    NonPagedPoolMaximum = layout.Build < 9600 ? 3145728ul : 0x1_0000_0000,
                    NonPagedPoolCommit = 62000,
                    PagedPool = 80100,
                    PagedPoolMaximum = layout.Build < 9600 ? 33554432ul : 0x1_0000_0000,
                    ProcessCommit = 5900000,
                    SharedCommit = 210000,
                    DriverCommit = 8800,
                    ChargeFailures = [3, 12, 0, 0],
                    SystemPtes = 33000000,
                    FreeSystemPtes = 32900000,
                    PteFailures = 2,
                },
            },
        });
        ProcessBuilder process = setup.Population.New("hoarder.exe", 0xc40, 1, 0xc1c);
        process.Memory = layout.PointerSize == 4 ? NarrowPools.Hoarder
            : new ProcessMemory(0x203_c000_0000, 0x203_c000_0000, 3_700_000, 3_900_000, 5_100_000, 0x24000, 0x4800);
        process.HandleCount = 41_000;
        setup.Population.Fill(process, workers: 3);
        return setup.Complete(new Truth("memory-exhausted", null, []));
    }

    /// <summary>
    /// Nonpaged pool has nearly all memory, by a driver's tag: on 7 that is the pool's limit, later systems have no such limit.
    /// </summary>
    public static SystemBuilder Exhausted(KernelLayout layout)
    {
        const ulong Physical = 2_097_000;
        ulong limit = layout.Build < 9600 ? 1_572_864 : 0x1_0000_0000ul;
        Setup setup = Setup.Create(layout, "pool-exhausted", new SystemOptions(layout)
        {
            Processors = 2,
            Memory = layout.PointerSize == 4 ? NarrowPools.Exhausted : new MemoryCounters(Physical, 6_000, 1_990_000, 4_190_000)
            {
                Details = new MemoryDetails
                {
                    Peak = 2_010_000,
                    Modified = 900,
                    Zeroed = 0,
                    Free = 1_000,
                    Standby = [0, 500, 500, 1_000, 1_000, 1_000, 500, 500],
                    PageFiles = [new PageFile(@"\??\C:\pagefile.sys", 2_097_152, 2_097_152, 6_291_456, 2_090_000, 12_000)],
                    NonPagedPool = 1_510_000,
                    NonPagedPoolMaximum = limit,
                    NonPagedPoolCommit = 1_511_000,
                    PagedPool = 40_000,
                    PagedPoolMaximum = layout.Build < 9600 ? 33554432ul : 0x1_0000_0000,
                    ProcessCommit = 210_000,
                    SharedCommit = 31_000,
                    DriverCommit = 8_000,
                    SystemPtes = 33000000,
                    FreeSystemPtes = 32900000,
                },
            },
        });
        SystemBuilder system = setup.System;
        (layout.PointerSize == 4 ? NarrowPools.CountHung(system.PoolTables)
            : system.PoolTables.Count("Hung", 94_000_000, 1_200_000, 5_939_200_000)).Count("Irp ", 5_000_000, 4_990_000, 6_400_000)
            .Count("CMkb", 77_000, 52_000, 14_024_000, paged: true);
        ForgedModule driver = ThirdParty(system, "netmon.sys", "Fabrikam Software", "4.1.7.0");
        new PoolCode(system, driver).Call(0x1200, "ExAllocatePoolWithTag", "Hung", PoolCallForm.PaddedSlot);
        return setup.Complete(new Truth("memory-exhausted", driver, []));
    }

    private static ForgedModule ThirdParty(SystemBuilder system, string file, string company, string version, ulong? imageBase = null)
    {
        ForgedModule module = system.Modules.AddThirdParty(file, company, version, imageBase);
        module.DataRva = 0x6000;
        module.MinimumSize = 0x8000;
        return module;
    }
}
