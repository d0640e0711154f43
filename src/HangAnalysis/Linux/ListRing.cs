using System.Buffers.Binary;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Walks the rings of <c>list_head</c>, which may be damaged or looping.</summary>
internal static class ListRing
{
    /// <summary>
    /// Appends the addresses of a ring's nodes, without its head, to <paramref name="nodes"/>: forward until the head or the
    /// damage, and then backward from the head until it meets what it has, so that one broken link loses nothing.
    /// </summary>
    /// <returns>Null where the ring is whole; otherwise what is wrong with it, and where.</returns>
    public static string? Collect(IMemory memory, ulong head, int limit, List<ulong> nodes)
    {
        int first = nodes.Count;
        if (!TryRead(memory, head, out ulong forward, out ulong backward))
            return $"its head at {head:x16} is not in the dump";
        ulong previous = head;
        ulong current = forward;
        while (current != head)
        {
            if (nodes.Count - first >= limit)
                return $"it has more than {limit:N0} entries";
            string? problem = !LinuxSession.IsObject(current)
                ? $"the entry at {previous:x16} points to {current:x16}, which is no kernel address"
                : !TryRead(memory, current, out ulong next, out ulong back)
                    ? $"the entry at {current:x16} is not in the dump"
                    : back != previous ? $"the entry at {current:x16} does not point back to {previous:x16}" : null;
            if (problem is not null)
            {
                CollectBackward(memory, head, backward, previous, limit, nodes, first);
                return problem;
            }
            nodes.Add(current);
            previous = current;
            TryRead(memory, current, out current, out _);
        }
        if (backward == previous)
            return null;
        CollectBackward(memory, head, backward, previous, limit, nodes, first);
        return $"its head at {head:x16} does not point back to {previous:x16}";
    }

    /// <summary>Whether a node is part of a ring: both its neighbours point to it.</summary>
    public static bool IsLinked(IMemory memory, ulong node) =>
        TryRead(memory, node, out ulong next, out ulong previous)
        && LinuxSession.IsObject(next) && LinuxSession.IsObject(previous)
        && memory.TryReadUInt64(next + 8, out ulong back) && back == node
        && memory.TryReadUInt64(previous, out ulong forth) && forth == node;

    /// <summary>The pointers of a node; false where they are not in the dump.</summary>
    public static bool TryRead(IMemory memory, ulong node, out ulong next, out ulong previous)
    {
        Span<byte> links = stackalloc byte[16];
        bool read = memory.TryRead(node, links);
        next = read ? BinaryPrimitives.ReadUInt64LittleEndian(links) : 0;
        previous = read ? BinaryPrimitives.ReadUInt64LittleEndian(links[8..]) : 0;
        return read;
    }

    private static void CollectBackward(
        IMemory memory, ulong head, ulong last, ulong lastForward, int limit, List<ulong> nodes, int first)
    {
        int firstBackward = nodes.Count;
        ulong next = head;
        ulong current = last;
        while (current != head && current != lastForward && nodes.Count - first < limit && LinuxSession.IsObject(current)
            && TryRead(memory, current, out ulong forward, out ulong back) && forward == next)
        {
            nodes.Add(current);
            next = current;
            current = back;
        }
        nodes.Reverse(firstBackward, nodes.Count - firstBackward);
    }
}
