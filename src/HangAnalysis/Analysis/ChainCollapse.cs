using System.Text;
using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Makes one chain of those that tell the same story.</summary>
/// <remarks>
/// Chains of different ends are the same story if their verdicts are of one class and name the same module, and if link by
/// link they lead through the same processes and the same kinds of objects: 300 locks of one driver, each with its own owner
/// of the same process, or the eight threads of which one has the answer. The first, which matters most, stands for all.
/// </remarks>
internal static class ChainCollapse
{
    /// <summary>The chains of judgements, most important first.</summary>
    public static List<Chain> Collapse(List<Judgement> judgements, ChainBuilder builder)
    {
        List<(Chain Chain, List<Judgement> Alike)> groups = [];
        Dictionary<string, int> known = new(StringComparer.Ordinal);
        foreach (Judgement judgement in judgements)
        {
            Chain chain = builder.Build(judgement.Root, judgement.Culprit);
            if (known.TryAdd(Shape(chain, judgement), groups.Count))
                groups.Add((chain, [judgement]));
            else
                groups[known[Shape(chain, judgement)]].Alike.Add(judgement);
        }
        return groups.ConvertAll(g => g.Alike.Count == 1 ? g.Chain : Merge(g.Chain, g.Alike));
    }

    /// <summary>Threads that wait for several of the ends are counted once.</summary>
    private static Chain Merge(Chain first, List<Judgement> alike)
    {
        HashSet<ThreadAddress> blocked = [];
        TimeSpan? longest = first.LongestWait;
        foreach (Judgement judgement in alike)
        {
            foreach (ThreadFacts thread in judgement.Root.Blocked)
                blocked.Add(thread.Address);
            if (judgement.Root.LongestWait is { } wait && (longest is null || wait > longest))
                longest = wait;
        }
        return first with { BlockedThreads = blocked.Count, LongestWait = longest, Similar = alike.Count - 1 };
    }

    private static string Shape(Chain chain, Judgement judgement)
    {
        StringBuilder shape = new();
        shape.Append($"{judgement.Class} {judgement.Culprit?.Module.BaseAddress:x} {judgement.Culprit?.Frame?.Function}");
        foreach (ChainLink link in chain.Links)
            shape.Append($"\n{link.Reference.Kind} {link.Process?.Address.Value:x} {(link.Process is null ? link.Name : "")}");
        return shape.ToString();
    }
}
