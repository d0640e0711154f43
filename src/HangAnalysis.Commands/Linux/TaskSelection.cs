using HangAnalysis.Linux;
using HangAnalysis.Model;

namespace HangAnalysis.Commands.Linux;

/// <summary>Which tasks a list is of.</summary>
/// <param name="Tasks">The chosen ones.</param>
/// <param name="Considered">Among how many they were chosen.</param>
internal sealed record TaskSelection(IReadOnlyList<ThreadFacts> Tasks, int Considered)
{
    /// <summary>States as ps and as crash write them.</summary>
    private static readonly string[] s_letters = ["R", "S", "D", "I", "T", "t", "Z", "X"];

    /// <summary>The options by which a list is narrowed.</summary>
    public static IReadOnlyList<OptionHelp> Options { get; } =
    [
        new("s", "STATE", "only these states, as ps or crash write them: D,R or UN,RU"),
        new("p", "PROCESS", "only those of a process: PID, address or name"),
        new("k", null, "only threads of the kernel"),
        new("u", null, "only those of programs"),
        new("m", null, "sorted by the time since they last ran, the last to run first, as ps -m"),
    ];

    /// <summary>Chooses among tasks; throws <see cref="CommandUsageException"/> for states that there are not.</summary>
    public static TaskSelection Among(CommandSession session, LinuxSystem system, CommandArguments arguments,
        IReadOnlyList<ThreadFacts> all)
    {
        if (arguments.Has("k") && arguments.Has("u"))
            throw new CommandUsageException($"!{arguments.Name}: -k and -u leave no task; see !{arguments.Name} /?");
        HashSet<string>? states = States(arguments);
        HashSet<ProcessFacts>? processes = arguments.Value("p") is { } named ? [.. ProcessSearch.Find(session, named)]
            : null;
        string? name = arguments.Words.Count == 0 ? null : arguments.Words[0];
        ulong id = 0;
        bool isId = name is not null
            && (system.Words.TryParseId(name, out id) || (CommandArguments.TryParseAddress(name, out id)
                && id > uint.MaxValue));
        List<ThreadFacts> chosen = [];
        foreach (ThreadFacts task in all)
            if ((states is null || states.Contains(task.State)) && (processes is null || processes.Contains(task.Process))
                && (!arguments.Has("k") || task.IsSystemThread) && (!arguments.Has("u") || !task.IsSystemThread)
                && (name is null || (isId ? IsIt(task, id)
                    : system.GetDetails(task).Name.Contains(name, StringComparison.OrdinalIgnoreCase))))
                chosen.Add(task);
        if (arguments.Has("m"))
            SortByAge(chosen);
        return new TaskSelection(chosen, all.Count);
    }

    private static bool IsIt(ThreadFacts task, ulong id) =>
        task.Id == id || task.Process.Id == id || task.Address.Value == id || task.Process.Address.Value == id;

    private static HashSet<string>? States(CommandArguments arguments)
    {
        if (arguments.Value("s") is not { } list)
            return null;
        HashSet<string> states = [];
        foreach (string word in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            states.Add(Array.Find(s_letters, s => s == word)
                ?? Array.Find(s_letters, s => TaskState.CrashLetters(s).Equals(word, StringComparison.OrdinalIgnoreCase))
                ?? Array.Find(s_letters, s => s.Equals(word, StringComparison.OrdinalIgnoreCase))
                ?? throw new CommandUsageException($"!{arguments.Name}: '{word}' is no state; there are " +
                    string.Join(", ", s_letters.Select(s => $"{s} ({TaskState.CrashLetters(s)})"))));
        return states;
    }

    // Stable; what has never run comes last.
    private static void SortByAge(List<ThreadFacts> tasks)
    {
        ThreadFacts[] sorted = [.. tasks.OrderBy(t => t.Age ?? TimeSpan.MaxValue)];
        tasks.Clear();
        tasks.AddRange(sorted);
    }
}
