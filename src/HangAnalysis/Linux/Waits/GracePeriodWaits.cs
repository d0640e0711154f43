using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Tasks that wait for an RCU grace period: it ends when every processor has been quiet once.</summary>
/// <remarks>
/// The leaves of the tree of rcu_nodes have a bit for each processor that still has to be (qsmask; expmask for an expedited
/// period); of the tasks that were preempted while they read (blkd_tasks), those from gp_tasks (exp_tasks) on are waited for
/// too (kernel/rcu/tree.h). Idle processors are quiet by themselves and soon noticed. Who asked for an expedited period waits
/// in a queue of its rcu_node.
/// </remarks>
internal sealed class GracePeriodWaits : ICompletionOwner, IQueueOwner
{
    /// <summary>Nodes of the tree: 4,096 processors with 16 in each leaf need less.</summary>
    private const int MostNodes = 1024;

    /// <summary>Readers that are told of one node.</summary>
    private const int MostReaders = 64;

    private readonly WaitContext _context;
    private readonly FieldSlot _nodes, _levels, _low, _high, _blocked, _taskEntry, _expeditedQueues;
    private readonly int _nodeSize;
    private readonly ulong _rcu;
    private readonly Period _usual, _expedited;

    public GracePeriodWaits(WaitContext context)
    {
        _context = context;
        LinuxSession session = context.Session;
        _rcu = session.AddressOf("rcu_state");
        _nodes = session.Field("rcu_state", "node");
        _levels = session.Field("rcu_state", "level");
        _low = session.Field("rcu_node", "grplo");
        _high = session.Field("rcu_node", "grphi");
        _blocked = session.Field("rcu_node", "blkd_tasks");
        _taskEntry = session.Field("task_struct", "rcu_node_entry");
        _expeditedQueues = session.Field("rcu_node", "exp_wq");
        _nodeSize = session.SizeOf("rcu_node");
        _usual = new Period(session, "RCU grace period", "gp_seq", "qsmask", "gp_tasks");
        _expedited = new Period(session, "expedited RCU grace period", "expedited_sequence", "expmask", "exp_tasks");
    }

    private bool IsKnown => _rcu != 0 && _nodes.IsPresent && _nodeSize != 0;

    /// <inheritdoc/>
    public Phrase? Follow(ObjectReference completion, ThreadFacts waiter, KernelStack stack)
    {
        if (!IsKnown || !_usual.Mask.IsPresent || _context.Stacks.FindFunction(stack, f => f.Contains("wait_rcu_gp", StringComparison.Ordinal)
                || f is "synchronize_rcu" or "synchronize_net" or "rcu_barrier") is null)
            return null;
        _context.Graph.Add(completion, Follow(_usual), _usual.Describe(_context.Session, _rcu), Certainty.Inferred,
            CrashCommands.Field("rcu_state", _usual.SequenceName, _rcu));
        return Phrase.Of("completed when an RCU grace period has ended");
    }

    /// <inheritdoc/>
    public bool TryAdd(ThreadFacts thread, KernelStack stack, in QueuedWaiter waiter)
    {
        ulong start = _rcu + (ulong)_nodes.Offset;
        if (!IsKnown || !_expedited.Mask.IsPresent || !_expeditedQueues.IsPresent || waiter.Head - start >= (ulong)(MostNodes * _nodeSize)
            || (waiter.Head - start) % (ulong)_nodeSize - (ulong)_expeditedQueues.Offset >= (ulong)_expeditedQueues.Size)
            return false;
        _context.AddWait(thread, Follow(_expedited), _expedited.Describe(_context.Session, _rcu), Certainty.Proven,
            CrashCommands.Structure("wait_queue_entry", waiter.Entry));
        return true;
    }

    private ObjectReference Follow(Period period)
    {
        ObjectReference reference = new(ObjectKind.Event, _rcu + (ulong)period.Sequence.Offset);
        if (period.IsFollowed)
            return reference;
        period.IsFollowed = true;
        int processors = 0, readers = 0;
        (int first, int end) = Leaves();
        for (int i = first; i < end; i++)
        {
            ulong node = _rcu + (ulong)(_nodes.Offset + i * _nodeSize);
            string evidence = CrashCommands.Field("rcu_node", $"{period.MaskName},grplo,grphi,{period.ReadersName}", node);
            processors += AddProcessors(reference, period, node, evidence);
            readers += AddReaders(reference, period, node, evidence);
        }
        _context.Graph.Describe(new ObjectFacts(reference, period.Title, null, Phrase.Of(processors + readers == 0
            ? "no processor and no task is recorded that holds it up"
            : $"{processors + readers:N0} processor{(processors + readers == 1 ? "" : "s")} or readers hold it up")));
        return reference;
    }

    private int AddProcessors(ObjectReference reference, Period period, ulong node, string evidence)
    {
        ulong mask = _context.Session.Read(node, period.Mask);
        int low = (int)_context.Session.Read(node, _low);
        int high = (int)_context.Session.Read(node, _high);
        int count = 0;
        for (int bit = 0; bit <= high - low && bit < 64; bit++)
            if ((mask >> bit & 1) != 0 && Find(low + bit) is { IsIdle: false, Current: { } thread })
            {
                ObjectReference processor = new(ObjectKind.Processor, (ulong)(low + bit));
                _context.Graph.Add(reference, ObjectReference.To(thread.Address),
                    Phrase.Of($"processor {processor} has not been quiet; it runs task {ObjectReference.To(thread.Address)} of {thread.Process}"),
                    Certainty.Proven, evidence);
                count++;
            }
        return count;
    }

    /// <summary>Those that were preempted before the period began are the last of the list, from a pointer into it on.</summary>
    private int AddReaders(ObjectReference reference, Period period, ulong node, string evidence)
    {
        if (!_taskEntry.IsPresent || !_blocked.IsPresent)
            return 0;
        ulong head = node + (ulong)_blocked.Offset;
        ulong at = _context.Session.Read(node, period.Readers);
        int count = 0;
        while (count < MostReaders && at != head && LinuxSession.IsObject(at)
            && _context.System.FindThread(at - (ulong)_taskEntry.Offset) is { } reader)
        {
            _context.AddOwner(reference, reader, Certainty.Proven, evidence, "read, and preempted while it did,");
            count++;
            at = _context.Session.ReadPointer(at);
        }
        return count;
    }

    /// <summary>
    /// The leaves of the tree: rcu_state.level has the first node of each level, and the last level ends where the nodes do.
    /// The array has room for as many processors as the kernel is built for. Only leaves have a bit for each processor.
    /// </summary>
    private (int First, int End) Leaves()
    {
        LinuxSession session = _context.Session;
        session.Memory.TryReadUInt32(session.AddressOf("rcu_num_lvls"), out uint levels);
        session.Memory.TryReadUInt32(session.AddressOf("rcu_num_nodes"), out uint nodes);
        ulong start = _rcu + (ulong)_nodes.Offset;
        ulong leaf = !_levels.IsPresent || levels is 0 or > 8 ? start
            : session.ReadPointer(_rcu + (ulong)_levels.Offset + (levels - 1) * 8);
        ulong first = leaf < start ? 0 : (leaf - start) / (ulong)_nodeSize;
        int end = nodes is 0 or > MostNodes ? Math.Clamp(_nodes.Size / _nodeSize, 1, MostNodes) : (int)nodes;
        return first < (ulong)end ? ((int)first, end) : (0, end);
    }

    private ProcessorFacts? Find(int number)
    {
        foreach (ProcessorFacts processor in _context.System.Processors)
            if (processor.Number == number)
                return processor;
        return null;
    }

    /// <summary>A kind of grace periods: where the kernel counts them, and who holds the one that is open up.</summary>
    private sealed class Period(LinuxSession session, string title, string sequence, string mask, string readers)
    {
        public string Title => title;

        public string SequenceName => sequence;

        public string MaskName => mask;

        public string ReadersName => readers;

        public FieldSlot Sequence { get; } = session.Field("rcu_state", sequence);

        public FieldSlot Mask { get; } = session.Field("rcu_node", mask);

        public FieldSlot Readers { get; } = session.Field("rcu_node", readers);

        public bool IsFollowed { get; set; }

        /// <summary>With the number that the kernel's own messages on stalls have (g= or s:); it begins below zero.</summary>
        public Phrase Describe(LinuxSession session, ulong rcu) =>
            Phrase.Of($"{title} {(long)session.Read(rcu, Sequence)}");
    }
}
