using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that wait for objects which say who must act: mutants, threads, processes, jobs.</summary>
internal sealed class ObjectWaits(WindowsSystem system, WaitGraphBuilder graph, ObjectNames names)
{
    /// <summary>What the wait graph calls a job.</summary>
    public const string JobTypeName = "job";

    private readonly HashSet<ProcessFacts> _followed = [];
    private Dictionary<ulong, List<ProcessFacts>>? _jobs;
    private readonly FieldSlot _owner = system.Session.Types.Get("_KMUTANT").Required("OwnerThread");

    /// <summary>Adds the steps of one thread.</summary>
    public void Add(ThreadFacts thread)
    {
        int objects = 0;
        foreach (WaitedObject waited in thread.WaitsFor)
            if (!waited.IsTimeout)
                objects++;
        // With several objects any one of them may end the wait: none of the steps is sure.
        Certainty certainty = objects == 1 ? Certainty.Proven : Certainty.Candidate;
        foreach (WaitedObject waited in thread.WaitsFor)
        {
            if (waited.IsTimeout)
                continue;
            if (waited.Kind == ObjectKind.Lock)
                AddMutant(thread, waited, certainty);
            else if (waited.Kind is ObjectKind.Thread or ObjectKind.Process)
                AddEnd(thread, waited, certainty);
            else if (waited.Kind == ObjectKind.Event && (_jobs ??= FindJobs()).TryGetValue(waited.Address, out List<ProcessFacts>? job))
                AddJob(thread, waited.Address, job, certainty);
        }
    }

    /// <summary>The processes of each job that have not ended, by EPROCESS.Job.</summary>
    private Dictionary<ulong, List<ProcessFacts>> FindJobs()
    {
        Dictionary<ulong, List<ProcessFacts>> jobs = [];
        foreach (ProcessFacts process in system.Processes)
            if (!process.HasExited && system.Session.IsObject(process.Group))
            {
                if (!jobs.TryGetValue(process.Group, out List<ProcessFacts>? members))
                    jobs.Add(process.Group, members = []);
                members.Add(process);
            }
        return jobs;
    }

    /// <summary>
    /// A job begins with the event that is waited for, and ends when its processes have (documented for end-of-job limits):
    /// with one process left that process is awaited, with several any of them may be the last.
    /// </summary>
    private void AddJob(ThreadFacts thread, ulong address, List<ProcessFacts> members, Certainty certainty)
    {
        ObjectReference job = new(ObjectKind.Event, address);
        graph.Describe(new ObjectFacts(job, JobTypeName, names.Find(address), null));
        string evidence = $"dt nt!_EJOB {address:x16}";
        foreach (ProcessFacts process in members)
        {
            string others = members.Count == 1 ? "" : $" and {members.Count - 1:N0} more";
            graph.Add(ObjectReference.To(thread.Address), ObjectReference.To(process.Address),
                Phrase.Of($"end of job {job}, which has {process}{others}"),
                certainty == Certainty.Proven && members.Count == 1 ? Certainty.Inferred : Certainty.Candidate, evidence);
            AddWhatKeeps(process);
        }
    }

    private void AddMutant(ThreadFacts thread, WaitedObject waited, Certainty certainty)
    {
        ObjectReference mutant = new(ObjectKind.Lock, waited.Address);
        string evidence = $"dt nt!_KMUTANT {waited.Address:x16}";
        string? name = names.Find(waited.Address);
        string quoted = name is null ? "" : $" '{name}'";
        graph.Add(ObjectReference.To(thread.Address), mutant, Phrase.Of($"mutant {mutant}{quoted}"), certainty, evidence);
        if (!_owner.IsPresent
            || !system.Session.Memory.TryReadPointer(waited.Address + (ulong)_owner.Offset, out ulong owner))
        {
            graph.Describe(new ObjectFacts(mutant, "mutant", name, Phrase.Of("its owner is not in the dump")));
            return;
        }
        ThreadFacts? ownerThread = system.FindThread(owner);
        Phrase? state = owner == 0 ? Phrase.Of("nobody owns it")
            : ownerThread is null ? Phrase.Of($"owned by thread {owner:x16}, which is gone")
            : ownerThread.HasExited ? Phrase.Of($"owned by thread {ObjectReference.To(ownerThread.Address)}, which has ended")
            : null;
        bool isOrphaned = owner != 0 && (ownerThread is null || ownerThread.HasExited);
        graph.Describe(new ObjectFacts(mutant, "mutant", name, state) { IsOrphaned = isOrphaned });
        if (ownerThread is not null)
            graph.Add(mutant, ObjectReference.To(ownerThread.Address),
                Phrase.Of($"owned by thread {ObjectReference.To(ownerThread.Address)} of {ownerThread.Process}"),
                Certainty.Proven, evidence);
    }

    private void AddEnd(ThreadFacts thread, WaitedObject waited, Certainty certainty)
    {
        ObjectReference target = new(waited.Kind, waited.Address);
        string evidence = $"dt nt!_KTHREAD {thread.Address.Value:x16} WaitBlock";
        if (waited.Kind == ObjectKind.Thread)
        {
            // A thread that waits for work it gave to another is common; only an end that is awaited from kernel code, or
            // one that does not come, matters. The analysis weighs that by who waits.
            if (system.FindThread(waited.Address) is { HasExited: false })
                graph.Add(ObjectReference.To(thread.Address), target, Phrase.Of($"end of thread {target}"), certainty, evidence);
        }
        else if (system.FindProcess(waited.Address) is { HasExited: false } process)
        {
            graph.Add(ObjectReference.To(thread.Address), target, Phrase.Of($"end of process {target} ({process})"),
                certainty, evidence);
            AddWhatKeeps(process);
        }
    }

    /// <summary>
    /// Follows a process whose end is awaited. One that is being ended is kept by each of its threads that wait in the kernel:
    /// all of them must come out of it. Any other goes on for as long as its program likes; only threads of it that are
    /// stuck, and have been for a while, say that it cannot end.
    /// </summary>
    private void AddWhatKeeps(ProcessFacts process)
    {
        if (!_followed.Add(process))
            return;
        string evidence = $"!us -p {process.Address.Value:x16}";
        int stuck = 0;
        foreach (ThreadFacts thread in process.Threads)
            if (IsStuck(thread))
                stuck++;
        Certainty certainty = process.IsEnding ? Certainty.Proven : stuck == 1 ? Certainty.Inferred : Certainty.Candidate;
        string what = process.IsEnding ? "it is being ended, and this thread of it is left"
            : stuck == 1 ? "its one thread that is blocked, not idle" : $"one of its {stuck} threads that are blocked, not idle";
        foreach (ThreadFacts thread in process.Threads)
            if (IsStuck(thread))
                graph.Add(ObjectReference.To(process.Address), ObjectReference.To(thread.Address), Phrase.Of(what), certainty,
                    evidence);
    }

    private static bool IsStuck(ThreadFacts thread) => thread.Role == WaitRole.Blocked && WaitEvidence.HasLasted(thread);
}
