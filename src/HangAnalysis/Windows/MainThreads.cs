using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Finds the thread that people mean by the main thread of a process.</summary>
internal static class MainThreads
{
    /// <summary>
    /// The thread whose stack has the program's main function, or the start-up code that calls it; else the oldest thread that
    /// is still there, which tells by itself that no function was found. Null where no thread is left.
    /// </summary>
    public static MainThreadFacts? Find(WindowsSystem system, ProcessFacts process)
    {
        List<(ThreadFacts Thread, DateTimeOffset? Created)> threads = [];
        foreach (ThreadFacts thread in process.Threads)
            if (!thread.HasExited)
                threads.Add((thread, system.GetDetails(thread).CreateTime));
        if (threads.Count == 0)
            return null;
        // Stable: the kernel appends to its list, so that equal and unknown times keep the order of creation.
        (ThreadFacts Thread, DateTimeOffset? Created)[] byAge =
            [.. threads.OrderBy(t => t.Created ?? DateTimeOffset.MaxValue)];
        HashSet<int> seen = [];
        foreach ((ThreadFacts thread, _) in byAge)
        {
            if (system.Session.Cancellation.IsCancellationRequested)
                break;
            // Hundreds of workers share a few stacks: each is named once.
            HashCode hash = default;
            foreach (ulong frame in system.GetRawStack(thread).Frames)
                hash.Add(frame);
            if (seen.Add(hash.ToHashCode()) && MainFunction(system.GetStack(thread)) is { } function)
                return new MainThreadFacts(thread, function);
        }
        return new MainThreadFacts(byAge[0].Thread, null);
    }

    private static string? MainFunction(StackFacts stack)
    {
        string? startup = null;
        for (int i = stack.Frames.Count - 1; i >= 0; i--)
        {
            if (stack.Frames[i] is not { Module.IsUserMode: true, Symbol: { } symbol } frame)
                continue;
            if (symbol is "main" or "wmain" || symbol.EndsWith("WinMain", StringComparison.Ordinal))
                return frame.Function;
            if (symbol.EndsWith("ainCRTStartup", StringComparison.Ordinal)
                || symbol.StartsWith("__scrt_common_main", StringComparison.Ordinal) || symbol == "__tmainCRTStartup")
                startup ??= frame.Function;
        }
        return startup;
    }
}
