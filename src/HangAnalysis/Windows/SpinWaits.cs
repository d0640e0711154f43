using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Follows processors that spin for locks to the processors that hold these.</summary>
/// <remarks>
/// Queued locks say who owns them. Others do not: what is sure is that a processor which holds a spin lock is at
/// DISPATCH_LEVEL or above, and is not one that waits for the same lock. If only one processor fits, it is the holder;
/// otherwise all that fit are possibilities.
/// </remarks>
internal sealed class SpinWaits(WindowsSystem system, WaitGraphBuilder graph)
{
    /// <summary>What the wait graph calls them.</summary>
    public const string TypeName = "spin lock";

    private readonly SpinLockReader _reader = new(system.Session);
    private readonly HashSet<ObjectReference> _owned = [];

    /// <summary>Adds the steps of all processors.</summary>
    public void Add()
    {
        AddQueued();
        AddInStack();
        foreach (ProcessorFacts processor in system.Processors)
            if (processor.Spin is { } spin && processor.Current is not null && !_owned.Contains(spin.Lock))
                AddHolders(processor, spin);
    }

    /// <summary>The queued locks of the system: each processor has an entry of its own for each of them.</summary>
    private void AddQueued()
    {
        ProcessorReader blocks = new(system.Session, system.Clock);
        List<(int Processor, SpinLockReader.Entry Entry)> waiting = [];
        Dictionary<ulong, (int Processor, SpinLockReader.Entry Entry)> owners = [];
        foreach (ProcessorBlock block in blocks.Read())
            foreach (SpinLockReader.Entry entry in _reader.ReadOwn(block.Address))
            {
                if (!system.Session.IsObject(entry.Lock))
                    continue;
                if ((entry.State & SpinLockReader.Waits) != 0)
                    waiting.Add((block.Number, entry));
                else
                    owners.TryAdd(entry.Lock, (block.Number, entry));
            }
        foreach ((int number, SpinLockReader.Entry entry) in waiting)
        {
            if (Find(number) is not { Current: not null } waiter)
                continue;
            ObjectReference reference = new(ObjectKind.Lock, entry.Lock);
            waiter.Spin = new SpinFacts(reference, waiter.Spin?.Function ?? FrameKnowledge.QueuedSpin);
            AddStep(waiter, waiter.Spin, $"dt nt!_KSPIN_LOCK_QUEUE {entry.Address:x16}", Certainty.Proven);
            if (owners.TryGetValue(entry.Lock, out (int Processor, SpinLockReader.Entry Entry) owner)
                && Find(owner.Processor) is { Current: not null } holder)
                AddOwner(waiter.Spin, holder, owner.Entry, _reader.Leads(owner.Entry, entry.Address));
        }
    }

    /// <summary>Queued locks whose entries lie on stacks: the holder's leads to the waiter's.</summary>
    private void AddInStack()
    {
        foreach (ProcessorFacts waiter in system.Processors)
        {
            if (waiter is not { Spin: { IsAddressKnown: true, Function: FrameKnowledge.QueuedSpin } spin, Current: not null }
                || _owned.Contains(spin.Lock) || StackOf(waiter) is not { } stack
                || !_reader.FindWaiterOnStack(stack.Start, spin.Lock.Address, out SpinLockReader.Entry entry))
                continue;
            foreach (ProcessorFacts holder in system.Processors)
                if (holder != waiter && holder.Current is not null && StackOf(holder) is { } other
                    && _reader.FindOwnerOnStack(other.Start, other.Bytes, entry, out SpinLockReader.Entry owner))
                {
                    AddStep(waiter, spin, $"dt nt!_KLOCK_QUEUE_HANDLE {entry.Address:x16}", Certainty.Proven);
                    AddOwner(spin, holder, owner, leads: true);
                    break;
                }
        }
    }

    private void AddOwner(SpinFacts spin, ProcessorFacts holder, SpinLockReader.Entry entry, bool leads)
    {
        _owned.Add(spin.Lock);
        AddHolder(spin, holder, leads ? Certainty.Proven : Certainty.Inferred, $"dt nt!_KSPIN_LOCK_QUEUE {entry.Address:x16}",
            "its queue entry owns the lock");
    }

    /// <summary>Holders of a lock that does not say: processors that can have it.</summary>
    private void AddHolders(ProcessorFacts waiter, SpinFacts spin)
    {
        AddStep(waiter, spin, DebuggerCommands.Processor(waiter.Number), spin.IsAddressKnown ? Certainty.Inferred : Certainty.Proven);
        List<ProcessorFacts> fit = [];
        List<ProcessorFacts> perhaps = [];
        foreach (ProcessorFacts other in system.Processors)
        {
            if (other == waiter || !CanHold(other) || (other.Spin is { } own && !own.IsForOther(spin)))
                continue;
            if (other.IsAtDispatch)
                fit.Add(other);
            else if (other.Irql is null)
                perhaps.Add(other);
        }
        Certainty certainty = fit.Count == 1 && perhaps.Count == 0 ? Certainty.Inferred : Certainty.Candidate;
        if (fit.Count == 0)
            fit = perhaps;
        // Where some that fit do not spin themselves, a holder among those explains everything; the others are left out.
        bool anyFree = fit.Exists(p => p.Spin is null);
        foreach (ProcessorFacts holder in fit)
            if (holder.Spin is null || !anyFree)
                AddHolder(spin, holder, certainty, DebuggerCommands.Processor(holder.Number),
                    (holder.Irql is { } irql ? $"at IRQL {irql}, " : "IRQL not recorded, ") +
                    (holder.Spin is null ? "does not spin" : "spins for another lock"));
    }

    /// <summary>
    /// Whether a processor can hold any spin lock: not while it is idle, though the idle loop runs at DISPATCH_LEVEL, and not
    /// in a program. What the one that writes the dump did before is not known; it is left out.
    /// </summary>
    private static bool CanHold(ProcessorFacts processor) =>
        processor is { Current: not null, WritesDump: false } && (!processor.IsIdle || processor.DpcActive)
        && processor.Doing?.Module is not { IsUserMode: true };

    private void AddStep(ProcessorFacts waiter, SpinFacts spin, string evidence, Certainty certainty)
    {
        ObjectReference processor = new(ObjectKind.Processor, (ulong)waiter.Number);
        Phrase what = spin.IsAddressKnown
            ? Phrase.Of($"spin lock {spin.Lock}, on processor {processor}")
            : Phrase.Of($"a spin lock, on processor {processor}; lock address not recorded");
        graph.Add(ObjectReference.To(waiter.Current!.Address), spin.Lock, what, certainty, evidence);
        graph.Describe(new ObjectFacts(spin.Lock, TypeName, spin.IsAddressKnown ? null : $"processor {waiter.Number}'s spin lock",
            Phrase.Of("a spin lock does not record its owner")));
    }

    private void AddHolder(SpinFacts spin, ProcessorFacts holder, Certainty certainty, string evidence, string why)
    {
        ObjectReference processor = new(ObjectKind.Processor, (ulong)holder.Number);
        ThreadFacts thread = holder.Current!;
        string held = certainty == Certainty.Candidate ? "perhaps held" : "held";
        graph.Add(spin.Lock, ObjectReference.To(thread.Address),
            Phrase.Of($"{held} by processor {processor} ({why}), thread {ObjectReference.To(thread.Address)} of {thread.Process}"),
            certainty, evidence);
        // Of several possibilities none is shown as the holder.
        spin.HolderCertainty = certainty;
        spin.Holder = certainty == Certainty.Candidate ? null : holder.Number;
    }

    private ProcessorFacts? Find(int number)
    {
        foreach (ProcessorFacts processor in system.Processors)
            if (processor.Number == number)
                return processor;
        return null;
    }

    /// <summary>The part of a processor's stack that is in use.</summary>
    private (ulong Start, int Bytes)? StackOf(ProcessorFacts processor)
    {
        // A stack of which the end is not known, such as that of deferred procedure calls.
        const int UnknownBytes = 0x2000;
        if (!system.Target.TryGetProcessorContext(processor.Number, out CpuContext context))
            return null;
        ulong start = context.StackPointer;
        ThreadFacts thread = processor.Current!;
        return start - thread.StackLimit < thread.StackBase - thread.StackLimit
            ? (start, (int)Math.Min(thread.StackBase - start, Limits.StackBytes))
            : (start, UnknownBytes);
    }
}
