using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows the rings in which waiters are linked to the head that lies in the lock.</summary>
/// <remarks>
/// Every node of such a ring but one is on the stack of the task that it names; the one that is not is the head. A ring is
/// walked once: all nodes that were met on the way are remembered, so that a thousand waiters of one lock cost a thousand
/// steps and not a million.
/// </remarks>
internal sealed class WaiterRings(LinuxSession session, TaskStacks stacks)
{
    /// <summary>Nodes of one ring: more tasks than a system can have wait for nothing.</summary>
    private const int MostNodes = Limits.Threads;

    private readonly Dictionary<ulong, ulong> _heads = [];
    private readonly List<ulong> _met = [];

    /// <summary>The head of the ring that a node is linked in; 0 where the ring is damaged.</summary>
    /// <param name="node">Address of the waiter's <c>list_head</c>.</param>
    /// <param name="taskOffset">Where, from its list_head, a waiter of this kind names its task, in bytes.</param>
    public ulong FindHead(ulong node, int taskOffset)
    {
        if (_heads.TryGetValue(node, out ulong known))
            return known;
        _met.Clear();
        ulong head = 0;
        ulong at = node;
        while (_met.Count < MostNodes)
        {
            if (!ListRing.TryRead(session.Memory, at, out ulong next, out _) || !LinuxSession.IsObject(next)
                || !ListRing.TryRead(session.Memory, next, out _, out ulong back) || back != at)
                break;
            _met.Add(at);
            if (!IsWaiter(next, taskOffset))
            {
                head = next;
                break;
            }
            if (next == node)
                break;
            at = next;
        }
        foreach (ulong met in _met)
            _heads[met] = head;
        return head;
    }

    /// <summary>Whether a node lies on the stack of the task that it names.</summary>
    private bool IsWaiter(ulong node, int taskOffset)
    {
        ulong owner = stacks.TaskAt(node);
        return owner != 0 && session.ReadPointer((ulong)((long)node + taskOffset)) == owner;
    }
}
