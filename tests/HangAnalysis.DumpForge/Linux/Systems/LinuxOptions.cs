using HangAnalysis.DumpForge.Linux.Layouts;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>How a machine is made.</summary>
public sealed record LinuxOptions(LinuxLayout Layout)
{
    public int Processors { get; init; } = 2;

    public int RamMegabytes { get; init; } = 256;

    /// <summary>Page tables of five levels (LA57).</summary>
    public bool HasFiveLevels { get; init; }

    /// <summary>How many tasks a scenario of many has.</summary>
    public int Tasks { get; init; } = 50_000;

    /// <summary>A machine without the usual daemons.</summary>
    public bool IsMinimal { get; init; }

    /// <summary>Without __start_BTF and __stop_BTF, as a kernel without CONFIG_DEBUG_INFO_BTF.</summary>
    public bool HasBtf { get; init; } = true;

    /// <summary>Without the ORC sections, as a kernel that unwinds by frame pointers.</summary>
    public bool HasOrc { get; init; } = true;

    /// <summary>Without the addresses of kallsyms in VMCOREINFO, as before Linux 6.0.</summary>
    public bool HasKallsymsInfo { get; init; } = true;

    /// <summary>Symbols beside those that are needed; a real kernel has 90,000 and more.</summary>
    public int UnusedSymbols { get; init; }

    /// <summary>Time since boot when the dump was made.</summary>
    public TimeSpan Uptime { get; init; } = TimeSpan.FromSeconds(4242.25);
}
