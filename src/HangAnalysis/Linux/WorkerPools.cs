using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>A worker of a workqueue that does a piece of work.</summary>
/// <param name="Thread">Its task.</param>
/// <param name="Work">Address of the work item.</param>
/// <param name="Function">The item's function; null where it is not recorded.</param>
/// <param name="Workqueue">Name of the workqueue that the item was put into; null where it is not in the dump. Text from the dump.</param>
public sealed record BusyWorker(ThreadFacts Thread, ulong Work, FrameFacts? Function, string? Workqueue);

/// <summary>A pool of workers, which serves many workqueues.</summary>
/// <param name="Address">Address of its <c>worker_pool</c>; 0 for the workqueues' own rescuers, which are in none.</param>
public sealed record WorkerPoolFacts(ulong Address)
{
    /// <summary>Its number; null where not recorded.</summary>
    public int? Id { get; init; }

    /// <summary>The processor that it is bound to; null for one that is bound to none.</summary>
    public int? Processor { get; init; }

    /// <summary>Its workers that have nothing to do.</summary>
    public int Idle { get; init; }

    /// <summary>Its workers that do something.</summary>
    public IReadOnlyList<BusyWorker> Busy { get; init; } = [];

    /// <summary>Items that wait for a worker, by their function, most first.</summary>
    public IReadOnlyList<QueuedWork> Pending { get; init; } = [];

    /// <summary>How many items wait for a worker.</summary>
    public int PendingItems { get; init; }

    /// <summary>Whether items wait, and every worker is in a wait that no signal ends.</summary>
    public bool IsStuck
    {
        get
        {
            foreach (BusyWorker worker in Busy)
                if (worker.Thread.State != "D")
                    return false;
            return PendingItems > 0 && Idle == 0 && Busy.Count > 0;
        }
    }
}

/// <summary>Reads the pools of the workers, and the work that waits in them.</summary>
internal sealed class WorkerPools
{
    private readonly LinuxSystem _system;
    private readonly LinuxSession _session;
    private readonly FieldSlot _pool, _cpu, _id, _worklist, _entry, _function;

    public WorkerPools(LinuxSystem system)
    {
        (_system, _session) = (system, system.Session);
        _pool = _session.Field("worker", "pool");
        _cpu = _session.Field("worker_pool", "cpu");
        _id = _session.Field("worker_pool", "id");
        _worklist = _session.Field("worker_pool", "worklist");
        _entry = _session.Field("work_struct", "entry");
        _function = _session.Field("work_struct", "func");
    }

    /// <summary>The pools in the order of their numbers; the rescuers at the end.</summary>
    public List<WorkerPoolFacts> Read(Workers workers)
    {
        Dictionary<ulong, (int Idle, List<BusyWorker> Busy)> byPool = [];
        foreach (WorkerRecord worker in workers.All)
        {
            ulong address = _session.Read(worker.Address, _pool);
            if (!byPool.TryGetValue(address, out (int Idle, List<BusyWorker> Busy) pool))
                pool = (0, []);
            if (worker.Work != 0)
                pool.Busy.Add(new BusyWorker(worker.Thread, worker.Work,
                    worker.Function == 0 ? null : _system.DescribeAddress(worker.Function), workers.QueueName(worker.Pool)));
            else
                pool.Idle++;
            byPool[address] = pool;
        }
        List<WorkerPoolFacts> pools = new(byPool.Count);
        foreach ((ulong address, (int idle, List<BusyWorker> busy)) in byPool)
            pools.Add(ReadPool(address, idle, busy));
        pools.Sort((a, b) => (a.Id ?? int.MaxValue) != (b.Id ?? int.MaxValue)
            ? (a.Id ?? int.MaxValue).CompareTo(b.Id ?? int.MaxValue) : a.Address.CompareTo(b.Address));
        return pools;
    }

    private WorkerPoolFacts ReadPool(ulong address, int idle, List<BusyWorker> busy)
    {
        WorkerPoolFacts pool = new(address) { Idle = idle, Busy = busy };
        if (!LinuxSession.IsObject(address))
            return pool;
        Dictionary<ulong, int> functions = [];
        List<ulong> nodes = [];
        if (_worklist.IsPresent && _entry.IsPresent)
            ListRing.Collect(_session.Memory, address + (ulong)_worklist.Offset, Limits.WorkItems, nodes);
        foreach (ulong node in nodes)
        {
            ulong function = _session.Read(node - (ulong)_entry.Offset, _function);
            functions[function] = functions.GetValueOrDefault(function) + 1;
        }
        List<QueuedWork> pending = [];
        foreach ((ulong function, int count) in functions)
            pending.Add(new QueuedWork(_system.DescribeAddress(function).Function, count));
        pending.Sort((a, b) => a.Count != b.Count ? b.Count.CompareTo(a.Count) : string.CompareOrdinal(a.Routine, b.Routine));
        int cpu = (int)_session.Read(address, _cpu);
        return pool with
        {
            Id = _id.IsPresent ? (int)_session.Read(address, _id) : null,
            Processor = _cpu.IsPresent && cpu >= 0 ? cpu : null,
            Pending = pending,
            PendingItems = nodes.Count,
        };
    }
}
