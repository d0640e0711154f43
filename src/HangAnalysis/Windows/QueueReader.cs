using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Finds the threads that serve a queue (a completion port): those that wait for it and those that took work from it.</summary>
/// <remarks>
/// A thread that has removed an entry from a KQUEUE stays on the queue's list, waiting for it or not, until it takes work
/// from another queue; the kernel counts by that list how many are at work. KTHREAD.Queue points back.
/// </remarks>
internal sealed class QueueReader
{
    /// <summary>Threads of one queue that are looked at; pools of real services have up to some hundreds.</summary>
    private const int MostThreads = 4_096;

    /// <summary>DISPATCHER_HEADER.Type of a KQUEUE.</summary>
    private const byte QueueObject = 4;

    private readonly WindowsSystem _system;
    private readonly FieldSlot _threadList, _threadEntry, _threadQueue;
    private readonly List<ulong> _entries = [];

    public QueueReader(WindowsSystem system)
    {
        _system = system;
        KernelTypes types = system.Session.Types;
        _threadList = types.Get("_KQUEUE").Optional("ThreadListHead");
        StructLayout thread = types.Get("_KTHREAD");
        _threadEntry = thread.Optional("QueueListEntry");
        _threadQueue = thread.Optional("Queue");
    }

    /// <summary>The threads of a queue; null where no queue is there or its list cannot be read.</summary>
    public List<ThreadFacts>? FindThreads(ulong queue)
    {
        IMemory memory = _system.Session.Memory;
        if (!_threadList.IsPresent || !_threadEntry.IsPresent || !_threadQueue.IsPresent
            || !_system.Session.IsObject(queue) || !memory.TryReadByte(queue, out byte type) || (type & 0x7f) != QueueObject)
            return null;
        _entries.Clear();
        if (LinkedList.Collect(_system.Session.Memory, queue + (ulong)_threadList.Offset, MostThreads, _entries) is { } problem)
        {
            _system.Session.AddUnknown($"which threads serve the queue {queue:x16}", $"its list is damaged: {problem}");
            return null;
        }
        List<ThreadFacts> threads = new(_entries.Count);
        foreach (ulong entry in _entries)
        {
            ulong address = entry - (ulong)_threadEntry.Offset;
            if (_system.FindThread(address) is { } thread
                && memory.TryReadPointer(address + (ulong)_threadQueue.Offset, out ulong own) && own == queue)
                threads.Add(thread);
        }
        return threads;
    }

    /// <summary>Whether a thread of a queue waits for its next entry.</summary>
    public static bool IsFree(ThreadFacts thread) => thread is { Activity: ThreadActivity.Waiting, WaitReason: "WrQueue" };
}
