using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>What a forged system is like before anything happens on it.</summary>
public sealed record SystemOptions(KernelLayout Layout)
{
    public string Identity { get; init; } = "system";

    public ulong KernelBase { get; init; } = 0xfffff80300000000;

    public int Processors { get; init; } = 1;

    /// <summary>Whether an x86 system uses physical address extension.</summary>
    public bool HasPae => Layout.HasPae;

    /// <summary>How many processors share one queue of ready threads, where the build has such queues (since 8).</summary>
    public int ProcessorsPerQueue { get; init; } = 1;

    /// <summary>Few modules and close addresses, for dumps that are as small as can be.</summary>
    public bool IsMinimal { get; init; }

    public uint BugCheckCode { get; init; } = 0xe2;

    public ulong[] BugCheckParameters { get; init; } = [0, 0, 0, 0];

    public DateTime SystemTime { get; init; } = new(2018, 3, 18, 2, 0, 0, DateTimeKind.Utc);

    public TimeSpan Uptime { get; init; } = new(1, 0, 48, 53, 796);

    public MemoryCounters Memory { get; init; } = new(4194156, 3479978, 792925, 4456300)
    {
        ResidentAvailable = 4063051,
    };

    /// <summary>Mixes the order of physical pages where it is not 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Length of a tick in units of 100 ns: 1/64 s.</summary>
    public const uint TickLength = 156250;

    /// <summary>Ticks since the start; the last one may have begun just before the time of the dump.</summary>
    public ulong TickCount => TicksOf(Uptime);

    public static ulong TicksOf(TimeSpan time) => (ulong)((time.Ticks + TickLength / 2) / TickLength);

    internal ulong FileTime => (ulong)SystemTime.ToFileTimeUtc();
}

/// <summary>Counters of the memory manager, in pages.</summary>
public sealed record MemoryCounters(ulong Physical, ulong Available, ulong Committed, ulong CommitLimit)
{
    public ulong ResidentAvailable { get; init; } = Available * 9 / 10;

    /// <summary>The rest of what it counts; null for systems of which nobody asks for it.</summary>
    public MemoryDetails? Details { get; init; }
}

/// <summary>Kinds of dump that a system can be written as.</summary>
public enum DumpKind
{
    Full,
    Bitmap,
    KernelBitmap,
    KernelRanges,
    ActiveRanges,
    CompleteRanges,
    Triage,
}
