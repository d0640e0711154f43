using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges what can be counted of the threads that have one stack.</summary>
internal static class StackStatisticsDocument
{
    /// <summary>The group with its stack, the table by state and reason, and the threads.</summary>
    /// <param name="system">Names the frames.</param>
    /// <param name="group">The group.</param>
    /// <param name="threads">The threads among which the group was found.</param>
    /// <param name="limit">Threads that are listed.</param>
    public static Document Arrange(ISystemFacts system, StackGroup group, ThreadSelection threads, int limit)
    {
        Document document = StackGroupDocument.Arrange(system, group, null);
        document.Add(ThreadStatisticsTable.Of(group.Threads));
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
}
