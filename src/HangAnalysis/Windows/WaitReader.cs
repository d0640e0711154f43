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

    /// <summary>Reads everything.</summary>
    public void Read()
    {
        ObjectNames names = new(system.Session);
        AlpcReader messages = new(system.Session);
        AlpcServers servers = new(messages, new QueueReader(system), graph);
        AlpcWaits alpc = new(system, messages, servers, names, graph);
        ObjectWaits objects = new(system, graph, names);
        UserLockWaits userLocks = new(system, sweep, graph);
        WindowMessageWaits sends = new(system, sweep, graph);
        NetworkWaits network = new(system, sweep, graph);
        RequestWaits requests = new(system, new RequestReader(system.Session), graph);
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
            objects.Add(thread);
            userLocks.Add(thread);
            sends.Add(thread);
            if (thread.Role == WaitRole.Blocked)
            {
                requests.Add(thread, thread.HasRequests ? sweep.WaitCaller(thread) : null);
                network.Add(thread);
            }
        }
        PendingRequests = (pending, oldest);
        _locks.Add(ResourceWaits.Add(system, new ResourceReader(system.Session, new DispatcherWaiters(system.Session)), graph));
        // Where these lead depends on all other waits: they are read last.
        sends.FollowReceivers();
        servers.FollowPools();
        userLocks.ReportAbsent();
    }
}
