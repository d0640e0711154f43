namespace HangAnalysis.Windows.Crashes;

/// <summary>What is known of single bug checks: which code has knowledge of its own, and where it stands.</summary>
internal static class CrashCodes
{
    /// <summary>Adds what a code's own knowledge finds.</summary>
    public delegate void Examiner(CrashCase crash);

    private static readonly Dictionary<uint, Examiner> s_examiners = new()
    {
        [0x0a] = FaultCodes.Irql,
        [0x18] = OtherStops.Reference,
        [0x19] = PoolCorruption.BadHeader,
        [0x1a] = MemoryManagement.Examine,
        [0x1e] = ExceptionCodes.KernelMode,
        [0x24] = OtherStops.FileSystem,
        [0x3b] = ExceptionCodes.SystemService,
        [0x3d] = OtherStops.InterruptException,
        [0x44] = OtherStops.CompletedTwice,
        [0x4a] = OtherStops.RaisedIrql,
        [0x4e] = MemoryManagement.PageFrames,
        [0x50] = FaultCodes.NonPagedArea,
        [0x76] = VerifierStops.ProcessLockedPages,
        [0x77] = InPageErrors.Stack,
        [0x7a] = InPageErrors.Data,
        [0x7b] = OtherStops.BootDevice,
        [0x7e] = ExceptionCodes.SystemThread,
        [0x7f] = KernelTraps.Examine,
        [0x80] = ForcedStops.ExamineNmi,
        [0x8e] = ExceptionCodes.KernelModeTrap,
        [0x9c] = HardwareErrors.MachineCheckException,
        [0x9e] = HungThreads.ExamineHealth,
        [0x9f] = PowerFailure.Examine,
        [0xa0] = HungThreads.ExaminePower,
        [0xbe] = FaultCodes.ReadOnlyMemory,
        [0xc1] = VerifierStops.SpecialPool,
        [0xc2] = PoolCorruption.BadCaller,
        [0xc4] = VerifierStops.Violation,
        [0xc5] = FaultCodes.CorruptPool,
        [0xc6] = PoolCorruption.FreedPool,
        [0xc9] = VerifierStops.InputOutput,
        [0xcb] = VerifierStops.LockedPages,
        [0xcc] = FaultCodes.SpecialPool,
        [0xcd] = FaultCodes.SpecialPool,
        [0xce] = FaultCodes.Unloaded,
        [0xd1] = FaultCodes.Irql,
        [0xd5] = FaultCodes.SpecialPool,
        [0xd6] = FaultCodes.SpecialPool,
        [0xe2] = ForcedStops.ExamineManual,
        [0xe6] = VerifierStops.Dma,
        [0xea] = HungThreads.ExamineDisplay,
        [0xed] = OtherStops.BootVolume,
        [0xef] = CriticalDeath.ExamineProcessDied,
        [0xf4] = CriticalDeath.ExamineTermination,
        [0xf7] = SecurityChecks.StackCookie,
        [0xfc] = FaultCodes.NoExecute,
        [0x101] = ClockWatchdog.Examine,
        [0x109] = OtherStops.PatchGuard,
        [0x10e] = DisplayTimeouts.VideoMemory,
        [0x116] = DisplayTimeouts.Failure,
        [0x117] = DisplayTimeouts.Detected,
        [0x119] = DisplayTimeouts.Scheduler,
        [0x124] = HardwareErrors.Uncorrectable,
        [0x127] = MemoryManagement.PageNotZero,
        [0x12b] = MemoryManagement.FaultyPage,
        [0x133] = DpcWatchdog.Examine,
        [0x139] = SecurityChecks.FastFail,
        [0x13a] = PoolCorruption.Heap,
        [0x141] = DisplayTimeouts.Detected,
        [0x154] = InPageErrors.Store,
        [0x15f] = HungThreads.ExamineStandby,
        [0x161] = ForcedStops.ExamineLive,
        [0x18b] = InPageErrors.SecureKernel,
        [0x1c5] = HungThreads.ExamineThreadPool,
        [0x1c8] = ForcedStops.ExaminePowerButton,
        [0x1c9] = HungThreads.ExamineHealth,
        [0x1ca] = HungThreads.ExamineSynthetic,
        [0x1cc] = HungThreads.ExamineResource,
        [0x11c8] = ForcedStops.ExaminePowerButton,
        [0xdeaddead] = ForcedStops.ExamineDeadDead,
    };

    /// <summary>The codes of which there is knowledge.</summary>
    public static IReadOnlyCollection<uint> Known => s_examiners.Keys;

    /// <summary>The knowledge of a code; null where there is none.</summary>
    public static Examiner? Find(uint code) => s_examiners.GetValueOrDefault(code);
}
