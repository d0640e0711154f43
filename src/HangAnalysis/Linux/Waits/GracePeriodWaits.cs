using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Completions of tasks that wait for an RCU grace period: it ends when every processor has been quiet once.</summary>
/// <remarks>
/// The leaves of the tree of rcu_nodes have a bit for each processor that still has to be (qsmask); a task that was preempted
/// while it read is in gp_tasks (kernel/rcu/tree.h). Idle processors are quiet by themselves and soon noticed.
/// </remarks>
internal sealed class GracePeriodWaits : ICompletionOwner
{
    /// <summary>Nodes of the tree: 4,096 processors with 16 in each leaf need less.</summary>
    private const int MostNodes = 1024;

    private readonly WaitContext _context;
    private readonly FieldSlot _nodes, _levels, _sequence, _mask, _low, _high, _blocked, _taskEntry;
    private readonly int _nodeSize;
    private Phrase? _state;

    public GracePeriodWaits(WaitContext context)
    {
        _context = context;
        LinuxSession session = context.Session;
        _nodes = session.Field("rcu_state", "node");
        _levels = session.Field("rcu_state", "level");
        _sequence = session.Field("rcu_state", "gp_seq");
        _mask = session.Field("rcu_node", "qsmask");
        _low = session.Field("rcu_node", "grplo");
        _high = session.Field("rcu_node", "grphi");
        _blocked = session.Field("rcu_node", "gp_tasks");
        _taskEntry = session.Field("task_struct", "rcu_node_entry");
        _nodeSize = session.SizeOf("rcu_node");
    }

    /// <inheritdoc/>
    public Phrase? Follow(ObjectReference completion, ThreadFacts waiter, KernelStack stack)
    {
        if (_context.Stacks.FindFunction(stack, f => f.Contains("wait_rcu_gp", StringComparison.Ordinal)
                || f is "synchronize_rcu" or "synchronize_net" or "rcu_barrier") is null)
            return null;
        ObjectReference period = new(ObjectKind.Event, _context.Session.AddressOf("rcu_state"));
        if (period.Address == 0 || !_nodes.IsPresent || !_mask.IsPresent || _nodeSize == 0)
            return null;
        _state ??= FollowPeriod(period);
        _context.Graph.Add(completion, period, Phrase.Of($"RCU grace period {_context.Session.Read(period.Address, _sequence) >> 2}"),
            Certainty.Inferred, CrashCommands.Field("rcu_state", "gp_seq", period.Address));
        return Phrase.Of("completed when an RCU grace period has ended");
    }

    private Phrase FollowPeriod(ObjectReference period)
    {
        int holders = 0;
        (int first, int nodes) = Leaves(period.Address);
        for (int i = first; i < nodes; i++)
        {
            ulong node = period.Address + (ulong)(_nodes.Offset + i * _nodeSize);
            ulong mask = _context.Session.Read(node, _mask);
            int low = (int)_context.Session.Read(node, _low);
            int high = (int)_context.Session.Read(node, _high);
            string evidence = CrashCommands.Field("rcu_node", "qsmask,grplo,grphi,gp_tasks", node);
            for (int bit = 0; bit <= high - low && bit < 64; bit++)
                if ((mask >> bit & 1) != 0 && Find(low + bit) is { IsIdle: false, Current: { } thread })
                {
                    ObjectReference processor = new(ObjectKind.Processor, (ulong)(low + bit));
                    _context.Graph.Add(period, ObjectReference.To(thread.Address),
                        Phrase.Of($"processor {processor} has not been quiet; it runs task {ObjectReference.To(thread.Address)} of {thread.Process}"),
                        Certainty.Proven, evidence);
                    holders++;
                }
            ulong blocked = _context.Session.Read(node, _blocked);
            if (_taskEntry.IsPresent && LinuxSession.IsObject(blocked)
                && _context.System.FindThread(blocked - (ulong)_taskEntry.Offset) is { } reader)
            {
                _context.AddOwner(period, reader, Certainty.Proven, evidence, "read, and preempted while it did,");
                holders++;
            }
        }
        Phrase state = Phrase.Of(holders == 0
            ? "no processor and no task is recorded that holds it up"
            : $"{holders:N0} processor{(holders == 1 ? "" : "s")} or readers hold it up");
        _context.Graph.Describe(new ObjectFacts(period, "RCU grace period", null, state));
        return state;
    }

    /// <summary>
    /// The leaves of the tree: rcu_state.level has the first node of each level, and the last level ends where the nodes do.
    /// The array may have room for more than this machine's processors need.
    /// </summary>
    private (int First, int End) Leaves(ulong state)
    {
        LinuxSession session = _context.Session;
        session.Memory.TryReadUInt32(session.AddressOf("rcu_num_lvls"), out uint levels);
        session.Memory.TryReadUInt32(session.AddressOf("rcu_num_nodes"), out uint nodes);
        ulong start = state + (ulong)_nodes.Offset;
        ulong leaf = !_levels.IsPresent || levels is 0 or > 8 ? start
            : session.ReadPointer(state + (ulong)_levels.Offset + (levels - 1) * 8);
        ulong first = leaf < start ? 0 : (leaf - start) / (ulong)_nodeSize;
        int most = Math.Min(_nodes.Size / _nodeSize, MostNodes);
        int end = nodes == 0 ? most : (int)Math.Min(nodes, (uint)most);
        return first < (ulong)end ? ((int)first, end) : (0, end);
    }

    private ProcessorFacts? Find(int number)
    {
        foreach (ProcessorFacts processor in _context.System.Processors)
            if (processor.Number == number)
                return processor;
        return null;
    }
}
