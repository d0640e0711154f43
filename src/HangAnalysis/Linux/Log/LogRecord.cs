using System.Globalization;

namespace HangAnalysis.Linux.Log;

/// <summary>Who wrote a record of the log: a task, or a processor that was in an interrupt.</summary>
/// <param name="Raw">As recorded: an identifier of a task, or with the top bit the number of a processor.</param>
/// <remarks>
/// kernel/printk/printk.c, printk_caller_id(); recorded since 5.1 where the kernel is built for it, always since 5.10.
/// </remarks>
public readonly record struct LogCaller(uint Raw)
{
    private const uint ProcessorBit = 0x8000_0000;

    /// <summary>Identifier of the task; null where a processor wrote.</summary>
    public int? Pid => (Raw & ProcessorBit) == 0 ? (int)Raw : null;

    /// <summary>Number of the processor; null where a task wrote.</summary>
    public int? Processor => (Raw & ProcessorBit) != 0 ? (int)(Raw & ~ProcessorBit) : null;

    /// <summary>As the kernel prints it: <c>T97</c>, <c>C1</c>.</summary>
    public override string ToString() => Processor is { } cpu ? $"C{cpu}" : $"T{Pid}";
}

/// <summary>A record of the kernel's log.</summary>
/// <param name="Sequence">Its number since start-up; gaps are records that were overwritten or could not be read.</param>
/// <param name="Nanoseconds">When it was written, on the scheduler's clock, which begins with the system.</param>
/// <param name="Facility">Facility of syslog: 0 for the kernel itself.</param>
/// <param name="Level">Level of syslog: 0 for emergencies to 7 for debugging.</param>
/// <param name="Caller">Who wrote it; null where that is not recorded.</param>
/// <param name="Text">Its text, which may have several lines. Text from the dump.</param>
public sealed record LogRecord(ulong Sequence, ulong Nanoseconds, int Facility, int Level, LogCaller? Caller, string Text)
{
    /// <summary>Whether it goes on where another record broke off, because somebody else wrote between them.</summary>
    public bool IsContinuation { get; init; }

    /// <summary>Its time as <c>dmesg</c> prints it: <c>[   16.303941]</c>.</summary>
    public string TimeText => string.Create(CultureInfo.InvariantCulture,
        $"[{Nanoseconds / 1_000_000_000,5}.{Nanoseconds / 1_000 % 1_000_000:000000}]");

    /// <summary>Time and text on one line.</summary>
    public string Line => ToString().Replace('\t', ' ').Replace('\n', ' ');

    /// <summary>Time and text as <c>dmesg</c> prints them.</summary>
    public override string ToString() => $"{TimeText} {Text}";
}
