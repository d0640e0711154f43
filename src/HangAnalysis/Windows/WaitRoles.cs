using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Tells a healthy idle thread from one that is stuck in the middle of something.</summary>
/// <remarks>
/// Thousands of threads of a healthy system wait. What decides: the wait reason where it alone is enough (a worker without
/// work, a lock); then who waits. A wait in user mode is the program's own affair. A kernel-mode wait below a system call
/// is an operation that does not end. A system thread that waits in its own top routine waits for work.
/// </remarks>
internal static class WaitRoles
{
    /// <summary>Frames that a system thread's top routine may have above its wait and still be the loop that waits for work.</summary>
    private const int MostIdleFrames = 2;

    private static readonly HashSet<string> s_idleReasons =
    [
        "WrQueue", "WrLpcReceive", "DelayExecution", "WrDelayExecution", "Suspended", "WrSuspended", "WrTerminated",
    ];

    /// <summary>System calls in which a thread waits for its next work or for what its program chose to wait for.</summary>
    private static readonly HashSet<string> s_idleCalls =
    [
        "nt!NtWaitForWorkViaWorkerFactory", "nt!NtRemoveIoCompletion", "nt!NtRemoveIoCompletionEx", "nt!NtDelayExecution",
        "win32k!NtUserGetMessage", "win32k!NtUserWaitMessage", "win32k!NtUserMsgWaitForMultipleObjectsEx",
        "win32kfull!NtUserGetMessage", "win32kfull!NtUserWaitMessage", "win32kfull!NtUserMsgWaitForMultipleObjectsEx",
        "win32kfull!NtUserRealWaitMessageEx", "nt!NtReplyWaitReceivePort", "nt!NtReplyWaitReceivePortEx",
    ];

    /// <summary>System calls by which programs ask a driver to tell them something, sooner or later.</summary>
    private static readonly HashSet<string> s_parkingCalls = ["nt!NtDeviceIoControlFile", "nt!NtFsControlFile"];

    /// <summary>Where a system thread begins.</summary>
    private static readonly HashSet<string> s_systemStarts = ["nt!PspSystemThreadStartup", "nt!KiStartSystemThread"];

    /// <summary>What the wait of a thread means.</summary>
    /// <param name="thread">The thread; not waiting threads have no role.</param>
    /// <param name="frames">Its kernel frames, innermost first, by function (<c>nt!KiSwapContext</c>).</param>
    public static WaitRole Classify(ThreadFacts thread, IReadOnlyList<string> frames)
    {
        if (thread.Activity != ThreadActivity.Waiting || thread.WaitReason is null)
            return WaitRole.None;
        // A thread that is being ended leaves every wait of user mode at once; whatever it is in now keeps its process.
        if (thread is { IsEnding: true, WaitsInKernelMode: true })
            return WaitRole.Blocked;
        if (s_idleReasons.Contains(thread.WaitReason))
            return WaitRole.Idle;
        if (WaitReasonGroups.MeansBlocked(thread.WaitReason))
            return WaitRole.Blocked;
        foreach (string frame in frames)
            if (s_idleCalls.Contains(frame))
                return WaitRole.Idle;
        if (thread.WaitsInKernelMode != true)
            return WaitRole.Ordinary;
        if (frames.Count == 0)
            return WaitRole.Ordinary;
        foreach (string frame in frames)
            if (s_parkingCalls.Contains(frame))
                return WaitRole.Parked;
        return IsTopLoop(frames) ? WaitRole.Idle : WaitRole.Blocked;
    }

    /// <summary>
    /// Whether the wait is one of a system thread's own top routine: only a frame or two lie between, or all of them are of
    /// the one driver whose thread it is.
    /// </summary>
    private static bool IsTopLoop(IReadOnlyList<string> frames)
    {
        int between = 0;
        string? owner = null;
        bool isOneDriver = true;
        foreach (string frame in frames)
        {
            if (s_systemStarts.Contains(frame))
                return between <= MostIdleFrames || (isOneDriver && owner != "nt");
            if (FrameKnowledge.IsWaitPrimitive(frame))
                continue;
            between++;
            int end = frame.IndexOf('!', StringComparison.Ordinal);
            string module = end < 0 ? frame : frame[..end];
            owner ??= module;
            isOneDriver &= module == owner;
        }
        return false;
    }
}
