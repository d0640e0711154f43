namespace HangAnalysis.Targets.Vmcores;

/// <summary>What the container of a vmcore holds, whichever it is.</summary>
/// <param name="Kind">Name of the container for people.</param>
/// <param name="Memory">Physical memory.</param>
/// <param name="Notes">Registers of the processors.</param>
/// <param name="Info">VMCOREINFO, or an empty one.</param>
/// <param name="ProcessorCount">Number of processors as the container has it; 0 where it does not say.</param>
/// <param name="Time">When the dump was taken, or null.</param>
/// <param name="Release">Release of the kernel as the container has it, or empty.</param>
internal sealed record VmcoreContents(
    string Kind, VmcoreMemory Memory, VmcoreNotes Notes, VmcoreInfo Info, int ProcessorCount, DateTimeOffset? Time,
    string Release)
{
    /// <summary>What makedumpfile's -d left out, as its bits; 0 where the container does not say.</summary>
    public int DumpLevel { get; init; }

    /// <summary>
    /// Physical memory without the pages that were left out and are taken for zeros in <see cref="Memory"/>.
    /// </summary>
    public VmcoreMemory UserMemory { get; init; } = Memory;
}
