using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>What kind of thing each wait reason of Windows stands for.</summary>
/// <remarks>
/// By name, as numbers moved. Waits of programs (UserRequest, WrUserRequest, WrKeyedEvent, WrAlertByThreadId) and Executive
/// are of no kind of their own: what is waited for decides, and not the reason.
/// </remarks>
internal static class WaitReasonGroups
{
    /// <summary>The kind of a wait reason.</summary>
    public static WaitGroup Of(string? reason) => reason switch
    {
        null => WaitGroup.None,
        "WrQueue" or "WrLpcReceive" => WaitGroup.Work,
        "WrResource" or "WrPushLock" or "WrMutex" or "WrFastMutex" or "WrGuardedMutex" or "WrRundown" => WaitGroup.Lock,
        "WrLpcReply" => WaitGroup.Reply,
        "FreePage" or "PageIn" or "PoolAllocation" or "WrFreePage" or "WrPageIn" or "WrPoolAllocation" or "WrVirtualMemory"
            or "WrPageOut" or "WrPhysicalFault" => WaitGroup.Memory,
        "Suspended" or "WrSuspended" => WaitGroup.Suspended,
        _ => WaitGroup.Other,
    };

    /// <summary>Whether the reason alone tells that the thread was stopped in the middle of something.</summary>
    public static bool MeansBlocked(string reason) => Of(reason) is WaitGroup.Lock or WaitGroup.Reply or WaitGroup.Memory;
}
