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
        "nt!KeFreezeExecution", "nt!KiNmiInterruptWithEcc",
    ];

    /// <summary>How a dump is written: by the processor on which a driver or a debugger asked for it.</summary>
    private static readonly HashSet<string> s_dumpWriters =
    [
        "nt!KeBugCheckEx", "nt!KeBugCheck2", "nt!KeBugCheck", "nt!DbgBreakPointWithStatus", "nt!KdCheckForDebugBreak",
    ];

    /// <summary>Where interrupts enter the kernel: behind them on a stack is what was interrupted.</summary>
    private static readonly HashSet<string> s_interruptEntries =
    [
        "nt!KiInterruptDispatch", "nt!KiInterruptDispatchNoLock", "nt!KiInterruptDispatchNoLockNoEtw", "nt!KiChainedDispatch",
        "nt!KiInterruptDispatchLBControl", "nt!KiDpcInterrupt", "nt!KiIpiInterrupt", "nt!KiNmiInterrupt", "nt!KiHvInterrupt",
        "nt!KiSecondaryClockInterrupt", "nt!KiVmbusInterrupt0",
    ];

    /// <summary>Functions that go round until a spin lock is free.</summary>
    private static readonly HashSet<string> s_spins =
    [
        "nt!KxWaitForSpinLockAndAcquire", "nt!KiAcquireSpinLockInstrumented", QueuedSpin, "nt!KiAcquireQueuedSpinLockInstrumented",
    ];

    /// <summary>The function that goes round until a queued spin lock is handed over.</summary>
    public const string QueuedSpin = "nt!KxWaitForLockOwnerShip";

    /// <summary>The function that waits for a KSPIN_LOCK and has that lock alone in its registers.</summary>
    public const string PlainSpin = "nt!KxWaitForSpinLockAndAcquire";

    /// <summary>Functions that call deferred procedure calls: the frame inside them is the routine's.</summary>
    private static readonly HashSet<string> s_dpcCallers =
        ["nt!KiExecuteAllDpcs", "nt!KiRetireDpcList", "nt!KiExecuteDpc", "nt!KiExecuteDpcDelegate"];

    /// <summary>Whether a frame is a step of the waiting machinery.</summary>
    public static bool IsWaitPrimitive(string function) => s_waitPrimitives.Contains(function);

    /// <summary>Whether a frame only stops the processor for the dump.</summary>
    public static bool IsFreeze(string function) => s_freeze.Contains(function);

    /// <summary>Whether a frame belongs to a processor that writes the dump.</summary>
    public static bool IsDumpWriter(string function) => s_dumpWriters.Contains(function);

    /// <summary>Whether a frame is the one by which an interrupt enters the kernel.</summary>
    public static bool IsInterruptEntry(string function) => s_interruptEntries.Contains(function);

    /// <summary>Whether a function does nothing but wait for a spin lock.</summary>
    public static bool IsSpin(string function) =>
        s_spins.Contains(function) || function.StartsWith("nt!ExpWaitForSpinLock", StringComparison.Ordinal);

    /// <summary>Whether a function calls deferred procedure calls.</summary>
    public static bool IsDpcCaller(string function) => s_dpcCallers.Contains(function);
}
