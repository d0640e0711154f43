using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that could run and do not to the threads that keep their processors.</summary>
/// <remarks>
/// A thread that has been ready for 30 seconds is starved: the balance set manager raises the priority of others long
/// before. Its processors are those in whose own queue it is, else those that its affinity allows. It is starved by what
/// runs there only if none of these processors would take it: each runs a thread of higher priority, or is at
/// DISPATCH_LEVEL or above, where no thread is switched.
/// </remarks>
internal sealed class StarvationWaits
{
    /// <summary>From this age on a ready thread is starved.</summary>
    public static readonly TimeSpan StarvedAge = TimeSpan.FromSeconds(30);

    /// <summary>GROUP_AFFINITY {Mask; Group} (documented); KAFFINITY_EX has its first mask behind 8 bytes of counts.</summary>
    /// <remarks>KAFFINITY_EX begins with two counts and a reserved word of eight bytes together, on x86 too.</remarks>
    private const int FirstMaskOffset = 8, ProcessorsInGroup = 64;

    /// <summary>Bytes of a GROUP_AFFINITY behind its mask: group and reserved words.</summary>
    private const int AfterMask = 8;

    private readonly WindowsSystem _system;
    private readonly WaitGraphBuilder _graph;
    private readonly FieldSlot _affinity;
    private readonly Dictionary<ThreadFacts, ProcessorFacts> _queues = [];

    public StarvationWaits(WindowsSystem system, WaitGraphBuilder graph)
    {
        _system = system;
        _graph = graph;
        _affinity = system.Session.Types.Get("_ETHREAD").Optional("Tcb.Affinity");
        foreach (ProcessorFacts processor in system.Processors)
        {
            foreach (ThreadFacts thread in processor.Ready)
                _queues.TryAdd(thread, processor);
            if (processor.Next is { Activity: ThreadActivity.Ready } next)
                _queues.TryAdd(next, processor);
        }
    }

    /// <summary>Adds the steps of all starved threads.</summary>
    public void Add()
    {
        List<ProcessorFacts> processors = [];
        foreach (ThreadFacts thread in _system.Threads)
        {
            if (thread.Activity != ThreadActivity.Ready || thread.Age is not { } age || age < StarvedAge)
                continue;
            processors.Clear();
            FindProcessors(thread, processors);
            bool isStarved = processors.Count > 0;
            foreach (ProcessorFacts processor in processors)
                isStarved &= Keeps(processor, thread);
            if (!isStarved)
                continue;
            Certainty certainty = processors.Count == 1 ? Certainty.Inferred : Certainty.Candidate;
            foreach (ProcessorFacts processor in processors)
                AddStep(thread, processor, certainty);
        }
    }

    private void AddStep(ThreadFacts thread, ProcessorFacts processor, Certainty certainty)
    {
        ThreadFacts runs = processor.Current!;
        ObjectReference reference = new(ObjectKind.Processor, (ulong)processor.Number);
        string why = processor.DpcActive ? "executes a deferred procedure call"
            : processor.IsAtDispatch ? $"is at IRQL {processor.Irql}"
            : $"runs at priority {runs.Priority}";
        _graph.Add(ObjectReference.To(thread.Address), ObjectReference.To(runs.Address),
            Phrase.Of($"processor {reference} (ready at priority {thread.Priority}); thread {ObjectReference.To(runs.Address)} of {runs.Process} {why}"),
            certainty, $"dt nt!_KTHREAD {thread.Address.Value:x16} Priority WaitTime");
    }

    private static bool Keeps(ProcessorFacts processor, ThreadFacts thread) =>
        processor.Current is { } runs && runs != thread
        && (processor.DpcActive || processor.IsAtDispatch || (!processor.IsIdle && runs.Priority > thread.Priority));

    private void FindProcessors(ThreadFacts thread, List<ProcessorFacts> processors)
    {
        if (_queues.TryGetValue(thread, out ProcessorFacts? queue))
        {
            processors.Add(queue);
            return;
        }
        if (ReadAffinity(thread) is not { } mask)
            return;
        foreach (ProcessorFacts processor in _system.Processors)
            if ((mask >> processor.Number & 1) != 0)
                processors.Add(processor);
    }

    /// <summary>The processors that a thread may run on; null where not recorded, or where the system has several groups.</summary>
    private ulong? ReadAffinity(ThreadFacts thread)
    {
        IMemory memory = _system.Session.Memory;
        ulong field = thread.Address.Value + (ulong)_affinity.Offset;
        if (!_affinity.IsPresent || _system.Processors.Count > ProcessorsInGroup)
            return null;
        ulong mask;
        int pointer = memory.PointerSize;
        // A plain mask up to Vista; no x86 kernel has it behind a pointer.
        if (pointer == sizeof(uint) && _affinity.Size == pointer)
            return memory.TryReadPointer(field, out mask) && mask != 0 ? mask : null;
        if (_affinity.Size == pointer)
            // Since 20348 the affinity lies behind a pointer.
            return memory.TryReadPointer(field, out ulong set) && _system.Session.IsObject(set)
                && memory.TryReadPointer(set + FirstMaskOffset, out mask) && mask != 0 ? mask : null;
        // Symbols that do not define the structure give it no size; its form is documented.
        bool isGroup = _affinity.Size == 0 || _affinity.Size == pointer + AfterMask;
        return isGroup && memory.TryReadPointer(field, out mask) && mask != 0
            && memory.TryReadUInt16(field + (ulong)pointer, out ushort group) && group == 0 ? mask : null;
    }
}
