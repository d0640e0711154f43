using HangAnalysis.DbgEng;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Extension;

/// <summary>What the engine says of its target: for sessions whose dump header cannot be read, and live ones.</summary>
internal static class EngineDescription
{
    /// <summary>Describes the engine's target.</summary>
    public static TargetDescription Create(EngineConnection engine, string? path, IMemory memory, IReadOnlyList<string> damage)
    {
        const uint NtBuildLabAddress = 520; // DEBUG_DATA_NtBuildLabAddr
        DebugControl control = engine.Control;
        (_, uint qualifier) = control.GetDebuggeeType();
        uint time = control.GetCurrentTimeDate();
        uint uptime = control.GetCurrentSystemUpTime();
        ulong[] parameters = new ulong[4];
        return new TargetDescription
        {
            Path = path ?? "",
            Kind = KindOf(qualifier),
            HoldsPages = qualifier != DebugControl.KernelSmallDump,
            Architecture = ArchitectureOf(control.GetActualProcessorType()),
            OperatingSystem = DumpDescription.NameOf(control.GetSystemBuild()),
            Build = (int)control.GetSystemBuild(),
            BuildLab = DumpDescription.ReadBuildLab(memory, engine.Spaces.ReadDebuggerData(NtBuildLabAddress)),
            ProcessorCount = (int)Math.Min(control.GetNumberProcessors(), Limits.Processors),
            BugCheck = control.TryReadBugCheck(out uint code, parameters) ? new BugCheck(code, parameters) : null,
            Time = time == 0 ? null : DateTimeOffset.FromUnixTimeSeconds(time),
            Uptime = uptime == 0 ? null : TimeSpan.FromSeconds(uptime),
            Damage = damage,
        };
    }

    /// <summary>DEBUG_KERNEL_*.</summary>
    private static string KindOf(uint qualifier) => qualifier switch
    {
        DebugControl.KernelSmallDump => "small",
        1025 => "kernel",
        1026 => "full",
        1030 => "active",
        _ => "live kernel, no",
    };

    internal static Architecture ArchitectureOf(uint machine) => machine switch
    {
        0x8664 => Architecture.X64,
        0x14c => Architecture.X86,
        0xaa64 => Architecture.Arm64,
        _ => Architecture.Unknown,
    };
}
