namespace HangAnalysis.Windows;

/// <summary>Names of _KWAIT_REASON, for kernels whose symbols lack the enumeration.</summary>
internal static class WaitReasons
{
    /// <summary>
    /// Names by number. They are the same in all public PDBs from 7601 to 22000, but for 14 (WrEventPair in 7601) and for
    /// those from 37 on, which later builds added.
    /// </summary>
    public static readonly string[] Names =
    [
        "Executive", "FreePage", "PageIn", "PoolAllocation", "DelayExecution", "Suspended", "UserRequest", "WrExecutive",
        "WrFreePage", "WrPageIn", "WrPoolAllocation", "WrDelayExecution", "WrSuspended", "WrUserRequest", "WrSpare0", "WrQueue",
        "WrLpcReceive", "WrLpcReply", "WrVirtualMemory", "WrPageOut", "WrRendezvous", "WrKeyedEvent", "WrTerminated",
        "WrProcessInSwap", "WrCpuRateControl", "WrCalloutStack", "WrKernel", "WrResource", "WrPushLock", "WrMutex",
        "WrQuantumEnd", "WrDispatchInt", "WrPreempted", "WrYieldExecution", "WrFastMutex", "WrGuardedMutex", "WrRundown",
        "WrAlertByThreadId", "WrDeferredPreempt", "WrPhysicalFault", "WrIoRing",
    ];
}
