namespace HangAnalysis.Targets;

/// <summary>Walks a ring of doubly linked entries (LIST_ENTRY, list_head) that may be damaged.</summary>
/// <remarks>
/// A ring has two directions, so that one broken link loses nothing: the walk goes forward until the head or the damage,
/// and then backward from the head until it meets what it has. Every forward step checks that the next entry points back;
/// a loop that leaves out the head fails that check at the entry where it closes.
/// </remarks>
internal static class LinkedRing
{
    /// <summary>Appends the addresses of a ring's entries, without its head, to <paramref name="entries"/>.</summary>
    /// <param name="memory">Memory to read.</param>
    /// <param name="head">Address of the head.</param>
    /// <param name="limit">Entries to read at most.</param>
    /// <param name="entries">Receives the addresses in list order.</param>
    /// <param name="isObject">Whether an address can be one of the kernel's objects.</param>
    /// <returns>Null where the list is whole; otherwise what is wrong with it, and where.</returns>
    public static string? Collect(IMemory memory, ulong head, int limit, List<ulong> entries, Func<ulong, bool> isObject)
    {
        int first = entries.Count;
        if (!TryRead(memory, head, out ulong forward, out ulong backward))
            return $"its head at {head:x16} is not in the dump";
        string? problem = null;
        ulong previous = head;
        ulong current = forward;
        while (current != head)
        {
            if (entries.Count - first >= limit)
                return $"it has more than {limit:N0} entries";
            if (!isObject(current))
                problem = $"the entry at {previous:x16} points to {current:x16}, which is no kernel address";
            else if (!TryRead(memory, current, out ulong next, out ulong back))
                problem = $"the entry at {current:x16} is not in the dump";
            else if (back != previous)
                problem = $"the entry at {current:x16} does not point back to {previous:x16}";
            else
            {
                entries.Add(current);
                previous = current;
                current = next;
                continue;
            }
            CollectBackward(memory, head, backward, previous, limit, entries, first, isObject);
            return problem;
        }
        if (backward == previous)
            return null;
        // An entry that points to the head too early leaves out all behind it.
        CollectBackward(memory, head, backward, previous, limit, entries, first, isObject);
        return $"its head at {head:x16} does not point back to {previous:x16}";
    }

    /// <summary>Adds what lies between the damage and the list's end, in list order.</summary>
    private static void CollectBackward(
        IMemory memory, ulong head, ulong last, ulong lastForward, int limit, List<ulong> entries, int first,
        Func<ulong, bool> isObject)
    {
        int firstBackward = entries.Count;
        ulong next = head;
        ulong current = last;
        while (current != head && current != lastForward && entries.Count - first < limit
            && isObject(current)
            && TryRead(memory, current, out ulong forward, out ulong back) && forward == next)
        {
            entries.Add(current);
            next = current;
            current = back;
        }
        entries.Reverse(firstBackward, entries.Count - firstBackward);
    }

    /// <summary>The pointers of an entry; false where they are not in the dump.</summary>
    public static bool TryRead(IMemory memory, ulong entry, out ulong forward, out ulong backward)
    {
        Span<byte> links = stackalloc byte[2 * sizeof(ulong)];
        int size = memory.PointerSize;
        bool read = memory.TryRead(entry, links[..(2 * size)]);
        forward = read ? memory.PointerAt(links) : 0;
        backward = read ? memory.PointerAt(links[size..]) : 0;
        return read;
    }
}
