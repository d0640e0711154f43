using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Tells of threads that wait until nobody uses something any more: rundown protection.</summary>
/// <remarks>
/// A rundown reference only counts its users: who they are is not recorded. The stack tells what is being taken down, and one
/// user can be known: a callback that takes down its own registration waits for itself.
/// </remarks>
internal sealed class RundownWaits(WindowsSystem system, StackSweep sweep, WaitGraphBuilder graph)
{
    private const string TypeName = "rundown protection";

    /// <summary>A documented function that waits until a registration is no longer used.</summary>
    /// <param name="What">What it takes down.</param>
    /// <param name="Callers">The functions that call back into such a registration.</param>
    private sealed record Teardown(string What, params string[] Callers);

    private static readonly Dictionary<string, Teardown> s_teardowns = new()
    {
        ["nt!CmUnRegisterCallback"] = new("a registry callback", "nt!CmpCallCallBacks", "nt!CmpCallCallBacksEx"),
        ["nt!ObUnRegisterCallbacks"] = new("object callbacks", "nt!ObpCallPreOperationCallbacks", "nt!ObpCallPostOperationCallbacks"),
        ["nt!PsSetCreateProcessNotifyRoutine"] = new("a process notify routine", "nt!PspCallProcessNotifyRoutines"),
        ["nt!PsSetCreateProcessNotifyRoutineEx"] = new("a process notify routine", "nt!PspCallProcessNotifyRoutines"),
        ["nt!PsSetCreateProcessNotifyRoutineEx2"] = new("a process notify routine", "nt!PspCallProcessNotifyRoutines"),
        ["nt!PsRemoveCreateThreadNotifyRoutine"] = new("a thread notify routine", "nt!PspCallThreadNotifyRoutines"),
        ["nt!PsRemoveLoadImageNotifyRoutine"] = new("an image notify routine", "nt!PsCallImageNotifyRoutines"),
        ["FLTMGR!FltUnregisterFilter"] = new("a file system filter", "FLTMGR!FltpPerformPreCallbacks", "FLTMGR!FltpPerformPostCallbacks"),
    };

    /// <summary>Functions between the wait and those that asked for it.</summary>
    private static readonly HashSet<string> s_rundown =
    [
        "nt!ExWaitForRundownProtectionRelease", "nt!ExfWaitForRundownProtectionRelease",
        "nt!ExWaitForRundownProtectionReleaseCacheAware", "nt!ExfWaitForRundownProtectionReleaseCacheAware",
        "FLTMGR!FltpObjectRundownWait",
    ];

    /// <summary>Describes the waits of all threads that wait so, and adds the steps of those that wait for themselves.</summary>
    public void Add()
    {
        foreach (ThreadFacts thread in system.Threads)
            if (thread.Role == WaitRole.Blocked && thread.WaitReason is "WrRundown" or "Executive")
                Add(thread);
    }

    private void Add(ThreadFacts thread)
    {
        WaitedObject? waited = null;
        foreach (WaitedObject candidate in thread.WaitsFor)
            if (!candidate.IsTimeout)
                waited ??= candidate;
        if (waited is null || waited.Kind != ObjectKind.Event)
            return;
        IReadOnlyList<string> functions = sweep.Functions(thread);
        bool isRundown = thread.WaitReason == "WrRundown";
        int at = 0;
        for (; at < functions.Count && (FrameKnowledge.IsWaitPrimitive(functions[at]) || s_rundown.Contains(functions[at])); at++)
            isRundown |= s_rundown.Contains(functions[at]);
        Teardown? teardown = at < functions.Count ? s_teardowns.GetValueOrDefault(functions[at]) : null;
        if (teardown is null && !isRundown)
            return;
        string caller = teardown is not null && at + 1 < functions.Count ? ModuleOf(functions[at + 1]) : "";
        string what = teardown is null ? "" : $"of {teardown.What}{(caller.Length == 0 ? "" : $" that {caller} takes down")}";
        if (teardown is not null && IsCallback(functions, at + 1, caller, teardown))
        {
            AddSelfWait(thread, waited, what, teardown);
            return;
        }
        graph.Describe(new ObjectFacts(new ObjectReference(ObjectKind.Event, waited.Address), TypeName, null,
            Phrase.Of($"{what}{(what.Length == 0 ? "" : "; ")}who still uses it is only counted, not recorded")));
    }

    /// <summary>Whether the code that takes something down runs inside a call into that: the same module, called back.</summary>
    private static bool IsCallback(IReadOnlyList<string> functions, int first, string module, Teardown teardown)
    {
        for (int i = first + 1; i < functions.Count; i++)
            if (Array.IndexOf(teardown.Callers, functions[i]) >= 0)
                return ModuleOf(functions[i - 1]) == module;
        return false;
    }

    private void AddSelfWait(ThreadFacts thread, WaitedObject waited, string what, Teardown teardown)
    {
        ObjectReference self = ObjectReference.To(thread.Address);
        ObjectReference rundown = new(ObjectKind.Lock, waited.Address);
        string evidence = system.DescribeStackCommand(thread);
        graph.Add(self, rundown, Phrase.Of($"{TypeName} {rundown} {what}"), Certainty.Proven, evidence);
        // Another registration of the same module may be the one that it takes down: its own is what real cases show.
        graph.Add(rundown, self, Phrase.Of($"in use by thread {self} itself, which is inside {teardown.What}"), Certainty.Inferred,
            evidence);
        graph.Describe(new ObjectFacts(rundown, TypeName, null, null));
    }

    private static string ModuleOf(string function)
    {
        int end = function.IndexOf('!', StringComparison.Ordinal);
        return end < 0 ? function : function[..end];
    }
}
