using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Brings groups of stacks into the shape of the JSON contract.</summary>
internal static class StackGroupsMapper
{
    /// <summary>The JSON of groups, and of the tree where there is one.</summary>
    public static string Serialize(
        ISystemFacts system, StackSelection stacks, IReadOnlyList<StackGroup> shown, CallTree? tree) =>
        JsonSerializer.Serialize(
            new StackGroupsJson("hanganalysis-us/1", [.. shown.Select(g => Map(g, system))], stacks.Threads.Considered.Count,
                stacks.MatchingThreads, stacks.Groups.Count - shown.Count,
                stacks.Groups.Sum(g => g.Threads.Count) - shown.Sum(g => g.Threads.Count),
                [.. stacks.ListRest().Select(r => new ReasonJson(r.What, r.Why))],
                tree is null ? null : new CallTreeJson(tree.Top.Threads, tree.Roots, tree.CutThreads,
                    [.. tree.Top.Branches.Select(Map)], tree.Top.HiddenBranches, tree.Top.HiddenThreads)),
            ReportJsonContext.Default.StackGroupsJson);

    private static StackGroupJson Map(StackGroup group, ISystemFacts system) => new(
        [.. group.Threads.Select(t => VerdictJsonMapper.Hex(t.Address.Value))], VerdictJsonMapper.Age(group.LongestWait),
        [.. ThreadStatistics.Of(group.Threads).Select(Map)],
        [.. system.GetStack(group.Threads[0]).Frames.Select(VerdictJsonMapper.Map)], group.CutThreads, group.EndNote);

    private static ThreadStatisticsJson Map(ThreadStatistics row) => new(
        row.State, row.WaitReason, row.Threads, VerdictJsonMapper.Age(row.Shortest), VerdictJsonMapper.Age(row.Median),
        VerdictJsonMapper.Age(row.Longest),
        [.. row.Processes.Select(p => new ProcessThreadsJson(
            VerdictJsonMapper.Hex(p.Process.Address.Value), p.Process.Name, p.Process.Id, p.Threads))],
        row.LowestPriority, row.HighestPriority);

    private static CallBranchJson Map(CallBranch branch) => new(
        branch.Threads, branch.EndingThreads, branch.Functions, [.. branch.Branches.Select(Map)], branch.HiddenBranches,
        branch.HiddenThreads);
}
