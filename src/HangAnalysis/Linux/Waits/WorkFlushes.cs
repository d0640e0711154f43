using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Completions of tasks that flush or cancel a work item: they end when the worker has done it.</summary>
/// <remarks>
/// flush_work puts a wq_barrier behind the item: the completion in it is completed by the worker that does the item, in whose
/// list of scheduled items the barrier is linked (kernel/workqueue.c, insert_wq_barrier). Where that list does not tell, the
/// item's pool_workqueue does, if only one worker does its work. flush_workqueue waits in a wq_flusher for all of a queue's.
/// </remarks>
internal sealed class WorkFlushes : ICompletionOwner
{
    /// <summary>
    /// work_struct.data of a queued item holds its pool_workqueue, which is aligned to 256 bytes, above flags of which bit 2
    /// says so (WORK_STRUCT_PWQ in include/linux/workqueue.h; the number of flag bits was 8 or less so far).
    /// </summary>
    private const ulong PoolMask = ~0xfful, IsPool = 4;

    private readonly WaitContext _context;
    private readonly Workers _workers;
    private readonly FieldSlot _barrierDone, _barrierWork, _entry, _data, _flusherDone, _first, _queues, _queueList, _workqueue;

    public WorkFlushes(WaitContext context, Workers workers)
    {
        (_context, _workers) = (context, workers);
        LinuxSession session = context.Session;
        _barrierDone = session.Field("wq_barrier", "done");
        _barrierWork = session.Field("wq_barrier", "work");
        _entry = session.Field("work_struct", "entry");
        _data = session.Field("work_struct", "data");
        _flusherDone = session.Field("wq_flusher", "done");
        _first = session.Field("workqueue_struct", "first_flusher");
        _queueList = session.Field("workqueue_struct", "flusher_queue");
        _queues = session.Field("workqueue_struct", "list");
        _workqueue = session.Field("pool_workqueue", "wq");
    }

    /// <inheritdoc/>
    public Phrase? Follow(ObjectReference completion, ThreadFacts waiter, KernelStack stack)
    {
        string? flush = _context.Stacks.FindFunction(stack, IsFlush);
        if (flush is null)
            return null;
        return flush.Contains("flush_workqueue", StringComparison.Ordinal)
            ? FollowQueue(completion)
            : FollowItem(completion);
    }

    private Phrase? FollowItem(ObjectReference completion)
    {
        if (!_barrierDone.IsPresent || !_barrierWork.IsPresent || !_entry.IsPresent)
            return null;
        ulong work = completion.Address - (ulong)_barrierDone.Offset + (ulong)_barrierWork.Offset;
        List<ulong> ring = [];
        ListRing.Collect(_context.Session.Memory, work + (ulong)_entry.Offset, Limits.WorkItems, ring);
        foreach (ulong node in ring)
            if (_workers.FindByList(node) is { } worker)
                return Add(completion, worker, Certainty.Proven, "its list of scheduled items has the barrier");
        ulong data = _context.Session.Read(work, _data);
        if ((data & IsPool) == 0)
            return Phrase.Of("a work item is flushed; which worker does it is not recorded");
        return AddWorkers(completion, pool => pool == (data & PoolMask));
    }

    private Phrase? FollowQueue(ObjectReference completion)
    {
        ulong flusher = completion.Address - (ulong)_flusherDone.Offset;
        ulong head = _context.Session.AddressOf("workqueues");
        if (!_flusherDone.IsPresent || !_queues.IsPresent || head == 0)
            return null;
        List<ulong> queues = [];
        ListRing.Collect(_context.Session.Memory, head, Limits.ListEntries, queues);
        List<ulong> waiting = [];
        foreach (ulong node in queues)
        {
            ulong queue = node - (ulong)_queues.Offset;
            bool isIts = _context.Session.Read(queue, _first) == flusher;
            if (!isIts && _queueList.IsPresent)
            {
                waiting.Clear();
                ListRing.Collect(_context.Session.Memory, queue + (ulong)_queueList.Offset, Limits.WorkItems, waiting);
                isIts = waiting.Contains(flusher);
            }
            if (isIts)
                return AddWorkers(completion, pool => _context.Session.Read(pool, _workqueue) == queue);
        }
        return Phrase.Of("a workqueue is flushed; which one is not recorded");
    }

    /// <summary>Adds the workers that do items of some pool: one is who must act; of several each may be.</summary>
    private Phrase AddWorkers(ObjectReference completion, Func<ulong, bool> isIts)
    {
        List<WorkerRecord> busy = [];
        foreach (WorkerRecord worker in _workers.All)
            if (worker.Work != 0 && LinuxSession.IsObject(worker.Pool) && isIts(worker.Pool))
                busy.Add(worker);
        foreach (WorkerRecord worker in busy)
            Add(completion, worker, busy.Count == 1 ? Certainty.Inferred : Certainty.Candidate,
                busy.Count == 1 ? "the only worker that does its queue's work" : "one of those that do its queue's work");
        return busy.Count == 0
            ? Phrase.Of("work is flushed that no worker has begun")
            : Phrase.Of($"work of {_workers.QueueName(busy[0].Pool) ?? "a workqueue"} is flushed; {busy.Count:N0} worker{(busy.Count == 1 ? " does" : "s do")} it");
    }

    private Phrase Add(ObjectReference completion, WorkerRecord worker, Certainty certainty, string why)
    {
        string function = _context.System.DescribeAddress(worker.Function).Function;
        string queue = _workers.QueueName(worker.Pool) is { } name ? $" of workqueue {name}" : "";
        ObjectReference thread = ObjectReference.To(worker.Thread.Address);
        _context.Graph.Add(completion, thread,
            Phrase.Of($"work {function}{queue}, done by task {thread} of {worker.Thread.Process} ({why})"), certainty,
            CrashCommands.Structure("worker", worker.Address));
        return Phrase.Of($"completed when {worker.Thread.Process} has done {function}");
    }

    private static bool IsFlush(string function) =>
        function is "__flush_work" or "flush_work" or "__flush_workqueue" or "flush_workqueue" or "drain_workqueue"
            or "__cancel_work_timer" or "cancel_work_sync" or "cancel_delayed_work_sync" or "__cancel_work_sync"
            or "flush_delayed_work" or "start_flush_work" or "__flush_work.isra.0" or "work_on_cpu" or "work_on_cpu_key";
}
