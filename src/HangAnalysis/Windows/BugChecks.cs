using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Names of bug checks, and which of them somebody forces because the machine hangs.</summary>
internal static class BugChecks
{
    private const uint PowerButton = 0x1c8;

    /// <summary>What is known of a bug check; null where there was none.</summary>
    public static StopFacts? Describe(BugCheck? bugCheck)
    {
        if (bugCheck is null)
            return null;
        uint code = bugCheck.Code;
        bool forced = code is 0xe2 or 0x80 or PowerButton or 0x161 or 0x11c8 or 0xdeaddead;
        string? name = Name(code);
        string named = name is null ? "" : $" {name}";
        string parameters = string.Join(", ", bugCheck.Parameters.Select(p => $"{p:x}"));
        return new StopFacts($"stop 0x{code:x}{named}", forced, BugCheckMeanings.Of(code, bugCheck.Parameters),
            FaultAddress(code, bugCheck.Parameters))
        {
            Name = name,
            Record = $"bug check 0x{bugCheck.RawCode:x}{named} ({parameters})",
        };
    }

    /// <summary>Which parameter holds the address of the faulting instruction (public bug check reference).</summary>
    private static ulong FaultAddress(uint code, IReadOnlyList<ulong> p) => code switch
    {
        0x1e or 0x3b or 0x7e or 0x8e => p[1],
        0x0a or 0xc5 or 0xd1 => p[3],
        0x50 or 0xce or 0xd5 => p[2],
        _ => 0,
    };

    /// <summary>Names as the public bug check reference has them.</summary>
    private static string? Name(uint code) => code switch
    {
        0x0a => "IRQL_NOT_LESS_OR_EQUAL",
        0x18 => "REFERENCE_BY_POINTER",
        0x19 => "BAD_POOL_HEADER",
        0x1a => "MEMORY_MANAGEMENT",
        0x1e => "KMODE_EXCEPTION_NOT_HANDLED",
        0x24 => "NTFS_FILE_SYSTEM",
        0x3b => "SYSTEM_SERVICE_EXCEPTION",
        0x4a => "IRQL_GT_ZERO_AT_SYSTEM_SERVICE",
        0x4e => "PFN_LIST_CORRUPT",
        0x50 => "PAGE_FAULT_IN_NONPAGED_AREA",
        0x74 => "BAD_SYSTEM_CONFIG_INFO",
        0x77 => "KERNEL_STACK_INPAGE_ERROR",
        0x7a => "KERNEL_DATA_INPAGE_ERROR",
        0x7b => "INACCESSIBLE_BOOT_DEVICE",
        0x7e => "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED",
        0x7f => "UNEXPECTED_KERNEL_MODE_TRAP",
        0x80 => "NMI_HARDWARE_FAILURE",
        0x8e => "KERNEL_MODE_EXCEPTION_NOT_HANDLED",
        0x9c => "MACHINE_CHECK_EXCEPTION",
        0x9e => "USER_MODE_HEALTH_MONITOR",
        0x9f => "DRIVER_POWER_STATE_FAILURE",
        0xa0 => "INTERNAL_POWER_ERROR",
        0xbe => "ATTEMPTED_WRITE_TO_READONLY_MEMORY",
        0xc1 => "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION",
        0xc2 => "BAD_POOL_CALLER",
        0xc4 => "DRIVER_VERIFIER_DETECTED_VIOLATION",
        0xc5 => "DRIVER_CORRUPTED_EXPOOL",
        0xc9 => "DRIVER_VERIFIER_IOMANAGER_VIOLATION",
        0xce => "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS",
        0xd1 => "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
        0xd5 => "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL",
        0xda => "SYSTEM_PTE_MISUSE",
        0xe2 => "MANUALLY_INITIATED_CRASH",
        0xea => "THREAD_STUCK_IN_DEVICE_DRIVER",
        0xef => "CRITICAL_PROCESS_DIED",
        0xf4 => "CRITICAL_OBJECT_TERMINATION",
        0xf7 => "DRIVER_OVERRAN_STACK_BUFFER",
        0xfc => "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY",
        0xfe => "BUGCODE_USB_DRIVER",
        0x101 => "CLOCK_WATCHDOG_TIMEOUT",
        0x109 => "CRITICAL_STRUCTURE_CORRUPTION",
        0x116 => "VIDEO_TDR_FAILURE",
        0x117 => "VIDEO_TDR_TIMEOUT_DETECTED",
        0x119 => "VIDEO_SCHEDULER_INTERNAL_ERROR",
        0x124 => "WHEA_UNCORRECTABLE_ERROR",
        0x133 => "DPC_WATCHDOG_VIOLATION",
        0x139 => "KERNEL_SECURITY_CHECK_FAILURE",
        0x13a => "KERNEL_MODE_HEAP_CORRUPTION",
        0x153 => "KERNEL_LOCK_ENTRY_LEAKED_ON_THREAD_TERMINATION",
        0x154 => "UNEXPECTED_STORE_EXCEPTION",
        0x15f => "CONNECTED_STANDBY_WATCHDOG_TIMEOUT_LIVEDUMP",
        0x161 => "LIVE_SYSTEM_DUMP",
        0x162 => "KERNEL_AUTO_BOOST_INVALID_LOCK_RELEASE",
        0x18b => "SECURE_KERNEL_ERROR",
        0x1c5 => "IO_THREADPOOL_DEADLOCK_LIVEDUMP",
        PowerButton => "MANUALLY_INITIATED_POWER_BUTTON_HOLD",
        0x1c9 => "USER_MODE_HEALTH_MONITOR_LIVEDUMP",
        0x1ca => "SYNTHETIC_WATCHDOG_TIMEOUT",
        0x1cc => "EXRESOURCE_TIMEOUT_LIVEDUMP",
        0x1cf => "HARDWARE_WATCHDOG_TIMEOUT",
        0xdeaddead => "MANUALLY_INITIATED_CRASH1",
        _ => null,
    };
}
