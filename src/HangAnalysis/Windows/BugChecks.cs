using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Names of bug checks, and which of them somebody forces because the machine hangs.</summary>
internal static class BugChecks
{
    private const uint PowerButton = 0x1c8;

    /// <summary>What is known of a bug check; null where there was none.</summary>
    public static StopFacts? Describe(BugCheck? bugCheck)
    {
        if (bugCheck is null)
            return null;
        uint code = bugCheck.Code;
        bool forced = code is 0xe2 or 0x80 or PowerButton or 0x161 or 0x11c8 or 0xdeaddead;
        string? name = BugCheckNames.Of(code);
        string named = name is null ? "" : $" {name}";
        string parameters = string.Join(", ", bugCheck.Parameters.Select(p => $"{p:x}"));
        return new StopFacts($"stop 0x{code:x}{named}", forced, BugCheckMeanings.Of(code, bugCheck.Parameters),
            FaultAddress(code, bugCheck.Parameters))
        {
            Name = name,
            Record = $"bug check 0x{bugCheck.RawCode:x}{named} ({parameters})",
        };
    }

    /// <summary>Which parameter holds the address of the faulting instruction (public bug check reference).</summary>
    private static ulong FaultAddress(uint code, IReadOnlyList<ulong> p) => code switch
    {
        0x1e or 0x3b or 0x7e or 0x8e => p[1],
        0x0a or 0xc5 or 0xd1 => p[3],
        0x50 or 0xce or 0xd5 => p[2],
        _ => 0,
    };
}
