namespace HangAnalysis.Windows.Crashes;

/// <summary>What is known of single bug checks: which code has knowledge of its own, and where it stands.</summary>
internal static class CrashCodes
{
    /// <summary>Adds what a code's own knowledge finds.</summary>
    public delegate void Examiner(CrashCase crash);

    private static readonly Dictionary<uint, Examiner> s_examiners = new()
    {
        [0x0a] = FaultCodes.Irql,
        [0x1e] = ExceptionCodes.KernelMode,
        [0x3b] = ExceptionCodes.SystemService,
        [0x50] = FaultCodes.NonPagedArea,
        [0x7e] = ExceptionCodes.SystemThread,
        [0x80] = ForcedStops.ExamineNmi,
        [0x8e] = ExceptionCodes.KernelModeTrap,
        [0x9e] = HungThreads.ExamineHealth,
        [0x9f] = PowerFailure.Examine,
        [0xa0] = HungThreads.ExaminePower,
        [0xbe] = FaultCodes.ReadOnlyMemory,
        [0xc5] = FaultCodes.CorruptPool,
        [0xcc] = FaultCodes.SpecialPool,
        [0xcd] = FaultCodes.SpecialPool,
        [0xce] = FaultCodes.Unloaded,
        [0xd1] = FaultCodes.Irql,
        [0xd5] = FaultCodes.SpecialPool,
        [0xd6] = FaultCodes.SpecialPool,
        [0xe2] = ForcedStops.ExamineManual,
        [0xea] = HungThreads.ExamineDisplay,
        [0xef] = CriticalDeath.ExamineProcessDied,
        [0xf4] = CriticalDeath.ExamineTermination,
        [0xfc] = FaultCodes.NoExecute,
        [0x101] = ClockWatchdog.Examine,
        [0x133] = DpcWatchdog.Examine,
        [0x15f] = HungThreads.ExamineStandby,
        [0x161] = ForcedStops.ExamineLive,
        [0x1c5] = HungThreads.ExamineThreadPool,
        [0x1c8] = ForcedStops.ExaminePowerButton,
        [0x1c9] = HungThreads.ExamineHealth,
        [0x1ca] = HungThreads.ExamineSynthetic,
        [0x1cc] = HungThreads.ExamineResource,
        [0x11c8] = ForcedStops.ExaminePowerButton,
        [0xdeaddead] = ForcedStops.ExamineDeadDead,
    };

    /// <summary>The knowledge of a code; null where there is none.</summary>
    public static Examiner? Find(uint code) => s_examiners.GetValueOrDefault(code);
}
