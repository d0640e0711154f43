using HangAnalysis.Model;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows processors that spin for a lock to the processors that may hold it.</summary>
/// <remarks>
/// A spin lock records nobody. Who holds one is on a processor, in the kernel, and does not spin for the same lock: if only one
/// processor fits, it is inferred to be the holder; of several each is a candidate. Tasks that sleep hold no spin lock.
/// </remarks>
internal sealed class SpinLockWaits(WaitContext context)
{
    /// <summary>What the wait graph calls it.</summary>
    public const string TypeName = "spin lock";

    /// <summary>Adds the steps of all processors.</summary>
    public void Add()
    {
        foreach (ProcessorFacts waiter in context.System.Processors)
            if (waiter is { Spin: { } spin, Current: { } thread })
                Add(waiter, thread, spin);
    }

    private void Add(ProcessorFacts waiter, ThreadFacts thread, SpinFacts spin)
    {
        ObjectReference processor = new(ObjectKind.Processor, (ulong)waiter.Number);
        string? name = spin.IsAddressKnown ? context.VariableAt(spin.Lock.Address) : $"of processor {waiter.Number}";
        Phrase what = spin.IsAddressKnown
            ? Phrase.Of($"{WaitContext.Name(TypeName, name, spin.Lock)}, on processor {processor}")
            : Phrase.Of($"a spin lock, on processor {processor}; its address is in no register");
        context.AddWait(thread, spin.Lock, what, Certainty.Inferred, CrashCommands.Processor(waiter.Number));
        context.Graph.Describe(new ObjectFacts(spin.Lock, TypeName, name, Phrase.Of("a spin lock does not record its owner")));
        List<ProcessorFacts> fit = [];
        foreach (ProcessorFacts other in context.System.Processors)
            if (other != waiter && CanHold(other) && (other.Spin is null || other.Spin.IsForOther(spin)))
                fit.Add(other);
        // Where some that fit do not spin themselves, a holder among those explains everything; the others are left out.
        bool anyFree = fit.Exists(p => p.Spin is null);
        fit.RemoveAll(p => anyFree && p.Spin is not null);
        Certainty certainty = fit.Count == 1 ? Certainty.Inferred : Certainty.Candidate;
        foreach (ProcessorFacts holder in fit)
            AddHolder(spin, holder, certainty);
    }

    private void AddHolder(SpinFacts spin, ProcessorFacts holder, Certainty certainty)
    {
        ObjectReference processor = new(ObjectKind.Processor, (ulong)holder.Number);
        ThreadFacts thread = holder.Current!;
        string held = certainty == Certainty.Candidate ? "perhaps held" : "held";
        string doing = holder.Doing is { } frame ? $", in {frame.Function}" : "";
        context.Graph.Add(spin.Lock, ObjectReference.To(thread.Address),
            Phrase.Of($"{held} by processor {processor}, task {ObjectReference.To(thread.Address)} of {thread.Process}{doing}"),
            certainty, CrashCommands.Processor(holder.Number));
        spin.HolderCertainty = certainty;
        spin.Holder = certainty == Certainty.Candidate ? null : holder.Number;
    }

    /// <summary>Whether a processor can hold a spin lock: not while it is idle or in a program.</summary>
    private static bool CanHold(ProcessorFacts processor) =>
        processor is { Current: not null, IsIdle: false, WritesDump: false } && processor.Doing?.Module is { IsUserMode: false };
}
