using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Walks a LIST_ENTRY ring that may be damaged.</summary>
internal static class LinkedList
{
    /// <summary>Appends the addresses of a ring's LIST_ENTRYs, without its head, as <see cref="LinkedRing.Collect"/> does.</summary>
    public static string? Collect(IMemory memory, ulong head, int limit, List<ulong> entries) =>
        LinkedRing.Collect(memory, head, limit, entries,
            memory.PointerSize == sizeof(uint) ? KernelSession.IsKernelObject32 : KernelSession.IsKernelObject);
}
