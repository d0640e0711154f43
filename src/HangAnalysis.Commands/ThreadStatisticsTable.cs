using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>The table of threads by state and wait reason.</summary>
internal static class ThreadStatisticsTable
{
    /// <summary>Names of processes in a row.</summary>
    private const int MostProcesses = 3;

    /// <summary>Threads by state and reason.</summary>
    public static TableBlock Of(IReadOnlyList<ThreadFacts> threads) => new(
        [
            new("State"), new("Reason"), new("Threads", Align.Right), new("Shortest", Align.Right),
            new("Median", Align.Right), new("Longest", Align.Right), new("Longest Thread"), new("Priority", Align.Right),
            new("Processes", CanShrink: true),
        ],
        ThreadStatistics.Of(threads).Select(Row));

    private static IReadOnlyList<Span> Row(ThreadStatistics row) =>
    [
        row.State, row.WaitReason ?? ThreadCells.NotRecorded, $"{row.Threads:N0}", AgeText.Format(row.Shortest),
        AgeText.Format(row.Median), AgeText.Format(row.Longest),
        row.LongestThread is null ? ThreadCells.NotRecorded : Links.To(row.LongestThread.Address),
        row.LowestPriority == row.HighestPriority ? $"{row.LowestPriority}" : $"{row.LowestPriority}-{row.HighestPriority}",
        Processes(row),
    ];

    private static Span Processes(ThreadStatistics row)
    {
        if (row.Processes.Count == 1)
            return new Span(row.Processes[0].Process.Title, Tone.Normal, Links.CommandFor(row.Processes[0].Process));
        string names = string.Join(", ", row.Processes.Take(MostProcesses).Select(p => $"{p.Process.Title} ({p.Threads:N0})"));
        return row.Processes.Count <= MostProcesses ? names : $"{row.Processes.Count:N0}: {names}, …";
    }
}
