using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>What commands on processes have in common: how processes are named, found and shown.</summary>
internal static class ProcessCells
{
    /// <summary>
    /// The name of a process with what it hosts, and a mark on 32-bit programs: <c>svchost.exe(RPCSS)</c>, <c>old.exe*32</c>.
    /// </summary>
    public static string NameOf(ProcessFacts process, ISystemFacts system)
    {
        string hosted = (system as IHostedCodeSource)?.DescribeHosted(process) is { } services ? $"({services})" : "";
        return $"{process.Name}{hosted}{(process.Is32Bit ? "*32" : "")}";
    }

    /// <summary>An identifier in hexadecimal and decimal: <c>c8c (0n3212)</c>.</summary>
    public static string BothIds(ulong id) => $"{id:x} (0n{id})";

    /// <summary>The session of a process, or a dash.</summary>
    public static string Session(ProcessFacts process) =>
        process.SessionId is { } session ? $"{session}" : ThreadCells.NotRecorded;

    /// <summary>The processes whose name, with what they host, has a text in it.</summary>
    public static List<ProcessFacts> WithPart(string text, ISystemFacts system) =>
        [.. system.Processes.Where(p => NameOf(p, system).Contains(text, StringComparison.OrdinalIgnoreCase))];

    /// <summary>Memory for programs.</summary>
    public static ProcessMemoryJson ToJson(MemoryUse use) => new(
        use.Virtual, use.VirtualPeak, use.WorkingSet, use.WorkingSetPeak, use.Committed, use.CommittedPeak, use.PagedQuota,
        use.NonPagedQuota);

    /// <summary>A time for programs; null where it is unknown.</summary>
    public static string? ToJson(DateTimeOffset? time) => time is null ? null : TimeText.Format(time);
}
