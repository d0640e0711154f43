using HangAnalysis.Model;

namespace HangAnalysis.Commands;

/// <summary>Sorts tables of threads by one of their columns; threads that are equal in it keep their order.</summary>
internal static class ThreadOrder
{
    /// <summary>The column of the function that waits, which has to be looked up.</summary>
    public const string FunctionColumn = "function";

    /// <summary>Columns by which can be sorted, as they are typed.</summary>
    public static IReadOnlyList<string> Columns { get; } =
        ["process", "pid", "thread", "id", "state", "time", "reason", FunctionColumn];

    /// <summary>
    /// The threads sorted: times from the longest, everything else from the smallest; what is not recorded comes last.
    /// </summary>
    /// <param name="threads">The threads.</param>
    /// <param name="column">One of <see cref="Columns"/>, in any case.</param>
    /// <param name="function">Tells the function that a thread waits in; asked once a thread, and only for that column.</param>
    public static IReadOnlyList<ThreadFacts> Sort(
        IReadOnlyList<ThreadFacts> threads, string column, Func<ThreadFacts, string?> function)
    {
        Comparison<ThreadFacts> compare = column.ToLowerInvariant() switch
        {
            "process" => static (a, b) => string.Compare(a.Process.Name, b.Process.Name, StringComparison.OrdinalIgnoreCase),
            "pid" => static (a, b) => a.Process.Id.CompareTo(b.Process.Id),
            "thread" => static (a, b) => a.Address.Value.CompareTo(b.Address.Value),
            "id" => static (a, b) => a.Id.CompareTo(b.Id),
            "state" => static (a, b) => string.CompareOrdinal(a.State, b.State),
            "time" => static (a, b) => Nullable.Compare(b.Age, a.Age),
            "reason" => static (a, b) => CompareKnown(a.WaitReason, b.WaitReason),
            FunctionColumn => ByFunction(threads, function),
            _ => throw new CommandUsageException($"'{column}' is no column; there are {string.Join(", ", Columns)}"),
        };
        int[] order = new int[threads.Count];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        Array.Sort(order, (i, j) => compare(threads[i], threads[j]) is var c && c != 0 ? c : i.CompareTo(j));
        return Array.ConvertAll(order, i => threads[i]);
    }

    private static Comparison<ThreadFacts> ByFunction(IReadOnlyList<ThreadFacts> threads, Func<ThreadFacts, string?> function)
    {
        Dictionary<ThreadFacts, string?> functions = new(threads.Count);
        foreach (ThreadFacts thread in threads)
            functions[thread] = function(thread);
        return (a, b) => CompareKnown(functions[a], functions[b]);
    }

    private static int CompareKnown(string? a, string? b) =>
        a is null || b is null ? (a is null).CompareTo(b is null) : string.CompareOrdinal(a, b);
}
