using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Reads the waits of all threads into the wait graph: what a thread tells itself first, then what locks tell.</summary>
internal sealed class WaitReader(WindowsSystem system, StackSweep sweep, WaitGraphBuilder graph)
{
    private readonly List<LockCount> _locks = [];

    /// <summary>Locks that were counted.</summary>
    public IReadOnlyList<LockCount> Locks => _locks;

    /// <summary>Requests of threads that are pending, and the longest wait of a thread that has one.</summary>
    public (int Count, TimeSpan? Oldest) PendingRequests { get; private set; }

    /// <summary>The executive's work queues.</summary>
    public IReadOnlyList<WorkQueueFacts> WorkQueues { get; private set; } = [];

    /// <summary>Reads everything.</summary>
    public void Read()
    {
        ObjectNames names = new(system.Session);
        AlpcReader messages = new(system.Session);
        AlpcServers servers = new(messages, new QueueReader(system), graph);
        AlpcWaits alpc = new(system, messages, servers, names, graph);
        LpcWaits lpc = new(system, names, graph);
        ObjectWaits objects = new(system, graph, names);
        UserLockWaits userLocks = new(system, sweep, graph);
        WindowMessageWaits sends = new(system, sweep, graph);
        NetworkWaits network = new(system, sweep, graph);
        // Which workers hold up others has to be known before their waits are judged.
        WorkQueues = new WorkQueueReader(system, sweep).ReadAll();
        WorkQueueWaits.Add(WorkQueues, graph);
        RequestReader requestReader = new(system);
        RequestWaits requests = new(system, requestReader, graph);
        PagingWaits paging = new(system, sweep, requestReader, requests, graph);
        int pending = 0;
        TimeSpan? oldest = null;
        foreach (ThreadFacts thread in system.Threads)
        {
            if (thread.HasRequests)
            {
                pending++;
                if (thread.Role == WaitRole.Blocked && (oldest is null || thread.Age > oldest))
                    oldest = thread.Age;
            }
            if (thread.Role is not WaitRole.Blocked and not WaitRole.Ordinary)
                continue;
            alpc.Add(thread);
            lpc.Add(thread);
            objects.Add(thread);
            userLocks.Add(thread);
            sends.Add(thread);
            if (thread.Role == WaitRole.Blocked)
            {
                requests.Add(thread, thread.HasRequests ? sweep.WaitCaller(thread) : null);
                paging.Note(thread);
                network.Add(thread);
            }
        }
        paging.Finish();
        PendingRequests = (pending, oldest);
        _locks.Add(ResourceWaits.Add(system, new ResourceReader(system.Session, new DispatcherWaiters(system.Session)), graph));
        new SpinWaits(system, graph).Add();
        new StarvationWaits(system, graph).Add();
        LockEntries entries = new(system);
        _locks.Add(new PushLockWaits(system, sweep, entries, graph).Add());
        _locks.AddRange(new FastMutexWaits(system, sweep, entries, graph).Add());
        new RundownWaits(system, sweep, graph).Add();
        CacheWaits.Add(system, sweep, graph);
        AddOwedRequests(requests);
        // Where the following lead depends on all other waits.
        sends.FollowReceivers();
        servers.FollowPools();
        userLocks.ReportAbsent();
        // A keyed event is only how a lock of a program waits, and says less than anything else that is known.
        new KeyedEventWaits(system, graph).Add();
    }

    /// <summary>
    /// A parked thread's request may be pending for ever, unless the thread owes a lock or an answer to somebody: then it is
    /// followed like that of a blocked one.
    /// </summary>
    private void AddOwedRequests(RequestWaits requests)
    {
        List<ThreadFacts> owing = [];
        foreach (WaitEdge edge in graph.Edges)
            if (edge.From.Kind != ObjectKind.Thread && edge.To.Kind == ObjectKind.Thread
                && system.FindThread(edge.To.Address) is { Role: WaitRole.Parked, HasRequests: true } thread)
                owing.Add(thread);
        foreach (ThreadFacts thread in owing)
            requests.Add(thread, sweep.WaitCaller(thread));
    }
}
