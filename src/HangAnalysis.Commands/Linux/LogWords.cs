using HangAnalysis.Linux.Log;

namespace HangAnalysis.Commands.Linux;

/// <summary>Words of the JSON contract for what lines of the log report.</summary>
internal static class LogWords
{
    /// <summary>Kind as the contract writes it, such as <c>hung-task</c>.</summary>
    public static string Of(LogEventKind kind) => kind switch
    {
        LogEventKind.HungTask => "hung-task",
        LogEventKind.SoftLockup => "soft-lockup",
        LogEventKind.HardLockup => "hard-lockup",
        LogEventKind.RcuStall => "rcu-stall",
        LogEventKind.BadAccess => "bad-access",
        LogEventKind.Oops => "oops",
        LogEventKind.Bug => "bug",
        LogEventKind.Warning => "warning",
        LogEventKind.Panic => "panic",
        LogEventKind.SysRq => "sysrq",
        LogEventKind.OutOfMemory => "out-of-memory",
        LogEventKind.UnknownNmi => "unknown-nmi",
        LogEventKind.HardwareError => "hardware-error",
        _ => "disk-error",
    };
}
