namespace HangAnalysis.Windows;

/// <summary>Knows functions of Windows by name: what waits, what freezes a processor, what idles.</summary>
internal static class FrameKnowledge
{
    /// <summary>The kernel's waiting machinery: who called it is who waits.</summary>
    private static readonly HashSet<string> s_waitPrimitives =
    [
        "nt!KiSwapContext", "nt!KiSwapThread", "nt!KiCommitThreadWait", "nt!KiCommitThread", "nt!KeWaitForSingleObject",
        "nt!KeWaitForMultipleObjects", "nt!KeWaitForMutexObject", "nt!KeWaitForGate", "nt!KeDelayExecutionThread",
        "nt!KeRemoveQueueEx", "nt!KeRemoveQueue", "nt!KeRemovePriQueue", "nt!KiFastExitThreadWait", "nt!KeWaitForAlertByThreadId",
        "nt!KxWaitForSpinLockAndAcquire", "nt!KxWaitForLockOwnerShip", "nt!KeYieldExecution", "nt!KiExitDispatcher",
        "nt!KiDispatchInterrupt", "nt!KiQuantumEnd", "nt!ExpWaitForResource", "nt!ExAcquireResourceExclusiveLite",
        "nt!ExAcquireResourceSharedLite", "nt!ExAcquireSharedStarveExclusive", "nt!ExAcquireSharedWaitForExclusive",
        "nt!ExpAcquireResourceExclusiveLite", "nt!ExpAcquireResourceSharedLite", "nt!ExfAcquirePushLockExclusive",
        "nt!ExfAcquirePushLockExclusiveEx", "nt!ExfAcquirePushLockSharedEx", "nt!ExfAcquirePushLockShared",
        "nt!ExAcquirePushLockExclusiveEx", "nt!ExAcquirePushLockSharedEx", "nt!ExBlockPushLock", "nt!ExWaitForUnblockPushLock",
        "nt!ExTimedWaitForUnblockPushLock", "nt!ExAcquireFastMutex", "nt!ExpAcquireFastMutexContended", "nt!ExAcquireFastMutexUnsafe", "nt!KeAcquireGuardedMutex",
        "nt!KiAcquireFastMutex", "nt!KiAcquireGuardedMutex", "nt!KiWaitForGate", "nt!ExBlockOnAddressPushLock",
        "nt!ExWaitForRundownProtectionRelease", "nt!ExfWaitForRundownProtectionRelease",
        "nt!ExWaitForRundownProtectionReleaseCacheAware", "nt!FsRtlCancellableWaitForSingleObject",
        "nt!FsRtlCancellableWaitForMultipleObjects",
    ];

    /// <summary>How a processor is stopped for a dump: what it did before is below these.</summary>
    private static readonly HashSet<string> s_freeze =
    [
        "nt!KiFreezeTargetExecution", "nt!KiCheckForFreezeExecution", "nt!KiProcessNMI", "nt!KxNmiInterrupt", "nt!KiNmiInterrupt",
        "nt!KiNmiInterruptStart", "nt!KiIpiProcessRequests", "nt!KiIpiInterrupt", "nt!KiIpiInterruptSubDispatch",
    ];

    /// <summary>Whether a frame is a step of the waiting machinery.</summary>
    public static bool IsWaitPrimitive(string function) => s_waitPrimitives.Contains(function);

    /// <summary>Whether a frame only stops the processor for the dump.</summary>
    public static bool IsFreeze(string function) => s_freeze.Contains(function);
}
