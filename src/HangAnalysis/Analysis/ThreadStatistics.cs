using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Threads of one state and wait reason, in figures.</summary>
/// <param name="State">State by the operating system's own name.</param>
/// <param name="WaitReason">Wait reason; null unless the threads wait.</param>
/// <param name="Threads">How many there are.</param>
/// <param name="Shortest">The shortest time in this state; null where no time is known.</param>
/// <param name="Median">The time that half of the threads whose time is known have not reached, the lower one of two.</param>
/// <param name="Longest">The longest time.</param>
/// <param name="LongestThread">The thread of the longest time; null where no time is known.</param>
/// <param name="Processes">The processes that they belong to, those with the most of them first.</param>
/// <param name="LowestPriority">The lowest priority among them.</param>
/// <param name="HighestPriority">The highest.</param>
public sealed record ThreadStatistics(
    string State, string? WaitReason, int Threads, TimeSpan? Shortest, TimeSpan? Median, TimeSpan? Longest,
    ThreadFacts? LongestThread, IReadOnlyList<(ProcessFacts Process, int Threads)> Processes, int LowestPriority, int HighestPriority)
{
    /// <summary>
    /// The figures of threads by state and reason: the state of the most threads first, and in it the most frequent reason.
    /// </summary>
    public static IReadOnlyList<ThreadStatistics> Of(IReadOnlyList<ThreadFacts> threads)
    {
        Dictionary<(string State, string? Reason), List<ThreadFacts>> kinds = [];
        Dictionary<string, int> states = new(StringComparer.Ordinal);
        foreach (ThreadFacts thread in threads)
        {
            states[thread.State] = states.GetValueOrDefault(thread.State) + 1;
            if (!kinds.TryGetValue((thread.State, thread.WaitReason), out List<ThreadFacts>? kind))
                kinds.Add((thread.State, thread.WaitReason), kind = []);
            kind.Add(thread);
        }
        List<ThreadStatistics> statistics = new(kinds.Count);
        foreach (((string state, string? reason), List<ThreadFacts> kind) in kinds)
            statistics.Add(OfOneKind(state, reason, kind));
        statistics.Sort((a, b) =>
        {
            int order = states[b.State].CompareTo(states[a.State]);
            order = order != 0 ? order : string.CompareOrdinal(a.State, b.State);
            order = order != 0 ? order : b.Threads.CompareTo(a.Threads);
            return order != 0 ? order : string.CompareOrdinal(a.WaitReason, b.WaitReason);
        });
        return statistics;
    }

    private static ThreadStatistics OfOneKind(string state, string? reason, List<ThreadFacts> threads)
    {
        List<TimeSpan> ages = new(threads.Count);
        Dictionary<ProcessFacts, int> byProcess = [];
        (int low, int high) = (int.MaxValue, int.MinValue);
        ThreadFacts? longest = null;
        foreach (ThreadFacts thread in threads)
        {
            if (thread.Age is { } age)
            {
                ages.Add(age);
                longest = longest?.Age >= age ? longest : thread;
            }
            byProcess[thread.Process] = byProcess.GetValueOrDefault(thread.Process) + 1;
            (low, high) = (Math.Min(low, thread.Priority), Math.Max(high, thread.Priority));
        }
        ages.Sort();
        List<(ProcessFacts Process, int Threads)> processes = [.. byProcess.Select(p => (p.Key, p.Value))];
        processes.Sort((a, b) => a.Threads != b.Threads ? b.Threads.CompareTo(a.Threads) : a.Process.Id.CompareTo(b.Process.Id));
        return ages.Count == 0
            ? new ThreadStatistics(state, reason, threads.Count, null, null, null, null, processes, low, high)
            : new ThreadStatistics(
                state, reason, threads.Count, ages[0], ages[(ages.Count - 1) / 2], ages[^1], longest, processes, low, high);
    }
}
