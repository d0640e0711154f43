namespace HangAnalysis.DumpForge.Systems;

/// <summary>A page file; sizes in pages.</summary>
public sealed record PageFile(string Name, ulong Size, ulong Minimum, ulong Maximum, ulong Free, ulong Peak)
{
    /// <summary>Whether it is the store of compressed memory, which has no file (since 8).</summary>
    public bool IsVirtual { get; init; }

    /// <summary>Whether it is the one for whole working sets, swapfile.sys (since 8).</summary>
    public bool IsSwap { get; init; }
}

/// <summary>What the memory manager counts beyond the few figures that every forged system has; in pages.</summary>
public sealed record MemoryDetails
{
    public ulong Peak { get; init; }

    public ulong Modified { get; init; }

    public ulong Zeroed { get; init; }

    public ulong Free { get; init; }

    /// <summary>Pages on standby by their priority, from 0.</summary>
    public ulong[] Standby { get; init; } = new ulong[8];

    public IReadOnlyList<PageFile> PageFiles { get; init; } = [];

    public ulong NonPagedPool { get; init; }

    public ulong NonPagedPoolMaximum { get; init; }

    public ulong NonPagedPoolCommit { get; init; }

    public ulong PagedPool { get; init; }

    public ulong PagedPoolMaximum { get; init; }

    public ulong ProcessCommit { get; init; }

    public ulong SharedCommit { get; init; }

    public ulong DriverCommit { get; init; }

    public uint[] ChargeFailures { get; init; } = new uint[4];

    public ulong SystemPtes { get; init; }

    public ulong FreeSystemPtes { get; init; }

    /// <summary>Those of nonpaged pool's expansion, which systems before Vista count beside the others.</summary>
    public ulong FreeExpansionPtes { get; init; }

    public uint PteFailures { get; init; }
}
