using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.Tests.Scenarios.Crashes;

/// <summary>Scenarios of stops that a kernel does not have, or that the forge cannot write for it, with the reason.</summary>
internal static class ForgeLimits
{
    private const string NoTrapFrame = "no layout of a trap frame of ARM64 is at hand";

    private static readonly Dictionary<string, string> s_x64 = new(StringComparer.Ordinal)
    {
        ["crash-8e"] = "0x8E is of x86",
        ["crash-8e-marked"] = "0x8E is of x86",
    };

    private static readonly Dictionary<string, string> s_x86 = new(StringComparer.Ordinal)
    {
        ["crash-3b"] = "0x3B comes from the handler of x64's system calls",
        ["crash-bit"] = "as crash-3b; and every address of 32 bits is one",
        ["stop-7f-old"] = "a double fault of x86 names a task",
    };

    /// <summary>Besides <see cref="s_x86"/>, before Vista.</summary>
    private static readonly Dictionary<string, string> s_old = new(StringComparer.Ordinal)
    {
        ["dpc-watchdog-single"] = "the watchdog's count came with Vista",
        ["dpc-watchdog-samples"] = "the watchdog's count came with Vista",
        ["dpc-watchdog-spin"] = "the watchdog's count came with Vista",
    };

    /// <summary>Besides all that crashes at an instruction: its registers are in a trap frame.</summary>
    private static readonly Dictionary<string, string> s_arm64 = new(StringComparer.Ordinal)
    {
        ["stop-139-list"] = NoTrapFrame,
        ["stop-139-bit"] = NoTrapFrame,
        ["stop-139-cookie"] = NoTrapFrame,
        ["stop-139-references"] = NoTrapFrame,
        ["dpc-watchdog-spin"] = NoTrapFrame,
        ["forced-nmi"] = NoTrapFrame,
        ["forced-notmyfault"] = NoTrapFrame,
        ["forced-notmyfault-driver"] = NoTrapFrame,
        ["hung-display"] = NoTrapFrame,
        ["hung-clock"] = NoTrapFrame,
        ["hung-clock-dead"] = "the scenario says where the spin lock's address is in a register of x64",
    };

    /// <summary>Why a scenario is not there on a kernel; null where it is.</summary>
    public static string? Reason(string scenario, string layout) => KernelLayout.BuiltIn(layout) switch
    {
        { Architecture: Architecture.X86, Build: var build } => s_x86.GetValueOrDefault(scenario)
            ?? (build < 6000 ? s_old.GetValueOrDefault(scenario) : null)
            ?? (scenario == "crash-fc-data" && !KernelLayout.BuiltIn(layout).HasPae ? "without PAE every page is executable" : null),
        { Architecture: Architecture.Arm64 } => scenario.StartsWith("crash-", StringComparison.Ordinal)
            ? NoTrapFrame : s_arm64.GetValueOrDefault(scenario),
        _ => s_x64.GetValueOrDefault(scenario),
    };
}
