namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Work queues, their pools and workers, and those who wait until a work is done.</summary>
public sealed class LinuxWorkQueues
{
    private const ulong Pending = 1, HasPoolQueue = 4;
    private readonly LinuxMachine _machine;
    private readonly Lazy<ulong> _list;
    private readonly Lazy<LinuxObject> _pool;
    private readonly Dictionary<LinuxTask, LinuxObject> _workers = [];

    internal LinuxWorkQueues(LinuxMachine machine)
    {
        _machine = machine;
        _list = new Lazy<ulong>(NewList);
        _pool = new Lazy<LinuxObject>(() => _machine.New("worker_pool").Set("cpu", 0).Set("id", 0)
            .Lists("worklist", "idle_list", "workers"));
    }

    /// <summary>Makes a queue; says its struct pool_workqueue.</summary>
    public LinuxObject Add(string name)
    {
        LinuxObject queue = _machine.New("workqueue_struct").Text("name", name).Lists("pwqs").AppendTo(_list.Value, "list");
        // The low bits of work_struct.data are flags: eight of them in 6.1, up to nine later.
        LinuxObject pool = _machine.New("pool_workqueue", 512).Set("pool", _pool.Value).Set("wq", queue).Set("refcnt", 1)
            .Set("max_active", 256).Lists("inactive_works", "mayday_node");
        return pool.AppendTo(queue.At("pwqs"), "pwqs_node");
    }

    /// <summary>A worker is in a function of a work item; the item stays with the pool queue until it is done.</summary>
    public LinuxObject Busy(LinuxTask task, LinuxObject poolQueue, string function, string? module = null)
    {
        LinuxObject work = _machine.New("work_struct").Lists("entry").Set("data", poolQueue.Address | HasPoolQueue);
        ulong code = module is null ? _machine.Function(function) : _machine.Modules.Find(module).Function(function).Address;
        work.Set("func", code);
        LinuxObject pool = _pool.Value;
        LinuxObject worker = _workers[task].Set("current_work", work).Set("current_func", code)
            .Set("current_pwq", poolQueue);
        ulong bucket = pool.At("busy_hash") + work.Address % 64 * 8;
        _machine.Memory.Space.WriteUInt64(bucket, worker.At("hentry"));
        worker.Set("hentry.pprev", bucket);
        poolQueue.Set("nr_active", 1);
        return work;
    }

    /// <summary>Puts an item behind those that are there: nobody has begun it.</summary>
    public LinuxObject Enqueue(LinuxObject poolQueue, string function) =>
        _machine.New("work_struct").Set("data", poolQueue.Address | HasPoolQueue | Pending)
            .Set("func", _machine.Function(function))
            .AppendTo(_pool.Value.At("worklist"), "entry");

    /// <summary>
    /// A task waits until a worker's item is done: its barrier lies on the frame of __flush_work, is next in the worker's
    /// list, and holds the completion that the task sleeps on.
    /// </summary>
    public LinuxObject Flush(LinuxTask task, LinuxTask worker, LinuxObject poolQueue)
    {
        LinuxObject barrier = _machine.Locks.Waiter(task, "wq_barrier", "__flush_work");
        barrier.Set("task", task.Object);
        barrier.Inner("work", "work_struct").Set("data", poolQueue.Address | HasPoolQueue | Pending)
            .Set("func", _machine.Function("wq_barrier_func")).AppendTo(_workers[worker].At("scheduled"), "entry");
        LinuxObject done = _machine.Locks.Completion(barrier.Inner("done", "completion"));
        _machine.Locks.WaitCompletion(done, task);
        return done;
    }

    internal void AddWorker(LinuxTask task)
    {
        LinuxObject worker = _machine.New("worker").Set("task", task.Object).Set("pool", _pool.Value)
            .Set("id", _workers.Count)
            .Lists("scheduled").AppendTo(_pool.Value.At("workers"), "node");
        _machine.Object("kthread", task.Object.Get("worker_private")).Set("data", worker)
            .Set("threadfn", _machine.Function("worker_thread"));
        _workers.Add(task, worker);
    }

    private ulong NewList()
    {
        ulong head = _machine.Data("workqueues", 16, 16, 'd');
        _machine.Memory.Space.InitializeList(head);
        return head;
    }
}
