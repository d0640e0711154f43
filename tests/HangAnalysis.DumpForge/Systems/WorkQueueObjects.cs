namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// The executive's work queues in the two forms that builds have: the array ExWorkerQueue of queues (7601), and queues by
/// priority without a variable (9600 on). Which one follows from the types that the layout has.
/// </summary>
public sealed class WorkQueueObjects
{
    private const int Classic = 3, Priorities = 32;
    private readonly SystemBuilder _system;
    private ulong _classic;

    private int ListHead => 2 * _system.Layout.PointerSize;

    internal WorkQueueObjects(SystemBuilder system) => _system = system;

    /// <summary>Whether the queues are those of the array.</summary>
    public bool IsClassic => _system.Layout.Has("_EX_WORK_QUEUE", "WorkerQueue");

    /// <summary>A queue; of the array, the one with this number.</summary>
    public KernelStruct New(int index, int maximum)
    {
        if (IsClassic)
            return Array(index, maximum);
        KernelStruct queue = _system.NewStruct("_EX_WORK_QUEUE").Set("MaxThreads", (ulong)maximum).TrySet("MinThreads", 1);
        // An enumeration of four bytes, whose type the layouts do not hold.
        _system.Kernel.WriteUInt32(queue.At("QueueIndex"), (uint)index);
        Initialize(_system.Struct("_KPRIQUEUE", queue.Address), "PriQueueObject", Priorities);
        return queue;
    }

    /// <summary>Makes a thread a worker in the middle of an item; an idle one becomes one by waiting for the queue.</summary>
    public void AddWorker(KernelStruct queue, ThreadBuilder worker)
    {
        worker.Serves(queue.Address);
        if (!IsClassic)
            queue.Set("ThreadCount", queue.Get("ThreadCount") + 1);
    }

    /// <summary>Queues items for a routine.</summary>
    public void AddItems(KernelStruct queue, int count, ulong routine, int priority = 12)
    {
        string type = IsClassic ? "_KQUEUE" : "_KPRIQUEUE";
        ulong list = queue.Address + (ulong)_system.Layout.Offset(type, "EntryListHead")
            + (IsClassic ? 0 : (ulong)(priority * ListHead));
        for (int i = 0; i < count; i++)
        {
            KernelStruct item = _system.NewStruct("_WORK_QUEUE_ITEM").Set("WorkerRoutine", routine);
            _system.Kernel.AppendToList(list, item.At("List"));
        }
        KernelStruct header = _system.Struct("_DISPATCHER_HEADER", queue.Address);
        header.Set("SignalState", header.Get("SignalState") + (ulong)count);
    }

    private KernelStruct Array(int index, int maximum)
    {
        int size = _system.Layout.Size("_EX_WORK_QUEUE");
        if (_classic == 0)
        {
            _classic = _system.Nt.Variable("ExWorkerQueue", size * Classic);
            _system.Kernel.Write(_classic, new byte[size * Classic]);
            for (int i = 0; i < Classic; i++)
                Initialize(_system.Struct("_KQUEUE", _classic + (ulong)(i * size)), "QueueObject", 1);
        }
        KernelStruct queue = _system.Struct("_EX_WORK_QUEUE", _classic + (ulong)(index * size));
        queue.Set("DynamicThreadCount", (ulong)maximum);
        return queue;
    }

    private void Initialize(KernelStruct queue, string kind, int lists)
    {
        _system.Objects.WriteDispatcher(queue.Address, kind, 16, 0);
        queue.Set("MaximumCount", (ulong)_system.Options.Processors).EmptyLists("ThreadListHead");
        for (int i = 0; i < lists; i++)
            _system.Kernel.InitializeList(queue.At("EntryListHead") + (ulong)(i * ListHead));
    }
}
