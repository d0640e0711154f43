using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Threads that are in the same state for the same reason.</summary>
/// <param name="State">State by the operating system's own name.</param>
/// <param name="Reason">Wait reason; null for threads that do not wait.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Longest">The one that has been so for the longest time; null where no time is known.</param>
public sealed record ThreadStateCount(string State, string? Reason, int Count, ThreadFacts? Longest);

/// <summary>Counts threads by what they do.</summary>
public sealed class ThreadStatistics
{
    private ThreadStatistics(IReadOnlyList<ThreadStateCount> counts, int suspended)
    {
        Counts = counts;
        Suspended = suspended;
    }

    /// <summary>A count for each state and reason: the most frequent state first, and in it the most frequent reason.</summary>
    public IReadOnlyList<ThreadStateCount> Counts { get; }

    /// <summary>Threads that somebody has suspended, in whatever state they are.</summary>
    public int Suspended { get; }

    /// <summary>Counts threads.</summary>
    public static ThreadStatistics Of(IReadOnlyList<ThreadFacts> threads)
    {
        Dictionary<(string State, string? Reason), (int Count, ThreadFacts? Longest)> counts = [];
        Dictionary<string, int> states = [];
        int suspended = 0;
        for (int i = 0; i < threads.Count; i++)
        {
            ThreadFacts thread = threads[i];
            suspended += thread.IsSuspended ? 1 : 0;
            states[thread.State] = states.GetValueOrDefault(thread.State) + 1;
            (int count, ThreadFacts? longest) = counts.GetValueOrDefault((thread.State, thread.WaitReason));
            if (thread.Age is { } age && !(longest?.Age >= age))
                longest = thread;
            counts[(thread.State, thread.WaitReason)] = (count + 1, longest);
        }
        List<ThreadStateCount> sorted = new(counts.Count);
        foreach (((string state, string? reason), (int count, ThreadFacts? longest)) in counts)
            sorted.Add(new ThreadStateCount(state, reason, count, longest));
        sorted.Sort((a, b) =>
        {
            int order = states[b.State].CompareTo(states[a.State]);
            order = order != 0 ? order : string.CompareOrdinal(a.State, b.State);
            order = order != 0 ? order : b.Count.CompareTo(a.Count);
            return order != 0 ? order : string.CompareOrdinal(a.Reason, b.Reason);
        });
        return new ThreadStatistics(sorted, suspended);
    }
}
