using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>The time of the dump on the scheduler's clock, by which ages of waits are measured.</summary>
/// <remarks>
/// Each run queue has a clock of its own that stands while its processor sleeps; <c>crash ps -m</c> measures by the processor
/// that a task is on. The latest of all clocks is the nearest to the time of the dump.
/// </remarks>
internal sealed class LinuxClock
{
    // A damaged value must not make every wait a century long.
    private const ulong Century = 100UL * 365 * 24 * 3600 * 1_000_000_000;

    private readonly ulong[] _clocks;

    public LinuxClock(LinuxSession session, PerCpu perCpu)
    {
        FieldSlot clock = session.Field("rq", "clock");
        ulong runQueues = session.AddressOf("runqueues");
        _clocks = new ulong[perCpu.Count];
        for (int cpu = 0; cpu < _clocks.Length && runQueues != 0; cpu++)
        {
            _clocks[cpu] = session.Read(perCpu.AddressOf(runQueues, cpu) ?? 0, clock);
            Now = Math.Max(Now, _clocks[cpu]);
        }
    }

    /// <summary>Nanoseconds of the latest clock; 0 where there is none.</summary>
    public ulong Now { get; private set; }

    /// <summary>Makes the time later, where something of the dump is known to have happened then.</summary>
    public void Advance(ulong nanoseconds)
    {
        if (nanoseconds < Century)
            Now = Math.Max(Now, nanoseconds);
    }

    /// <summary>
    /// The time since a moment by the clock of one processor, as <c>crash ps -m</c> has it; null where either is unknown.
    /// </summary>
    public TimeSpan? SinceOn(int cpu, ulong nanoseconds) =>
        nanoseconds == 0 || cpu < 0 || cpu >= _clocks.Length || _clocks[cpu] == 0 ? null
        : nanoseconds >= _clocks[cpu] ? TimeSpan.Zero : ToTime(_clocks[cpu] - nanoseconds);

    /// <summary>Nanoseconds as a time; null for more than a century, which is damage.</summary>
    public static TimeSpan? ToTime(ulong nanoseconds) =>
        nanoseconds < Century ? TimeSpan.FromTicks((long)(nanoseconds / TimeSpan.NanosecondsPerTick)) : null;

    /// <summary>The time since a moment of that clock; null where either is unknown.</summary>
    public TimeSpan? Since(ulong nanoseconds) => nanoseconds == 0 || Now == 0
        ? null
        : nanoseconds >= Now ? TimeSpan.Zero : TimeSpan.FromTicks((long)((Now - nanoseconds) / TimeSpan.NanosecondsPerTick));
}
