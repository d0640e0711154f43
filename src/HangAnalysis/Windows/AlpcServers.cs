using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Follows processes that owe a reply to those of their threads that keep them from it.</summary>
/// <remarks>
/// Where a port tells its arrivals to a completion port, the threads of that queue serve it (published case: "8 thread(s)
/// are registered with port IO completion object", none of them free). Only when all of them are at work is the pool the
/// reason; which of them would answer is decided by where they lead: to one end, or to many. Without a pool the threads of
/// the process that are stuck themselves are followed; its idle workers are not why it does not answer.
/// </remarks>
internal sealed class AlpcServers(AlpcReader reader, QueueReader queues, WaitGraphBuilder graph)
{
    private readonly HashSet<ProcessFacts> _followed = [];
    private readonly Dictionary<ProcessFacts, List<ThreadFacts>> _pools = [];

    /// <summary>Says why a message in a port's main queue has not been received, and follows the port's owner.</summary>
    public string DescribeUnreceived(ProcessFacts owner, ulong portAddress)
    {
        AlpcPort? port = reader.ReadPort(portAddress);
        if (port is { IsClosed: true })
            return "its port is closed, and nobody receives from it any more";
        if (port is { CompletionPort: not 0 } served && queues.FindThreads(served.CompletionPort) is { } pool)
        {
            pool.RemoveAll(t => t.Process != owner || t.HasExited);
            int free = 0;
            foreach (ThreadFacts thread in pool)
                if (QueueReader.IsFree(thread))
                    free++;
            if (pool.Count > 0 && free == 0)
            {
                _pools.TryAdd(owner, pool);
                return pool.Count == 1
                    ? "no thread has received it: the one thread that serves its port is busy"
                    : $"no thread has received it: all {pool.Count} threads that serve its port are busy";
            }
            return pool.Count == 0
                ? "no thread has received it, and no thread serves its port"
                : $"no thread has received it, though {free} of {pool.Count} threads that serve its port are free";
        }
        // Where a thread is stuck it is the reason, and is told; else that nobody listens is all there is to tell.
        bool isStuck = false;
        foreach (ThreadFacts thread in owner.Threads)
            isStuck |= thread.Role == WaitRole.Blocked;
        return !isStuck && port is { CompletionPort: 0, Receivers: 0, HasCallback: false }
            ? "no thread has received it, and none waits to receive from its port"
            : "no thread has received it";
    }

    /// <summary>Follows the threads of a process that does not answer and that are stuck themselves.</summary>
    public void FollowBlockedThreads(ProcessFacts process)
    {
        if (_pools.ContainsKey(process) || !_followed.Add(process))
            return;
        int blocked = 0;
        foreach (ThreadFacts thread in process.Threads)
            if (thread.Role == WaitRole.Blocked)
                blocked++;
        Certainty certainty = blocked == 1 ? Certainty.Inferred : Certainty.Candidate;
        string what = blocked == 1
            ? "its one thread that is blocked, not idle"
            : $"one of its {blocked} threads that are blocked, not idle";
        foreach (ThreadFacts thread in process.Threads)
            if (thread.Role == WaitRole.Blocked)
                Add(process, thread, what, certainty);
    }

    /// <summary>
    /// Follows the threads of pools that are all at work. Called when all other waits are known, because the threads'
    /// ends decide: if all of them lead to one, that one is the reason whichever thread becomes free first.
    /// </summary>
    public void FollowPools()
    {
        if (_pools.Count == 0)
            return;
        Dictionary<ObjectReference, WaitEdge> surest = [];
        foreach (WaitEdge edge in graph.Edges)
            if (!surest.TryGetValue(edge.From, out WaitEdge? known) || edge.Certainty > known.Certainty)
                surest[edge.From] = edge;
        foreach ((ProcessFacts process, List<ThreadFacts> pool) in _pools)
        {
            HashSet<ObjectReference> ends = [];
            List<ThreadFacts> stuck = [];
            foreach (ThreadFacts thread in pool)
            {
                ends.Add(FindEnd(ObjectReference.To(thread.Address), surest));
                if (thread.Role == WaitRole.Blocked || surest.ContainsKey(ObjectReference.To(thread.Address)))
                    stuck.Add(thread);
            }
            bool hasOneEnd = ends.Count == 1 && stuck.Count == pool.Count;
            string what = pool.Count == 1 ? "the one thread that serves the port"
                : hasOneEnd ? $"one of the {pool.Count} threads that serve the port, all of which wait for the same in the end"
                : $"one of the {pool.Count} threads that serve the port";
            foreach (ThreadFacts thread in stuck)
                Add(process, thread, what, hasOneEnd ? Certainty.Inferred : Certainty.Candidate);
        }
    }

    /// <summary>The end of the surest steps from an object; of a circle, its member with the lowest address.</summary>
    private static ObjectReference FindEnd(ObjectReference start, Dictionary<ObjectReference, WaitEdge> surest)
    {
        HashSet<ObjectReference> seen = [];
        ObjectReference at = start;
        while (seen.Add(at))
        {
            if (!surest.TryGetValue(at, out WaitEdge? edge))
                return at;
            at = edge.To;
        }
        ObjectReference lowest = at;
        for (ObjectReference next = surest[at].To; next != at; next = surest[next].To)
            if (next.Address < lowest.Address)
                lowest = next;
        return lowest;
    }

    private void Add(ProcessFacts process, ThreadFacts thread, string what, Certainty certainty) =>
        graph.Add(ObjectReference.To(process.Address), ObjectReference.To(thread.Address), Phrase.Of(what), certainty,
            $"!us -p {process.Address.Value:x16}");
}
