using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Finds the threads in the wait list of a dispatcher object.</summary>
internal sealed class DispatcherWaiters
{
    private readonly KernelSession _session;
    private readonly FieldSlot _waitListHead, _waitListEntry, _thread;
    private readonly List<ulong> _blocks = [];

    public DispatcherWaiters(KernelSession session)
    {
        _session = session;
        _waitListHead = session.Types.Get("_DISPATCHER_HEADER").Required("WaitListHead");
        StructLayout block = session.Types.Get("_KWAIT_BLOCK");
        _waitListEntry = block.Required("WaitListEntry");
        _thread = block.Required("Thread");
    }

    /// <summary>Appends the addresses of the threads that wait for the object at <paramref name="header"/>.</summary>
    public void Collect(ulong header, List<ulong> threads)
    {
        if (!_waitListHead.IsPresent || !_thread.IsPresent || !_session.IsObject(header))
            return;
        _blocks.Clear();
        LinkedList.Collect(_session.Memory, header + (ulong)_waitListHead.Offset, Limits.ThreadsPerProcess, _blocks);
        foreach (ulong entry in _blocks)
            if (_session.Memory.TryReadPointer(
                entry - (ulong)_waitListEntry.Offset + (ulong)_thread.Offset, out ulong thread))
                threads.Add(thread);
    }
}
