using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>The system's tick count, which dates every wait.</summary>
internal sealed class SystemClock
{
    /// <summary>KUSER_SHARED_DATA as the kernel sees it: the same address in every x64 and ARM64 Windows.</summary>
    private const ulong SharedUserData = 0xfffff780_00000000;

    /// <summary>The same of x86.</summary>
    private const ulong SharedUserData32 = 0xffdf0000;

    /// <summary>
    /// TickCountQuad: at +320 since Server 2003, so that it is read where the symbols lack the structure, too.
    /// </summary>
    private const ulong TickCountOffset = 0x320;

    /// <summary>
    /// KUSER_SHARED_DATA.InterruptTime and InterruptTimeBias (ntddk.h): units of 100 ns since the start, and how many of them
    /// the machine has slept. Both lie there in every Windows since 7, and the first since XP.
    /// </summary>
    private const ulong InterruptTimeOffset = 0x8, InterruptTimeBiasOffset = 0x3b0;

    private readonly uint _now;
    private readonly ulong _ticks;
    private readonly uint _increment;
    private readonly ulong? _interruptTime;

    public SystemClock(KernelSession session)
    {
        ulong shared = session.Is32Bit ? SharedUserData32 : SharedUserData;
        bool haveTicks = session.Memory.TryReadUInt64(shared + TickCountOffset, out ulong ticks);
        // XP keeps its ticks in a variable alone.
        if (ticks == 0 && session.Is32Bit && session.TryGetAddress("KeTickCount", out ulong variable))
            haveTicks = session.Memory.TryReadUInt64(variable, out ticks);
        uint increment = 0;
        foreach (string name in (ReadOnlySpan<string>)["KeMaximumIncrement", "KeTimeIncrement"])
            if (increment == 0 && session.TryGetAddress(name, out ulong address))
                session.Memory.TryReadUInt32(address, out increment);
        // A clock ticks every 0.5 to 15.625 ms (5,000 to 156,250 units of 100 ns).
        bool plausible = increment is >= 1_000 and <= 1_000_000;
        IsKnown = haveTicks && plausible;
        _now = (uint)ticks;
        _ticks = ticks;
        _increment = increment;
        // Whether a timer counts the time that the machine slept depends on its kind: where it has slept, nothing is told.
        if (session.Memory.TryReadUInt64(shared + InterruptTimeOffset, out ulong interruptTime) && interruptTime != 0
            && session.Memory.TryReadUInt64(shared + InterruptTimeBiasOffset, out ulong slept) && slept == 0)
            _interruptTime = interruptTime;
        if (!IsKnown && session.Symbols is not null && session.Target.Description.HoldsPages)
            session.AddUnknown("how long threads have waited",
                haveTicks ? $"the clock increment 0x{increment:x} cannot be" : "the page of KUSER_SHARED_DATA is not in the dump");
    }

    /// <summary>Whether ages can be told.</summary>
    public bool IsKnown { get; }

    /// <summary>
    /// Time since a tick of KTHREAD.WaitTime, which has 32 bits: differences are taken modulo 2^32. Null where the clock is
    /// unknown or the tick lies in the future, which only damage makes.
    /// </summary>
    public TimeSpan? Since(uint tick)
    {
        uint elapsed = unchecked(_now - tick);
        return IsKnown && elapsed < 0x8000_0000 ? TimeSpan.FromTicks((long)elapsed * _increment) : null;
    }

    /// <summary>
    /// Time until a moment in interrupt time, as timers have it; negative where it has passed. Null where it is not known.
    /// </summary>
    public TimeSpan? Until(ulong interruptTime) => _interruptTime is { } now && interruptTime is > 0 and <= long.MaxValue
        && now <= long.MaxValue ? TimeSpan.FromTicks((long)interruptTime - (long)now) : null;

    /// <summary>
    /// Time since a stamp whose unit no public source states, and the unit: ticks, or interrupt time in units of 100 ns. The
    /// two differ by a factor of 5,000 and more, so that one that is no later than the last tick would be as old as the system
    /// if it were interrupt time. Null for 0 and for what lies in the future.
    /// </summary>
    public (TimeSpan Age, string Unit)? SinceStamp(ulong stamp)
    {
        if (stamp == 0)
            return null;
        if (IsKnown && stamp <= _ticks)
        {
            ulong elapsed = _ticks - stamp;
            return elapsed <= (ulong)(long.MaxValue / _increment)
                ? (TimeSpan.FromTicks((long)elapsed * _increment), "ticks") : null;
        }
        return _interruptTime is { } now && stamp <= now && now <= long.MaxValue
            ? (TimeSpan.FromTicks((long)(now - stamp)), "interrupt time") : null;
    }

    /// <summary>The length of a number of ticks; null where the clock is unknown.</summary>
    public TimeSpan? Length(uint ticks) => IsKnown ? TimeSpan.FromTicks((long)ticks * _increment) : null;
}
