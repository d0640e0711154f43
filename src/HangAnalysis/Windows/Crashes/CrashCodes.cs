namespace HangAnalysis.Windows.Crashes;

/// <summary>What is known of single bug checks: which code has knowledge of its own, and where it stands.</summary>
internal static class CrashCodes
{
    /// <summary>Adds what a code's own knowledge finds.</summary>
    public delegate void Examiner(CrashCase crash);

    private static readonly Dictionary<uint, Examiner> s_examiners = new()
    {
        [0x80] = ForcedStops.ExamineNmi,
        [0x9f] = PowerFailure.Examine,
        [0xe2] = ForcedStops.ExamineManual,
        [0xef] = CriticalDeath.ExamineProcessDied,
        [0xf4] = CriticalDeath.ExamineTermination,
        [0x133] = DpcWatchdog.Examine,
        [0x161] = ForcedStops.ExamineLive,
        [0x1c8] = ForcedStops.ExaminePowerButton,
        [0x11c8] = ForcedStops.ExaminePowerButton,
        [0xdeaddead] = ForcedStops.ExamineDeadDead,
    };

    /// <summary>The knowledge of a code; null where there is none.</summary>
    public static Examiner? Find(uint code) => s_examiners.GetValueOrDefault(code);
}
