using HangAnalysis.Model;

namespace HangAnalysis.Commands;

/// <summary>
/// The threads that a command is asked to show, by options that all commands on threads have in common: whose threads, and
/// which of them.
/// </summary>
internal sealed class ThreadSelection
{
    private ThreadSelection(IReadOnlyList<ThreadFacts> considered, IReadOnlyList<ThreadFacts> threads)
    {
        Considered = considered;
        Threads = threads;
    }

    /// <summary>The option for states, as most commands have it.</summary>
    public const string StateOption = "s";

    /// <summary>The option for the threads of one process.</summary>
    public static OptionHelp ProcessOption(CommandWords words) => new("p", "PROCESS",
        $"threads of one process, by its address, identifier or name; without an option: {(words.HasDebugger ? "the current process" : "all")}");

    /// <summary>Options that pick threads by what they do.</summary>
    public static IReadOnlyList<OptionHelp> FilterOptions(CommandWords words) =>
    [
        new("w", null, "threads that wait"),
        new("wr", "REASON", $"threads that wait for one of these reasons, such as {words.Reasons}"),
        new(StateOption, "STATE", $"threads in one of these states, such as {words.States}"),
        new("b", null, "threads that are blocked in the middle of an operation, not idle"),
    ];

    /// <summary>The threads among which was chosen.</summary>
    public IReadOnlyList<ThreadFacts> Considered { get; }

    /// <summary>The threads that were chosen, in list order.</summary>
    public IReadOnlyList<ThreadFacts> Threads { get; }

    /// <summary>Whether any option that picks threads was given.</summary>
    public static bool HasFilter(CommandArguments arguments, string state = StateOption) =>
        arguments.Has("w") || arguments.Has("wr") || arguments.Has(state) || arguments.Has("b");

    /// <summary>Chooses among the threads of <c>-p</c>, of the whole system, or of the current process.</summary>
    /// <param name="session">The dump.</param>
    /// <param name="arguments">The options.</param>
    /// <param name="all">The command's option for the whole system: <c>k</c> or <c>a</c>.</param>
    /// <param name="process">A process that the command was given as a word; null where none was.</param>
    /// <param name="state">The command's option for states.</param>
    public static ThreadSelection Of(CommandSession session, CommandArguments arguments, string all,
        ProcessFacts? process = null, string state = StateOption)
    {
        IReadOnlyList<ThreadFacts> considered =
            process is not null ? process.Threads
            : arguments.Value("p") is { } named ? session.FindProcess(named).Threads
            : arguments.Has(all) ? session.System.Threads
            : session.CurrentThreads;
        return Among(session, arguments, considered, state);
    }

    /// <summary>Chooses among given threads.</summary>
    public static ThreadSelection Among(
        CommandSession session, CommandArguments arguments, IReadOnlyList<ThreadFacts> considered, string state = StateOption)
    {
        if (!HasFilter(arguments, state))
            return new ThreadSelection(considered, considered);
        HashSet<string>? reasons = Names(arguments, "wr", session.WaitReasonNames, "wait reason");
        HashSet<string>? states = Names(arguments, state, session.ThreadStateNames, "state");
        bool onlyWaiting = arguments.Has("w");
        bool onlyBlocked = arguments.Has("b");
        List<ThreadFacts> chosen = [];
        foreach (ThreadFacts thread in considered)
            if ((!onlyWaiting || thread.Activity == ThreadActivity.Waiting)
                && (!onlyBlocked || thread.Role == WaitRole.Blocked)
                // The reason of a thread that does not wait is that of an earlier wait.
                && (reasons is null || (thread.WaitReason is { } reason && reasons.Contains(reason)))
                && (states is null || states.Contains(thread.State)))
                chosen.Add(thread);
        return new ThreadSelection(considered, chosen);
    }

    /// <summary>The names of an option's list, in any case; null where the option was not given.</summary>
    private static HashSet<string>? Names(CommandArguments arguments, string option, IReadOnlyList<string> known, string kind)
    {
        if (arguments.Value(option) is not { } list)
            return null;
        HashSet<string> names = new(StringComparer.OrdinalIgnoreCase);
        foreach (string name in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!known.Contains(name, StringComparer.OrdinalIgnoreCase))
                throw new CommandUsageException($"!{arguments.Name}: '{name}' is no {kind}{Resembling(name, known)}");
            names.Add(name);
        }
        return names;
    }

    /// <summary>Names that hold what was typed, or all of a short list.</summary>
    private static string Resembling(string name, IReadOnlyList<string> known)
    {
        const int MostNames = 12;
        List<string> alike = [.. known.Where(k => k.Contains(name, StringComparison.OrdinalIgnoreCase)).Take(MostNames)];
        if (alike.Count == 0 && known.Count <= MostNames)
            alike = [.. known];
        return alike.Count == 0 ? "" : $"; there are {string.Join(", ", alike)}";
    }
}
