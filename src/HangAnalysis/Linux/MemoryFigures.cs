using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>
/// The figures of <c>crash kmem -i</c>, in pages of 4 KB; null where the kernel's symbols or types do not have one. They are
/// the global counters, as in <c>/proc/meminfo</c>: what a processor has not yet added to one is not in it.
/// </summary>
public sealed record MemoryFigures
{
    /// <summary>Memory that the kernel manages, without what it reserved at its start.</summary>
    public ulong? Total { get; init; }

    /// <summary>Memory that nobody uses.</summary>
    public ulong? Free { get; init; }

    /// <summary>All the rest.</summary>
    public ulong? Used => Total is { } total && Free is { } free && total >= free ? total - free : null;

    /// <summary>
    /// What could be had without swapping: MemAvailable of <c>/proc/meminfo</c>, an estimate of the kernel's.
    /// </summary>
    public ulong? Available { get; init; }

    /// <summary>Cache of block devices.</summary>
    public ulong? Buffers { get; init; }

    /// <summary>Cache of files, without those of block devices and of swap.</summary>
    public ulong? Cached { get; init; }

    /// <summary>Memory of kernel objects.</summary>
    public ulong? Slab { get; init; }

    /// <summary>What of it can be freed, such as cached names of files.</summary>
    public ulong? SlabReclaimable { get; init; }

    /// <summary>Huge pages that were set aside.</summary>
    public ulong? HugeTotal { get; init; }

    /// <summary>Those that nobody uses.</summary>
    public ulong? HugeFree { get; init; }

    /// <summary>Size of the swap areas.</summary>
    public ulong? SwapTotal { get; init; }

    /// <summary>What of it is used.</summary>
    public ulong? SwapUsed { get; init; }

    /// <summary>What of it is free.</summary>
    public ulong? SwapFree => SwapTotal is { } total && SwapUsed is { } used && total >= used ? total - used : null;

    /// <summary>What programs may have reserved in all, where the kernel keeps to that.</summary>
    public ulong? CommitLimit { get; init; }

    /// <summary>What they have reserved, by the counter alone as <c>crash</c> prints it.</summary>
    public ulong? Committed { get; init; }

    /// <summary>The same with what the processors have not yet added to it: Committed_AS of <c>/proc/meminfo</c>.</summary>
    public ulong? CommittedExact { get; init; }

    /// <summary>Whether the kernel refuses what goes beyond the limit (vm.overcommit_memory=2).</summary>
    public bool? IsCommitStrict { get; init; }

    /// <summary>Pages that the machine has, those of the kernel itself too: <c>crash ps</c> counts %MEM by them.</summary>
    public ulong? Present { get; init; }

    /// <summary>The zones, by node.</summary>
    public IReadOnlyList<ZoneFigures> Zones { get; init; } = [];

    /// <summary>What is short, in sentences.</summary>
    public IEnumerable<string> Warnings()
    {
        const ulong SwapParts = 50;
        const double CommitReached = 0.99;
        foreach (ZoneFigures zone in Zones)
            if (zone.IsShort)
                yield return $"zone {zone.Name} of node {zone.Node} has {zone.Free:N0} pages free, and {zone.Minimum:N0} are its " +
                    "minimum: who asks for memory has to free some first, and waits for disks meanwhile";
        if (SwapTotal is { } swap and > 0 && SwapFree is { } left && left < swap / SwapParts)
            yield return "swap is full";
        if (IsCommitStrict == true && CommitLimit is { } limit && CommittedExact is { } used && used >= limit * CommitReached)
            yield return "the commit limit is reached, and vm.overcommit_memory is 2: programs get no more memory";
    }

    /// <summary>
    /// As every system has it. Programs may reserve what they like unless the kernel is told to be strict: only then there
    /// is a limit.
    /// </summary>
    internal MemoryFacts Facts => new(Total * LinuxMemory.PageBytes, Available * LinuxMemory.PageBytes,
        IsCommitStrict == true ? CommittedExact * LinuxMemory.PageBytes : null,
        IsCommitStrict == true ? CommitLimit * LinuxMemory.PageBytes : null);

    /// <summary>
    /// Part of memory that a program has, in percent as <c>crash ps</c> prints it; null where the whole is not known.
    /// </summary>
    public double? PercentOf(TaskMemory? memory) => memory is null ? 0
        : Present is { } pages and > 0 ? 100.0 * (memory.Resident / LinuxMemory.PageBytes) / pages : null;
}

/// <summary>A zone of memory; figures in pages.</summary>
/// <param name="Node">Number of its node.</param>
/// <param name="Name">Its name: <c>DMA32</c>, <c>Normal</c>.</param>
/// <param name="Managed">Pages that it manages.</param>
/// <param name="Free">Those that nobody uses.</param>
/// <param name="Minimum">
/// Below so many free pages only the kernel's own emergencies get one: the others wait (WMARK_MIN).
/// </param>
/// <param name="Low">Below so many kswapd begins to free some.</param>
/// <param name="High">At so many it stops.</param>
public sealed record ZoneFigures(int Node, string Name, ulong Managed, ulong Free, ulong Minimum, ulong Low, ulong High)
{
    /// <summary>Whether who asks for a page has to wait, or to free some itself.</summary>
    public bool IsShort => Managed > 0 && Free < Minimum;
}
