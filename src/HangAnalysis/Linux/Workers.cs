using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>A worker of a workqueue and what it does.</summary>
/// <param name="Thread">Its task.</param>
/// <param name="Address">Its <c>struct worker</c>.</param>
/// <param name="Work">The work item that it does; 0 while it is idle.</param>
/// <param name="Function">The function of that item; 0 while it is idle.</param>
/// <param name="Pool">The pool_workqueue that the item came from; 0 while it is idle.</param>
internal sealed record WorkerRecord(ThreadFacts Thread, ulong Address, ulong Work, ulong Function, ulong Pool);

/// <summary>Reads the workers of the workqueues: kthreads whose data is a <c>struct worker</c>.</summary>
internal sealed class Workers
{
    private readonly LinuxSession _session;
    private readonly FieldSlot _private, _data, _work, _function, _pool, _scheduled, _workqueue, _name;
    private readonly List<WorkerRecord> _all = [];
    private readonly Dictionary<ulong, WorkerRecord> _byScheduled = [];
    private readonly Dictionary<ThreadFacts, WorkerRecord> _byThread = [];

    public Workers(LinuxSession session)
    {
        _session = session;
        // Since 5.17 kthreads have a pointer of their own; before, it was kept in set_child_tid.
        _private = session.Field("task_struct", "worker_private", "set_child_tid");
        _data = session.Field("kthread", "data");
        _work = session.Field("worker", "current_work");
        _function = session.Field("worker", "current_func");
        _pool = session.Field("worker", "current_pwq");
        _scheduled = session.Field("worker", "scheduled");
        _workqueue = session.Field("pool_workqueue", "wq");
        _name = session.Field("workqueue_struct", "name");
    }

    /// <summary>All workers.</summary>
    public IReadOnlyList<WorkerRecord> All => _all;

    /// <summary>Takes note of a task that is a worker (PF_WQ_WORKER).</summary>
    public void Add(ThreadFacts thread)
    {
        if (!_private.IsPresent || !_data.IsPresent || !_work.IsPresent)
            return;
        ulong worker = _session.Read(_session.Read(thread.Address.Value, _private), _data);
        if (!LinuxSession.IsObject(worker))
            return;
        WorkerRecord record = new(thread, worker, _session.Read(worker, _work), _session.Read(worker, _function),
            _session.Read(worker, _pool));
        _all.Add(record);
        _byThread[thread] = record;
        if (_scheduled.IsPresent)
            _byScheduled.TryAdd(worker + (ulong)_scheduled.Offset, record);
    }

    /// <summary>The worker that a task is, or null.</summary>
    public WorkerRecord? Find(ThreadFacts thread) => _byThread.GetValueOrDefault(thread);

    /// <summary>The worker in whose list of scheduled items an item is linked, by the head of that list; null for other heads.</summary>
    public WorkerRecord? FindByList(ulong head) => _byScheduled.GetValueOrDefault(head);

    /// <summary>Name of the workqueue that a pool_workqueue belongs to; null where it is not in the dump. Text from the dump.</summary>
    public string? QueueName(ulong pool)
    {
        const int NameBytes = 32;
        ulong queue = _session.Read(pool, _workqueue);
        return LinuxSession.IsObject(queue) && _name.IsPresent
            && _session.ReadText(queue + (ulong)_name.Offset, NameBytes) is { Length: > 0 } name ? name : null;
    }
}
