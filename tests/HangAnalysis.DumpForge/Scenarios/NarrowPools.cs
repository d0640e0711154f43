using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Figures of <see cref="PoolScenarios"/> for systems of 32 bits, whose addresses and counters do not hold the others'.</summary>
internal static class NarrowPools
{
    private static readonly PageFile s_file = new(@"\??\C:\pagefile.sys", 524_286, 524_286, 524_286, 20_000, 522_500);

    /// <summary>4 GB of memory, 6 GB of commit, and hardly any of either left.</summary>
    public static MemoryCounters WithoutCommit { get; } = new(1_048_000, 7_600, 1_572_700, 1_572_800)
    {
        ResidentAvailable = 30_000,
        Details = new MemoryDetails
        {
            Peak = 1_572_800,
            Modified = 2_700,
            Zeroed = 0,
            Free = 50,
            Standby = [2_550, 1_000, 1_000, 500, 500, 1_000, 500, 500],
            PageFiles = [s_file],
            NonPagedPool = 15_000,
            NonPagedPoolMaximum = 65_536,
            NonPagedPoolCommit = 15_200,
            PagedPool = 20_000,
            PagedPoolMaximum = 90_112,
            ProcessCommit = 1_450_000,
            SharedCommit = 52_000,
            DriverCommit = 2_200,
            ChargeFailures = [3, 12, 0, 0],
            SystemPtes = 227_000,
            FreeSystemPtes = 218_000,
            PteFailures = 2,
        },
    };

    /// <summary>A process that has nearly all of its 2 GB.</summary>
    public static ProcessMemory Hoarder { get; } = new(0x7ff0_0000, 0x7ff0_0000, 480_000, 490_000, 510_000, 0x24000, 0x4800);

    /// <summary>768 MB of memory, of which nonpaged pool has 242, and may have 256: the most that 2003 allows it.</summary>
    public static MemoryCounters Exhausted { get; } = new(196_500, 700, 250_000, 640_000)
    {
        Details = new MemoryDetails
        {
            Peak = 251_000,
            Modified = 90,
            Zeroed = 0,
            Free = 100,
            Standby = [0, 50, 50, 100, 100, 100, 100, 100],
            PageFiles = [s_file],
            NonPagedPool = 62_000,
            NonPagedPoolMaximum = 65_536,
            NonPagedPoolCommit = 62_100,
            PagedPool = 9_000,
            PagedPoolMaximum = 90_112,
            ProcessCommit = 140_000,
            SharedCommit = 11_000,
            DriverCommit = 2_000,
            SystemPtes = 227_000,
            FreeSystemPtes = 218_000,
        },
    };

    /// <summary>Blocks of 64 bytes that have most of it.</summary>
    public static PoolTables CountHung(PoolTables pool) => pool.Count("Hung", 5_066_624, 1_200_000, 247_463_936);
}
