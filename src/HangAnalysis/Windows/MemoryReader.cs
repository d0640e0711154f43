using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads the memory counters.</summary>
/// <remarks>
/// Up to 9600 they are variables of their own (MmAvailablePages …); from 14393 on they are fields of MiSystemPartition.Vp.
/// The presence of that variable decides.
/// </remarks>
internal static class MemoryReader
{
    private const ulong PageSize = 0x1000;

    /// <summary>More pages than any machine has: 2^40 pages are 4 PB.</summary>
    internal const ulong ImpossiblePages = 1UL << 40;

    /// <summary>The counters in bytes; those that cannot be had, or cannot be true, are null.</summary>
    public static MemoryFacts Read(KernelSession session) => new(
        Read(session, "NumberOfPhysicalPages", "MmNumberOfPhysicalPages"),
        Read(session, "AvailablePages", "MmAvailablePages"),
        Read(session, "TotalCommittedPages", "MmTotalCommittedPages"),
        Read(session, "TotalCommitLimit", "MmTotalCommitLimit"));

    private static ulong? Read(KernelSession session, string field, string variable)
    {
        ulong pages;
        if (session.TryGetAddress("MiSystemPartition", out ulong partition))
        {
            FieldSlot slot = session.Types.Get("_MI_PARTITION").Required($"Vp.{field}");
            if (!slot.IsPresent || !session.Memory.TryReadPointer(partition + (ulong)slot.Offset, out pages))
                return null;
        }
        else if (!session.TryReadPointerVariable(variable, out pages))
            return null;
        return pages < ImpossiblePages ? pages * PageSize : null;
    }
}
