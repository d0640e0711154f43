using HangAnalysis.Linux.Log;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux;

/// <summary>The kernel's log (<c>dmesg</c>) as it stands in memory.</summary>
public sealed class KernelLog
{
    internal KernelLog(IReadOnlyList<LogRecord> records, int damaged, string? problem)
    {
        Records = records;
        Damaged = damaged;
        Problem = problem;
    }

    /// <summary>The records, the oldest first.</summary>
    public IReadOnlyList<LogRecord> Records { get; }

    /// <summary>Records that could not be read: damaged, or not in the dump.</summary>
    public int Damaged { get; }

    /// <summary>Why the log is missing or cut, as the end of a sentence; null where it is whole.</summary>
    public string? Problem { get; }

    /// <summary>Reads the log. Never throws: damage is counted and told.</summary>
    /// <param name="memory">The kernel's address space.</param>
    /// <param name="info">VMCOREINFO, which has the log's layout.</param>
    /// <param name="symbols">Names and types, for what VMCOREINFO lacks.</param>
    public static KernelLog Read(IMemory memory, VmcoreInfo info, KernelSymbols symbols)
    {
        LogLayout layout = new(info, symbols);
        if (layout.AddressOf("prb") is not 0 and var ring)
            return PrintkRing.Read(memory, layout, ring);
        return layout.AddressOf("log_buf") is not 0 and var buffer
            ? PrintkBuffer.Read(memory, layout, buffer)
            : Missing("neither VMCOREINFO nor kallsyms tells where it is");
    }

    internal static KernelLog Missing(string why) => new([], 0, why);
}
