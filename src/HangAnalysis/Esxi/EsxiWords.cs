using HangAnalysis.Model;

namespace HangAnalysis.Esxi;

/// <summary>How ESXi is spoken of.</summary>
internal static class EsxiWords
{
    /// <summary>The words.</summary>
    public static SystemWords All { get; } = new()
    {
        Name = "ESXi",
        Origin = "vmware",
        HasDecimalIds = true,
        SpinReason = "a purple screen holds stacks and no memory",
        SpinHolder = "the text names no PCPU that has it, and has no saved backtrace of one",
        MissingThreads = "a purple screen holds what a few processors did, and no other world",
    };
}
