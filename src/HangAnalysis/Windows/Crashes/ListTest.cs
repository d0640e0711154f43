using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Finds the list entry that a fail fast of code 3 is about, and how far the list is whole.</summary>
/// <remarks>
/// Code that removes an entry has it in a register and checks that both neighbours point back to it (winnt.h, RtlpCheckListEntry
/// and its like). A register is such an entry where one neighbour does and the other does not: by chance that does not happen.
/// </remarks>
internal static class ListTest
{
    private const int MostEntries = 65_536;

    /// <summary>An entry of which one neighbour does not point back.</summary>
    /// <param name="Register">The register that holds it.</param>
    /// <param name="Entry">The entry.</param>
    /// <param name="IsForward">Whether the next one is wrong, and not the one before.</param>
    /// <param name="Neighbour">The neighbour that is wrong.</param>
    /// <param name="PointsTo">Where it points instead.</param>
    public sealed record Broken(int Register, ulong Entry, bool IsForward, ulong Neighbour, ulong PointsTo);

    /// <summary>The broken entry in the registers; null where none is, or where the dump does not hold them.</summary>
    public static Broken? Find(KernelSession session, FaultContext context)
    {
        const int Registers = 16;
        for (int i = 0; i < Registers; i++)
            if (i is not (CpuContext.Rsp or CpuContext.Rbp) && context.Value(i) is { } entry && Test(session, i, entry) is { } broken)
                return broken;
        return null;
    }

    /// <summary>
    /// Counts the entries that are whole from one on, away from the wrong neighbour, and says how that ends.
    /// </summary>
    public static (int Count, string End) Walk(KernelSession session, Broken broken)
    {
        IMemory memory = session.Memory;
        ulong word = (ulong)memory.PointerSize, at = broken.Entry;
        ulong ahead = broken.IsForward ? word : 0, back = broken.IsForward ? 0 : word;
        for (int count = 1; count <= MostEntries; count++)
        {
            if (!memory.TryReadPointer(at + ahead, out ulong next) || !session.IsObject(next)
                || !memory.TryReadPointer(next + back, out ulong here))
                return (count, "then the dump holds no more");
            if (here != at)
                return (count, $"then {next:x16} does not point back either: it points to {here:x16}");
            if (next == broken.Neighbour)
                return (count, $"round to {next:x16}, the neighbour that is wrong: nothing else is");
            if (next == broken.Entry)
                return (count, "round to itself: the wrong neighbour is in no ring");
            at = next;
        }
        return (MostEntries, "and further");
    }

    private static Broken? Test(KernelSession session, int register, ulong entry)
    {
        IMemory memory = session.Memory;
        ulong word = (ulong)memory.PointerSize;
        if (!session.IsObject(entry)
            || !memory.TryReadPointer(entry, out ulong next) || !memory.TryReadPointer(entry + word, out ulong previous)
            || !session.IsObject(next) || !session.IsObject(previous) || next == entry || previous == entry
            || !memory.TryReadPointer(next + word, out ulong nextBack) || !memory.TryReadPointer(previous, out ulong previousNext)
            || nextBack == entry == (previousNext == entry))
            return null;
        return nextBack == entry
            ? new Broken(register, entry, false, previous, previousNext)
            : new Broken(register, entry, true, next, nextBack);
    }
}
