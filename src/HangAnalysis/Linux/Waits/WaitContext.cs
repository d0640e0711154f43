using HangAnalysis.Model;

namespace HangAnalysis.Linux.Waits;

/// <summary>What the readers of all kinds of waits share.</summary>
internal sealed record WaitContext(
    LinuxSystem System, LinuxSession Session, LinuxStacks Stacks, WaiterRings Rings, WaitGraphBuilder Graph)
{
    /// <summary>Adds that a thread waits for an object, found through the structure by which it is linked to it.</summary>
    public void AddWait(ThreadFacts thread, ObjectReference target, Phrase what, Certainty certainty, string evidence)
    {
        Graph.Add(ObjectReference.To(thread.Address), target, what, certainty, evidence);
        System.SetWait(thread, what);
    }

    /// <summary>Adds that an object is held by a thread, and returns what that means for the object's state, if anything.</summary>
    public Phrase? AddOwner(ObjectReference held, ThreadFacts owner, Certainty certainty, string evidence, string verb = "owned")
    {
        ObjectReference thread = ObjectReference.To(owner.Address);
        Graph.Add(held, thread, Phrase.Of($"{verb} by task {thread} of {owner.Process}"), certainty, evidence);
        return owner.HasExited ? Phrase.Of($"{verb} by task {thread}, which has ended") : null;
    }

    /// <summary>
    /// What a lock's record of its owner says where it names no task that was read. A task that is gone never releases anything;
    /// but a value that is no address at all is only damage, and where tasks are missing the owner may be one of them.
    /// </summary>
    public (Phrase State, bool IsOrphaned) WithoutOwner(ulong owner) =>
        owner == 0
            ? (Phrase.Of("nobody is recorded as its owner"), false)
            : !LinuxSession.IsObject(owner)
                ? (Phrase.Of($"its owner is recorded as {owner:x16}, which is no task"), false)
                : System.AreTasksWhole
                    ? (Phrase.Of($"its owner is recorded as task {owner:x16}, which is gone"), true)
                    : (Phrase.Of($"its owner is recorded as task {owner:x16}, which is not among those that could be read"), false);

    /// <summary>A lock in words: <c>mutex abba_lock_a [abba] ffffffffc04de0a0</c>.</summary>
    public static Phrase Name(string type, string? name, ObjectReference found, string? purpose = null) =>
        Phrase.Of($"{type}{(name is null ? "" : $" {name}")} {found}{purpose}");

    /// <summary>The variable at an address, such as <c>abba_lock_a [abba]</c>; null where the address is in no image.</summary>
    public string? VariableAt(ulong address) => System.NameVariable(address);
}
