using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that wait for ERESOURCEs.</summary>
internal static class ResourceWaits
{
    /// <summary>What the wait graph calls them.</summary>
    public const string TypeName = "ERESOURCE";

    /// <summary>Adds the steps of all contended ERESOURCEs; returns how many there are.</summary>
    public static LockCount Add(WindowsSystem system, ResourceReader reader, WaitGraphBuilder graph)
    {
        if (reader.ReadAll() is not { } all)
            return new LockCount(TypeName, null, 0);
        foreach (Resource resource in all.Contended)
            Add(system, resource, reader.KnowsOwners, graph);
        return new LockCount(TypeName, all.Total, all.Contended.Count);
    }

    private static void Add(WindowsSystem system, Resource resource, bool knowsOwners, WaitGraphBuilder graph)
    {
        ObjectReference reference = new(ObjectKind.Lock, resource.Address);
        string evidence = $"dt nt!_ERESOURCE {resource.Address:x16}";
        AddWaiters(system, resource.ExclusiveWaiters, "exclusive", reference, evidence, graph);
        AddWaiters(system, resource.SharedWaiters, "shared", reference, evidence, graph);
        string mode = resource.IsExclusive ? "exclusively" : "shared";
        Phrase? state = !knowsOwners ? Phrase.Of("the symbols do not tell where its owner is recorded")
            : resource.Owners.Count == 0 ? Phrase.Of("nobody is recorded as its owner") : null;
        foreach (ulong owner in resource.Owners)
        {
            if (system.FindThread(owner) is { } thread)
            {
                graph.Add(reference, ObjectReference.To(thread.Address),
                    Phrase.Of($"owned {mode} by thread {ObjectReference.To(thread.Address)} of {thread.Process}"),
                    Certainty.Proven, evidence);
                if (thread.HasExited)
                    state = Phrase.Of($"owned by thread {ObjectReference.To(thread.Address)}, which has ended");
            }
            else
                // ExSetResourceOwnerPointer may put any pointer there (documented): then no thread is named.
                state ??= Phrase.Of($"its owner is recorded as {owner:x16}, which is no thread");
        }
        graph.Describe(new ObjectFacts(reference, TypeName, null, state));
    }

    private static void AddWaiters(WindowsSystem system, IReadOnlyList<ulong> waiters, string access,
        ObjectReference resource, string evidence, WaitGraphBuilder graph)
    {
        foreach (ulong waiter in waiters)
            if (system.FindThread(waiter) is { Activity: ThreadActivity.Waiting } thread)
                graph.Add(ObjectReference.To(thread.Address), resource, Phrase.Of($"{access} access to ERESOURCE {resource}"),
                    Certainty.Proven, evidence);
    }
}
