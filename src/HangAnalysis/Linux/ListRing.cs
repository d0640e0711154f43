using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Walks the rings of <c>list_head</c>, which may be damaged or looping.</summary>
internal static class ListRing
{
    /// <summary>Appends the addresses of a ring's nodes, without its head, as <see cref="LinkedRing.Collect"/> does.</summary>
    public static string? Collect(IMemory memory, ulong head, int limit, List<ulong> nodes) =>
        LinkedRing.Collect(memory, head, limit, nodes, LinuxSession.IsObject);

    /// <summary>Whether a node is part of a ring: both its neighbours point to it.</summary>
    public static bool IsLinked(IMemory memory, ulong node) =>
        TryRead(memory, node, out ulong next, out ulong previous)
        && LinuxSession.IsObject(next) && LinuxSession.IsObject(previous)
        && memory.TryReadUInt64(next + 8, out ulong back) && back == node
        && memory.TryReadUInt64(previous, out ulong forth) && forth == node;

    /// <summary>The pointers of a node; false where they are not in the dump.</summary>
    public static bool TryRead(IMemory memory, ulong node, out ulong next, out ulong previous) =>
        LinkedRing.TryRead(memory, node, out next, out previous);
}
