using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Tells of threads that wait for keyed events: by them locks of programs wait (always up to 7601).</summary>
/// <remarks>
/// Such a thread waits for a semaphore of its own (ETHREAD.KeyedWaitSemaphore), and its key is the address of the lock in its
/// program. Who owns that lock the kernel does not know. Programs also sleep so, without anything being wrong: only waits
/// that hold up somebody else are told.
/// </remarks>
internal sealed class KeyedEventWaits
{
    private const string TypeName = "keyed event";

    /// <summary>The lowest bit of a key tells the one who wakes from the one who waits: keys are even.</summary>
    private const ulong Release = 1;

    private readonly WindowsSystem _system;
    private readonly WaitGraphBuilder _graph;
    private readonly FieldSlot _semaphore, _key;
    private readonly Dictionary<(ProcessAddress Process, ulong Key), ObjectReference> _nodes = [];

    public KeyedEventWaits(WindowsSystem system, WaitGraphBuilder graph)
    {
        (_system, _graph) = (system, graph);
        StructLayout thread = system.Session.Types.Get("_ETHREAD");
        _semaphore = thread.Optional("KeyedWaitSemaphore");
        _key = thread.Optional("KeyedWaitValue");
    }

    /// <summary>Adds the waits that hold up somebody, and then those of others for the same key.</summary>
    public void Add()
    {
        foreach (ThreadFacts thread in _system.Threads)
            if (thread.WaitReason == "WrKeyedEvent"
                && (thread.Role == WaitRole.Blocked || _graph.Owes(ObjectReference.To(thread.Address))))
                Add(thread, isFirst: true);
        if (_nodes.Count == 0)
            return;
        foreach (ThreadFacts thread in _system.Threads)
            if (thread.WaitReason == "WrKeyedEvent")
                Add(thread, isFirst: false);
    }

    private void Add(ThreadFacts thread, bool isFirst)
    {
        ObjectReference from = ObjectReference.To(thread.Address);
        ulong semaphore = thread.Address.Value + (ulong)_semaphore.Offset;
        if (_graph.HasSteps(from) || !_semaphore.IsPresent || !WaitsFor(thread, semaphore))
            return;
        bool hasKey = _key.IsPresent
            & _system.Session.Memory.TryReadPointer(thread.Address.Value + (ulong)_key.Offset, out ulong key);
        if (!hasKey && !isFirst)
            return;
        // The key is an address in the program: the same number means another lock in another process.
        (ProcessAddress, ulong) shared = (thread.Process.Address, hasKey ? key & ~Release : semaphore);
        if (!_nodes.TryGetValue(shared, out ObjectReference node))
        {
            if (!isFirst)
                return;
            _nodes.Add(shared, node = new ObjectReference(ObjectKind.Lock, semaphore));
            string stands = hasKey ? $"the lock at {key & ~Release:x} in {thread.Process.Title}" : "a lock of its program";
            _graph.Describe(new ObjectFacts(node, TypeName, null,
                Phrase.Of($"stands for {stands}, whose owner the kernel does not record")));
        }
        string keyed = hasKey ? $" with key {key & ~Release:x}" : "";
        _graph.Add(from, node, Phrase.Of($"{TypeName}{keyed}"), Certainty.Proven,
            $"dt nt!_ETHREAD {thread.Address.Value:x16} KeyedWaitValue KeyedWaitSemaphore");
    }

    private static bool WaitsFor(ThreadFacts thread, ulong address)
    {
        foreach (WaitedObject waited in thread.WaitsFor)
            if (waited.Address == address)
                return true;
        return false;
    }
}
