using HangAnalysis.Analysis;
using HangAnalysis.Model;

namespace HangAnalysis.Commands;

/// <summary>Words of the contract for enumerations.</summary>
internal static class VerdictWords
{
    /// <summary>Class as the contract writes it, such as <c>stuck-in-driver</c>.</summary>
    public static string Of(VerdictClass verdictClass) => verdictClass switch
    {
        VerdictClass.Deadlock => "deadlock",
        VerdictClass.StuckInDriver => "stuck-in-driver",
        VerdictClass.StuckIo => "stuck-io",
        VerdictClass.ServerNotAnswering => "server-not-answering",
        VerdictClass.OrphanedLock => "orphaned-lock",
        VerdictClass.Starvation => "starvation",
        VerdictClass.Spinning => "spinning",
        VerdictClass.OwnerRunning => "owner-running",
        VerdictClass.ProcessorStuck => "processor-stuck",
        VerdictClass.LongDpc => "long-dpc",
        VerdictClass.MemoryExhausted => "memory-exhausted",
        VerdictClass.OwnerUnknown => "owner-unknown",
        VerdictClass.Crash => "crash",
        VerdictClass.NoHang => "no-hang",
        _ => "not-enough-data",
    };

    /// <summary>Confidence as the contract writes it.</summary>
    public static string Of(Confidence confidence) => confidence switch
    {
        Confidence.High => "high",
        Confidence.Medium => "medium",
        _ => "low",
    };

    /// <summary>Certainty as the contract writes it.</summary>
    public static string Of(Certainty certainty) => certainty switch
    {
        Certainty.Proven => "proven",
        Certainty.Inferred => "inferred",
        _ => "candidate",
    };

    /// <summary>Kind of a chain's link as the contract writes it: everything that can be owned or signalled is a lock.</summary>
    public static string Of(ObjectKind kind) => kind switch
    {
        ObjectKind.Thread => "thread",
        ObjectKind.Process => "process",
        ObjectKind.Message or ObjectKind.Port => "message",
        ObjectKind.Request => "request",
        ObjectKind.Driver or ObjectKind.Device => "driver",
        ObjectKind.Processor => "processor",
        ObjectKind.Queue => "queue",
        _ => "lock",
    };

    /// <summary>Origin as the contract writes it: parts of the system by the system's own word.</summary>
    public static string Of(ModuleOrigin origin, SystemWords words) => origin switch
    {
        ModuleOrigin.Core => "core",
        ModuleOrigin.System => words.Origin,
        ModuleOrigin.ThirdParty => "third-party",
        _ => "unknown",
    };
}
