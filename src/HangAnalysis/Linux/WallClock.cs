using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>The time of day of the dump, and the moment at which the system's clocks began.</summary>
/// <remarks>
/// kernel/time/timekeeping.c: the timekeeper stands in tk_core behind a sequence count (struct tk_data since 6.13). Its
/// offs_real is the time of day less the monotonic clock, offs_boot the time spent asleep. Times of the log are those of the
/// scheduler's clock, which the kernel keeps next to the monotonic one: where the two are far apart, this one is damaged.
/// </remarks>
internal sealed class WallClock
{
    /// <summary>A time of day before 2000 or after 2200 is damage.</summary>
    private const ulong Earliest = 946_684_800, Latest = 7_258_118_400;

    private const long Second = 1_000_000_000;

    /// <summary>Reads the clocks; null where they cannot be found, or cannot be right.</summary>
    public static WallClock? Read(LinuxSession session, LinuxClock clock)
    {
        FieldSlot seconds = session.Field("timekeeper", "xtime_sec"), toReal = session.Field("timekeeper", "offs_real");
        ulong core = session.AddressOf("tk_core");
        if (core == 0 || !seconds.IsPresent || !toReal.IsPresent)
            return null;
        // Behind a sequence count of four bytes; of 64 with lock debugging, which nobody ships.
        ulong keeper = core + (session.Field("tk_data", "timekeeper") is { IsPresent: true } slot ? (ulong)slot.Offset : 8);
        ulong now = session.Read(keeper, seconds);
        long offset = (long)session.Read(keeper, toReal);
        long asleep = (long)session.Read(keeper, session.Field("timekeeper", "offs_boot"));
        // Fractions of nanoseconds, shifted as the clock source wants them.
        ulong fraction = session.Read(keeper, session.Field("timekeeper", "tkr_mono.xtime_nsec"));
        int shift = (int)Math.Min(session.Read(keeper, session.Field("timekeeper", "tkr_mono.shift")), 63);
        long part = (long)Math.Min(fraction >> shift, (ulong)Second - 1);
        long awake = now is > Earliest and < Latest ? (long)now * Second + part - offset : -1;
        const long Century = 100L * 365 * 24 * 3600 * Second;
        const long Hour = 3600 * Second;
        long scheduler = (long)Math.Min(clock.Now, (ulong)Century);
        bool agrees = scheduler == 0 || (awake > scheduler / 2 - Hour && awake < scheduler * 2 + Hour);
        return agrees && awake is > 0 and < Century && asleep is >= 0 and < Century
            ? new WallClock
            {
                Time = DateTimeOffset.FromUnixTimeSeconds((long)now).AddTicks(part / TimeSpan.NanosecondsPerTick),
                Start = DateTimeOffset.UnixEpoch.AddTicks(offset / TimeSpan.NanosecondsPerTick),
                Asleep = TimeSpan.FromTicks(asleep / TimeSpan.NanosecondsPerTick),
            }
            : null;
    }

    /// <summary>The time of day at the last tick before the dump.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>The time of day at which the monotonic clock was 0.</summary>
    public required DateTimeOffset Start { get; init; }

    /// <summary>How long the system slept, which the monotonic clock does not count.</summary>
    public required TimeSpan Asleep { get; init; }
}
