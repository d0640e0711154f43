using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Follows writers that the cache manager holds back until its lazy writer has written pages.</summary>
/// <remarks>
/// A write with too many dirty pages about waits in CcCanIWrite, or in a function of that name with an ending. What ends the
/// wait is the lazy writer, whose threads are work items in the Cc functions below. The dump does not record which of them
/// it will be: with one that is blocked the step is inferred, with several only if all of them wait for the same thing.
/// </remarks>
internal static class CacheWaits
{
    /// <summary>Lazy writers that are named as candidates: a thousand writes held back must not make a million steps.</summary>
    private const int MostWriters = 8;

    private static readonly string[] s_throttled = ["nt!CcCanIWrite"];

    private static readonly string[] s_lazyWriters =
        ["nt!CcWriteBehind", "nt!CcAsyncLazywriteWorkerThread", "nt!CcLazyWriteScan", "nt!CcWorkerThread"];

    /// <summary>Reasons of waits that are for a lock or an answer, and so not for the cache manager.</summary>
    private static readonly HashSet<string> s_otherReasons =
    [
        "WrLpcReply", "WrResource", "WrPushLock", "WrFastMutex", "WrGuardedMutex", "WrMutex", "WrRundown", "WrPageIn", "PageIn",
        "WrFreePage", "FreePage",
    ];

    /// <summary>Adds the steps; what the lazy writers wait for has to be in the graph.</summary>
    public static void Add(WindowsSystem system, StackSweep sweep, WaitGraphBuilder graph)
    {
        List<ThreadFacts> throttled = [];
        foreach (ThreadFacts thread in system.Threads)
            if (thread is { Role: WaitRole.Blocked, WaitReason: { } reason } && !s_otherReasons.Contains(reason)
                && sweep.HasFrame(thread, s_throttled))
                throttled.Add(thread);
        if (throttled.Count == 0)
            return;
        List<ThreadFacts> writers = [];
        bool isOneActive = false;
        foreach (ThreadFacts thread in system.Threads)
        {
            if (!thread.IsSystemThread)
                continue;
            if (thread.Role == WaitRole.Blocked && sweep.HasFrame(thread, s_lazyWriters))
                writers.Add(thread);
            isOneActive |= thread.Activity is ThreadActivity.Running or ThreadActivity.Ready && sweep.HasFrame(thread, s_lazyWriters);
        }
        Certainty certainty = !isOneActive && WaitForOneThing(writers, graph) ? Certainty.Inferred : Certainty.Candidate;
        // The longest waits first. If all wait for one thing, one of them speaks for all.
        writers.Sort((a, b) => (b.Age ?? default) != (a.Age ?? default)
            ? (b.Age ?? default).CompareTo(a.Age ?? default)
            : a.Address.Value.CompareTo(b.Address.Value));
        int named = Math.Min(writers.Count, certainty == Certainty.Inferred ? 1 : MostWriters);
        writers.RemoveRange(named, writers.Count - named);
        foreach (ThreadFacts thread in throttled)
            foreach (ThreadFacts writer in writers)
                graph.Add(ObjectReference.To(thread.Address), ObjectReference.To(writer.Address),
                    Phrase.Of($"the lazy writer's thread {ObjectReference.To(writer.Address)}, to write dirty pages"),
                    certainty, DebuggerCommands.Stack(thread));
        if (writers.Count == 0)
            system.Session.AddUnknown($"why {throttled.Count:N0} writes are held back by the cache manager (CcCanIWrite)",
                "no thread of the lazy writer is blocked");
    }

    private static bool WaitForOneThing(List<ThreadFacts> writers, WaitGraphBuilder graph)
    {
        if (writers.Count < 2)
            return true;
        HashSet<ObjectReference> wanted = [];
        HashSet<ObjectReference> from = [];
        HashSet<ObjectReference> lazy = [];
        foreach (ThreadFacts writer in writers)
            lazy.Add(ObjectReference.To(writer.Address));
        foreach (WaitEdge edge in graph.Edges)
            if (lazy.Contains(edge.From))
            {
                from.Add(edge.From);
                wanted.Add(edge.To);
            }
        return wanted.Count == 1 && from.Count == writers.Count;
    }
}
