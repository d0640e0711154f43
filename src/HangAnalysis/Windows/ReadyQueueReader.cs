using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads the queues of threads that could run.</summary>
/// <remarks>
/// A processor has a queue for each of 32 priorities (DispatcherReadyListHead), and a list of threads that were made ready
/// while it was busy (DeferredReadyListHead). From 9600 on threads that may run on several processors are in a queue that
/// these share (KSHARED_READY_QUEUE). Threads are linked by KTHREAD.WaitListEntry, in the deferred list by SwapListEntry.
/// </remarks>
internal sealed class ReadyQueueReader
{
    private const int Priorities = 32;
    private const int ListEntrySize = 16;

    private readonly KernelSession _session;
    private readonly Func<ulong, ThreadFacts?> _findThread;
    private readonly FieldSlot _heads, _deferred, _shared, _sharedHeads;
    private readonly int _link, _deferredLink;
    private readonly bool _hasLinks;
    private readonly Dictionary<ulong, List<ThreadFacts>> _sharedQueues = [];
    private readonly List<ulong> _entries = [];

    public ReadyQueueReader(KernelSession session, Func<ulong, ThreadFacts?> findThread)
    {
        _session = session;
        _findThread = findThread;
        StructLayout prcb = session.Types.Get("_KPRCB");
        _heads = prcb.Optional("DispatcherReadyListHead");
        _deferred = prcb.Optional("DeferredReadyListHead");
        _shared = prcb.Optional("SharedReadyQueue");
        _sharedHeads = session.Types.Get("_KSHARED_READY_QUEUE").Optional("ReadyListHead");
        StructLayout thread = session.Types.Get("_ETHREAD");
        FieldSlot link = thread.Optional("Tcb.WaitListEntry");
        FieldSlot deferredLink = thread.Optional("Tcb.SwapListEntry");
        _link = link.Offset;
        _hasLinks = link.IsPresent;
        _deferredLink = deferredLink.IsPresent ? deferredLink.Offset : _link;
    }

    /// <summary>Threads in a processor's own queues, the highest priority first, and then the deferred ones.</summary>
    public List<ThreadFacts> ReadOwn(ulong prcb, int number)
    {
        List<ThreadFacts> threads = [];
        if (!_hasLinks)
            return threads;
        string queue = $"the ready queue of processor {number}";
        if (_heads.IsPresent)
            ReadHeads(prcb + (ulong)_heads.Offset, queue, threads);
        if (_deferred.IsPresent)
            ReadDeferred(prcb + (ulong)_deferred.Offset, queue, threads);
        return threads;
    }

    /// <summary>Threads in the queue that a processor shares with others.</summary>
    public IReadOnlyList<ThreadFacts> ReadShared(ulong prcb)
    {
        if (!_hasLinks || !_shared.IsPresent || !_sharedHeads.IsPresent
            || !_session.Memory.TryReadUInt64(prcb + (ulong)_shared.Offset, out ulong queue)
            || !KernelSession.IsKernelObject(queue))
            return [];
        if (!_sharedQueues.TryGetValue(queue, out List<ThreadFacts>? threads))
        {
            _sharedQueues.Add(queue, threads = []);
            ReadHeads(queue + (ulong)_sharedHeads.Offset, $"the shared ready queue {queue:x16}", threads);
        }
        return threads;
    }

    private void ReadHeads(ulong heads, string queue, List<ThreadFacts> threads)
    {
        for (int priority = Priorities - 1; priority >= 0; priority--)
        {
            _entries.Clear();
            string? problem = LinkedList.Collect(_session.Memory, heads + (ulong)(priority * ListEntrySize),
                Limits.ReadyThreads - threads.Count, _entries);
            if (problem is not null)
            {
                _session.AddUnknown($"some threads of {queue}", $"its list is damaged: {problem}");
                if (threads.Count + _entries.Count >= Limits.ReadyThreads)
                    return;
            }
            int strangers = 0;
            foreach (ulong entry in _entries)
                if (!TryAdd(entry - (ulong)_link, threads))
                    strangers++;
            if (strangers > 0)
                _session.AddUnknown($"{strangers} entries of {queue}", "they are no threads that are ready");
        }
    }

    private void ReadDeferred(ulong head, string queue, List<ThreadFacts> threads)
    {
        HashSet<ulong> seen = [];
        while (_session.Memory.TryReadUInt64(head, out ulong entry) && entry != 0)
        {
            if (!KernelSession.IsKernelObject(entry) || !seen.Add(entry) || threads.Count >= Limits.ReadyThreads
                || !TryAdd(entry - (ulong)_deferredLink, threads))
            {
                _session.AddUnknown($"some deferred threads of {queue}", $"its list is damaged at {head:x16}");
                return;
            }
            head = entry;
        }
    }

    private bool TryAdd(ulong address, List<ThreadFacts> threads)
    {
        if (_findThread(address) is not { Activity: ThreadActivity.Ready } thread)
            return false;
        threads.Add(thread);
        return true;
    }
}
