using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads the executive's work queues: their workers, and what waits in them.</summary>
/// <remarks>
/// Up to 7601 they are the array ExWorkerQueue of _EX_WORK_QUEUEs around a KQUEUE each. From 9600 on there are queues for
/// each node around a KPRIQUEUE, with 32 lists by priority, and no public variable holds them all. Both are reached from the
/// workers: KTHREAD.Queue stays that of the queue while a worker is busy, and its stack begins in nt!ExpWorkerThread.
/// </remarks>
internal sealed class WorkQueueReader
{
    private const string Worker = "nt!ExpWorkerThread";

    /// <summary>_KOBJECTS of the two kinds of queue.</summary>
    private const byte QueueType = 4, PriorityQueueType = 21;

    /// <summary>WORK_QUEUE_TYPE of wdm.h: the order of ExWorkerQueue.</summary>
    private static readonly string[] s_names = ["Critical", "Delayed", "HyperCritical"];

    private readonly WindowsSystem _system;
    private readonly KernelSession _session;
    private readonly StackSweep _sweep;
    private readonly FieldSlot _threadQueue, _routine;
    private readonly Dictionary<string, int> _work = new(StringComparer.Ordinal);

    public WorkQueueReader(WindowsSystem system, StackSweep sweep)
    {
        _system = system;
        _session = system.Session;
        _sweep = sweep;
        _threadQueue = _session.Types.Get("_KTHREAD").Required("Queue");
        _routine = _session.Types.Get("_WORK_QUEUE_ITEM").Required("WorkerRoutine");
    }

    /// <summary>The queues by address.</summary>
    public List<WorkQueueFacts> ReadAll()
    {
        List<WorkQueueFacts> queues = [];
        if (!_threadQueue.IsPresent)
            return queues;
        SortedDictionary<ulong, List<ThreadFacts>> workers = CollectWorkers();
        ulong[] classic = ClassicQueues();
        foreach (ulong address in classic)
            workers.TryAdd(address, []);
        foreach ((ulong address, List<ThreadFacts> threads) in workers)
        {
            int index = Array.IndexOf(classic, address);
            if ((index >= 0 || threads.Exists(IsWorker)) && Read(address, index, threads) is { } queue)
                queues.Add(queue);
        }
        return queues;
    }

    private SortedDictionary<ulong, List<ThreadFacts>> CollectWorkers()
    {
        const ulong SystemProcess = 4;
        SortedDictionary<ulong, List<ThreadFacts>> workers = [];
        foreach (ThreadFacts thread in _system.Threads)
        {
            if (thread.Process.Id != SystemProcess || thread.HasExited
                || !_session.Memory.TryReadPointer(thread.Address.Value + (ulong)_threadQueue.Offset, out ulong queue)
                || !_session.IsObject(queue))
                continue;
            if (!workers.TryGetValue(queue, out List<ThreadFacts>? list))
                workers.Add(queue, list = []);
            list.Add(thread);
        }
        foreach (List<ThreadFacts> list in workers.Values)
            list.Sort((a, b) => a.Address.Value.CompareTo(b.Address.Value));
        return workers;
    }

    /// <summary>The queues of the array; none where the variable is a table of another kind (from 9600 on).</summary>
    private ulong[] ClassicQueues()
    {
        StructLayout type = _session.Types.Get("_EX_WORK_QUEUE");
        if (!type.Optional("WorkerQueue").IsPresent || !_session.TryGetAddress("ExWorkerQueue", out ulong first))
            return [];
        ulong[] queues = new ulong[s_names.Length];
        for (int i = 0; i < queues.Length; i++)
            queues[i] = first + (ulong)(i * type.Size);
        return queues;
    }

    private bool IsWorker(ThreadFacts thread) => _sweep.HasFrame(thread, [Worker]);

    private WorkQueueFacts? Read(ulong address, int classicIndex, List<ThreadFacts> workers)
    {
        Span<byte> type = stackalloc byte[1];
        if (!_session.Memory.TryRead(address, type))
        {
            _session.AddUnknown($"what waits in work queue {address:x16}", "it is not in the dump");
            return null;
        }
        bool byPriority = (type[0] & 0x7f) == PriorityQueueType;
        if (!byPriority && (type[0] & 0x7f) != QueueType)
        {
            _session.AddUnknown($"what waits in work queue {address:x16}", "it has not the header of a queue");
            return null;
        }
        StructLayout queue = _session.Types.Get(byPriority ? "_KPRIQUEUE" : "_KQUEUE");
        StructLayout work = _session.Types.Get("_EX_WORK_QUEUE");
        FieldSlot lists = queue.Required("EntryListHead");
        // An _EX_WORK_QUEUE begins with its queue; a queue that a driver made for itself has none around it.
        bool isExecutive = work.Optional(byPriority ? "WorkPriQueue" : "WorkerQueue").IsPresent && (byPriority || classicIndex >= 0);
        byte[] bytes = new byte[Math.Max(queue.Size, isExecutive ? work.Size : 0)];
        if (!lists.IsPresent || !_session.Memory.TryRead(address, bytes))
            return null;
        int items = CountItems(address + (ulong)lists.Offset, lists.Size, address);
        List<ThreadFacts> blocked = [];
        int idle = 0;
        foreach (ThreadFacts worker in workers)
            if (worker.WaitReason == "WrQueue")
                idle++;
            else if (worker.Activity == ThreadActivity.Waiting)
                blocked.Add(worker);
        return new WorkQueueFacts(address, Name(classicIndex, isExecutive, work, bytes))
        {
            Structure = isExecutive ? work.Name : queue.Name,
            Workers = workers,
            BlockedWorkers = blocked,
            IdleWorkers = idle,
            Items = items,
            Work = TakeWork(),
            Running = Sum(queue.Required("CurrentCount"), bytes),
            MostRunning = (int)queue.Required("MaximumCount").Read(bytes),
            MostWorkers = isExecutive ? (int)work.Optional("MaxThreads").Read(bytes) : 0,
        };
    }

    private string Name(int classicIndex, bool isExecutive, StructLayout work, byte[] bytes)
    {
        if (classicIndex >= 0)
            return s_names[classicIndex];
        FieldSlot index = work.Optional("QueueIndex");
        if (!isExecutive || !index.IsPresent)
            return "worker threads";
        // Symbols may declare the enumeration without its size; enumerations of the kernel have four bytes.
        if (index.Offset + sizeof(int) > bytes.Length)
            return "worker threads";
        int value = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(index.Offset));
        string[] names = _session.Types.EnumNames("_EXQUEUEINDEX");
        return (uint)value < (uint)names.Length && names[value] is { } name ? name : $"index {value}";
    }

    /// <summary>Counts the entries of a list head, or of an array of them.</summary>
    private int CountItems(ulong heads, int size, ulong queue)
    {
        int headSize = 2 * _session.PointerSize;
        _work.Clear();
        List<ulong> entries = [];
        for (int i = 0; i < size / headSize && entries.Count < Limits.WorkItems; i++)
        {
            string? problem = LinkedList.Collect(_session.Memory, heads + (ulong)(i * headSize), Limits.WorkItems - entries.Count, entries);
            if (problem is not null)
                _session.AddUnknown($"some items of work queue {queue:x16}", $"a list of its items is damaged: {problem}");
        }
        foreach (ulong entry in entries)
        {
            string routine = _routine.IsPresent && _session.Memory.TryReadPointer(entry + (ulong)_routine.Offset, out ulong address)
                ? _system.DescribeAddress(address).Text
                : "not in the dump";
            _work[routine] = _work.GetValueOrDefault(routine) + 1;
        }
        return entries.Count;
    }

    private List<QueuedWork> TakeWork()
    {
        List<QueuedWork> work = new(_work.Count);
        foreach ((string routine, int count) in _work)
            work.Add(new QueuedWork(routine, count));
        work.Sort((a, b) => b.Count != a.Count ? b.Count.CompareTo(a.Count) : string.CompareOrdinal(a.Routine, b.Routine));
        return work;
    }

    /// <summary>The value of a count, or the sum of an array of counts by priority.</summary>
    private static int Sum(FieldSlot slot, byte[] bytes)
    {
        long sum = 0;
        ReadOnlySpan<byte> values = slot.Slice(bytes);
        for (int i = 0; i + sizeof(int) <= values.Length; i += sizeof(int))
            sum += BinaryPrimitives.ReadInt32LittleEndian(values[i..]);
        return (int)Math.Clamp(sum, 0, int.MaxValue);
    }
}
