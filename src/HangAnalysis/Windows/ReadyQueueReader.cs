using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>The threads that wait for one processor.</summary>
/// <param name="Own">Those in its own queues, the highest priority first, and then the deferred ones.</param>
/// <param name="DeferredCount">How many of these are deferred.</param>
/// <param name="SharedAddress">Address of the queue that it shares with others; 0 for none.</param>
/// <param name="Shared">Threads in that queue.</param>
/// <param name="Problems">What could not be read.</param>
internal sealed record ReadyQueues(
    IReadOnlyList<ThreadFacts> Own, int DeferredCount, ulong SharedAddress, IReadOnlyList<ThreadFacts> Shared,
    IReadOnlyList<string> Problems);

/// <summary>Reads the queues of threads that could run.</summary>
/// <remarks>
/// A processor has a queue for each of 32 priorities (DispatcherReadyListHead), and a list of threads that were made ready
/// while it was busy (DeferredReadyListHead). From 9600 on threads that may run on several processors are in a queue that
/// these share (KSHARED_READY_QUEUE). Threads are linked by KTHREAD.WaitListEntry, in the deferred list by SwapListEntry.
/// </remarks>
internal sealed class ReadyQueueReader
{
    private const int Priorities = 32;

    private readonly KernelSession _session;
    private readonly Func<ulong, ThreadFacts?> _findThread;
    private readonly FieldSlot _heads, _deferred, _shared, _sharedHeads;
    private readonly int _link, _deferredLink;
    private readonly bool _hasLinks;
    private readonly Dictionary<ulong, (List<ThreadFacts> Threads, List<string> Problems)> _sharedQueues = [];
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

    /// <summary>The threads that wait for a processor, by its KPRCB and number.</summary>
    public ReadyQueues Read(ulong prcb, int number)
    {
        List<ThreadFacts> own = [];
        List<string> problems = [];
        if (!_hasLinks || !_heads.IsPresent)
            problems.Add("the processors' own ready queues: the kernel's symbols do not have them");
        if (!_hasLinks)
            return new ReadyQueues(own, 0, 0, [], problems);
        string queue = $"the ready queue of processor {number}";
        if (_heads.IsPresent)
            ReadHeads(prcb + (ulong)_heads.Offset, queue, own, problems);
        int queued = own.Count;
        if (_deferred.IsPresent)
            ReadDeferred(prcb + (ulong)_deferred.Offset, queue, own, problems);
        (ulong shared, IReadOnlyList<ThreadFacts> sharedThreads) = ReadShared(prcb, problems);
        return new ReadyQueues(own, own.Count - queued, shared, sharedThreads, problems);
    }

    private (ulong Address, IReadOnlyList<ThreadFacts> Threads) ReadShared(ulong prcb, List<string> problems)
    {
        if (!_shared.IsPresent || !_sharedHeads.IsPresent
            || !_session.Memory.TryReadPointer(prcb + (ulong)_shared.Offset, out ulong queue)
            || !_session.IsObject(queue))
            return (0, []);
        if (!_sharedQueues.TryGetValue(queue, out (List<ThreadFacts> Threads, List<string> Problems) shared))
        {
            _sharedQueues.Add(queue, shared = ([], []));
            ReadHeads(queue + (ulong)_sharedHeads.Offset, $"the shared ready queue {queue:x16}", shared.Threads, shared.Problems);
        }
        problems.AddRange(shared.Problems);
        return (queue, shared.Threads);
    }

    private void ReadHeads(ulong heads, string queue, List<ThreadFacts> threads, List<string> problems)
    {
        for (int priority = Priorities - 1; priority >= 0; priority--)
        {
            _entries.Clear();
            string? problem = LinkedList.Collect(_session.Memory, heads + (ulong)(priority * 2 * _session.PointerSize),
                Limits.ReadyThreads - threads.Count, _entries);
            if (problem is not null)
            {
                Report(problems, $"some threads of {queue}", $"its list is damaged: {problem}");
                if (threads.Count + _entries.Count >= Limits.ReadyThreads)
                    return;
            }
            int strangers = 0;
            foreach (ulong entry in _entries)
                if (!TryAdd(entry - (ulong)_link, threads))
                    strangers++;
            if (strangers > 0)
                Report(problems, $"{strangers} entries of {queue}", "they are no threads that are ready");
        }
    }

    private void ReadDeferred(ulong head, string queue, List<ThreadFacts> threads, List<string> problems)
    {
        HashSet<ulong> seen = [];
        while (_session.Memory.TryReadPointer(head, out ulong entry) && entry != 0)
        {
            if (!_session.IsObject(entry) || !seen.Add(entry) || threads.Count >= Limits.ReadyThreads
                || !TryAdd(entry - (ulong)_deferredLink, threads))
            {
                Report(problems, $"some deferred threads of {queue}", $"its list is damaged at {head:x16}");
                return;
            }
            head = entry;
        }
    }

    private void Report(List<string> problems, string what, string why)
    {
        _session.AddUnknown(what, why);
        problems.Add($"{what}: {why}");
    }

    private bool TryAdd(ulong address, List<ThreadFacts> threads)
    {
        if (_findThread(address) is not { Activity: ThreadActivity.Ready } thread)
            return false;
        threads.Add(thread);
        return true;
    }
}
