using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges what can be counted of the threads that have one stack.</summary>
internal static class StackStatisticsDocument
{
    /// <summary>Names of processes in a row of the table.</summary>
    private const int MostProcesses = 3;

    /// <summary>The group with its stack, the table by state and reason, and the threads.</summary>
    /// <param name="system">Names the frames.</param>
    /// <param name="group">The group.</param>
    /// <param name="threads">The threads among which the group was found.</param>
    /// <param name="limit">Threads that are listed.</param>
    public static Document Arrange(ISystemFacts system, StackGroup group, ThreadSelection threads, int limit)
    {
        Document document = StackGroupDocument.Arrange(system, group, null);
        document.Add(Table(ThreadStatistics.Of(group.Threads)));
        document.Blank();
        if (limit > 0)
        {
            document.Add(new TableBlock(ThreadCells.Columns, group.Threads.Take(limit).Select(ThreadCells.Of)));
            document.Blank();
        }
        document.Add($"{group.Threads.Count:N0} of {threads.Considered.Count:N0} threads have this stack");
        if (group.Threads.Count > limit)
            document.Add($"{group.Threads.Count - limit:N0} more are not listed (-l {limit}); /q has all addresses");
        return document;
    }

    /// <summary>Threads by state and reason.</summary>
    public static TableBlock Table(IReadOnlyList<ThreadStatistics> statistics) => new(
        [
            new("State"), new("Reason"), new("Threads", Align.Right), new("Shortest", Align.Right),
            new("Median", Align.Right), new("Longest", Align.Right), new("Longest Thread"), new("Priority", Align.Right),
            new("Processes", CanShrink: true),
        ],
        statistics.Select(Row));

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
