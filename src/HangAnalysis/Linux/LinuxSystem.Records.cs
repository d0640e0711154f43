using HangAnalysis.Linux.Log;
using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>What the kernel wrote down itself: its log. Read when asked for.</summary>
public sealed partial class LinuxSystem
{
    private LinuxRecords? _records;

    /// <summary>The kernel's log.</summary>
    public KernelLog Log => Records.Log;

    /// <summary>What the log reports, in its order.</summary>
    public IReadOnlyList<LogEvent> LogEvents => Records.Events;

    private LinuxRecords Records => _records ??= new LinuxRecords(this, Session);

    /// <summary>The task that a line of the log names; null where it names none, or one that is not there any more.</summary>
    public ThreadFacts? FindTask(LogEvent line) => Records.FindTask(line.Pid, line.Task);

    /// <summary>The time of day of a moment of the log; null where it is not in the dump.</summary>
    /// <param name="nanoseconds">Nanoseconds since start-up.</param>
    public DateTimeOffset? TimeOfDay(ulong nanoseconds) => Records.TimeOfDay(nanoseconds);
}
