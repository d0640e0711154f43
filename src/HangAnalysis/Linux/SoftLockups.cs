using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>Finds processors that the kernel's own watchdog would report: no thread of it could run on them for long.</summary>
/// <remarks>
/// The watchdog's timer lets a thread of the highest class note the time on each processor (kernel/watchdog.c,
/// watchdog_touch_ts, in units of 2^30 ns). A processor whose note is old has not switched since, whatever it does: a program
/// that computes alone on a processor has a fresh one. Soft lockups are reported after twice the threshold of 10 s.
/// </remarks>
internal static class SoftLockups
{
    private const int UnitShift = 30;
    private const ulong ThresholdUnits = 10;

    /// <summary>What the watchdog would say of a processor; null where it has nothing to say.</summary>
    public static StallFacts? Find(LinuxSession session, LinuxClock clock, int processor)
    {
        if (session.Symbols.FindPerCpu("watchdog_touch_ts", processor) is not { } address)
            return null;
        // 0 and the largest value mean that the note was taken back until the next tick.
        ulong touched = session.ReadPointer(address);
        ulong now = clock.Now >> UnitShift;
        return touched != 0 && touched < now && now - touched >= ThresholdUnits
            ? new StallFacts(clock.Since(touched << UnitShift), null)
            : null;
    }
}
