using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary><c>!lt</c> and <c>!tl</c>: tasks, or processes, with the columns of <c>crash ps</c>.</summary>
internal sealed class TaskListCommand : ICommand
{
    private const ulong Kilobyte = 1024;

    private readonly bool _isOfProcesses;

    private TaskListCommand(bool isOfProcesses, CommandHelp help) => (_isOfProcesses, Help) = (isOfProcesses, help);

    /// <summary><c>!lt</c>: all tasks.</summary>
    public static TaskListCommand OfTasks { get; } = new(false, new CommandHelp(CommandCategories.Threads, "lt",
        "lists tasks as ps does: CPU, state, memory, time since they ran, and the function they wait in",
        "!lt [NAME | PID] [-s STATE] [-p PROCESS] [-k | -u] [-m | -g] [/json] [/q]",
        [
            .. TaskSelection.Options, new("g", null, "threads below the leaders of their groups, marked as such"),
            .. CommandHelp.ListingOptions,
        ],
        [("!lt", "all tasks; > marks those on a CPU"), ("!lt -s D -m",
            "those that cannot be interrupted, the longest at the end"),
            ("!lt kworker", "those with that in their name")]));

    /// <summary><c>!tl</c>: all processes.</summary>
    public static TaskListCommand OfProcesses { get; } = new(true, new CommandHelp(CommandCategories.Threads, "tl",
        "lists processes as ps does, with their threads, how many of them are in state UN, and for how long",
        "!tl [NAME | PID] [-s STATE] [-p PROCESS] [-k | -u] [-m] [/json] [/q]",
        [.. TaskSelection.Options, .. CommandHelp.ListingOptions],
        [("!tl -u", "all programs"), ("!tl java", "those with that in their name")]));

    /// <inheritdoc/>
    public CommandHelp Help { get; }

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException($"!{Help.Name}: one name or PID at a time; see !{Help.Name} /?");
        if (arguments.Has("m") && arguments.Has("g"))
            throw new CommandUsageException("!lt: -m sorts, and -g keeps the order of the groups; see !lt /?");
        LinuxSystem system = LinuxCommands.Require(session, Help.Name);
        IReadOnlyList<ThreadFacts> all = _isOfProcesses ? Leaders(system)
            : arguments.Has("g") ? [.. system.Processes.SelectMany(p => p.Threads)] : system.Threads;
        TaskSelection selection = TaskSelection.Among(session, system, arguments, all);
        return new CommandOutput(Arrange(selection, system, arguments.Has("g")),
            () => JsonSerializer.Serialize(ToJson(selection, system), ReportJsonContext.Default.TaskListJson),
            [.. selection.Tasks.Select(t => t.Address.Value)]);
    }

    /// <summary>The first task of each process: its leader, or who is left where the leader has ended.</summary>
    private static List<ThreadFacts> Leaders(LinuxSystem system)
    {
        List<ThreadFacts> leaders = new(system.Processes.Count);
        foreach (ProcessFacts process in system.Processes)
            if (process.Threads.Count > 0)
                leaders.Add(process.Threads[0]);
        return leaders;
    }

    private Document Arrange(TaskSelection selection, LinuxSystem system, bool isGrouped)
    {
        Document document = new();
        TaskTable table = new(system);
        if (selection.Tasks.Count > 0)
            document.Add(_isOfProcesses ? table.OfProcesses(selection.Tasks)
                : table.OfTasks(selection.Tasks, isGrouped)).Blank();
        string of = selection.Tasks.Count == selection.Considered ? "" : $" of {selection.Considered:N0}";
        string kind = _isOfProcesses ? "process" : "task", plural = _isOfProcesses ? "processes" : "tasks";
        List<Span> line = [new Span($"{selection.Tasks.Count:N0}{of} {(selection.Considered == 1 ? kind : plural)}",
            Tone.Strong)];
        foreach ((string state, int count) in States(selection.Tasks))
            line.Add($"{(line.Count == 1 ? ": " : ", ")}{state} {count:N0}");
        ThreadFacts? oldest = null;
        foreach (ThreadFacts task in selection.Tasks)
            if (task.State == "D" && (oldest is null || task.Age > oldest.Age))
                oldest = task;
        if (oldest is not null)
            line.AddRange(["; the longest in UN ", AgeText.Format(oldest.Age), ": ",
                new Span($"{system.GetDetails(oldest).Name} {oldest.IdText}", Tone.Normal, Links.CommandForWhy(oldest))]);
        document.Add(new LineBlock(line, [], 0, 2));
        if (system.WasInterrupted)
            document.Add(new Span("interrupted: there may be more", Tone.Caution));
        return document;
    }

    /// <summary>How many are in which state, most first.</summary>
    private static IEnumerable<(string State, int Count)> States(IReadOnlyList<ThreadFacts> tasks)
    {
        Dictionary<string, int> counts = [];
        foreach (ThreadFacts task in tasks)
            counts[task.State] = counts.GetValueOrDefault(task.State) + 1;
        return counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal)
            .Select(c => (TaskState.CrashLetters(c.Key), c.Value));
    }

    private TaskListJson ToJson(TaskSelection selection, LinuxSystem system)
    {
        TaskTable table = new(system);
        List<ListedTaskJson> tasks = new(selection.Tasks.Count);
        foreach (ThreadFacts task in selection.Tasks)
        {
            TaskDetails details = system.GetDetails(task);
            tasks.Add(new ListedTaskJson(task.Processor is not null, task.Id, task.Process.Id, task.Process.ParentId,
                details.Processor,
                VerdictJsonMapper.Hex(task.Address.Value), details.State, task.State,
                system.MemoryUse.PercentOf(details.Memory) is { } percent ? Math.Round(percent, 1) : null,
                details.Memory?.Virtual / Kilobyte ?? 0, details.Memory?.Resident / Kilobyte ?? 0,
                VerdictJsonMapper.Age(task.Age),
                VerdictJsonMapper.Age(details.OwnAge), details.Name, task.IsSystemThread,
                _isOfProcesses ? task.Process.Threads.Count : null, _isOfProcesses ? null : table.WaitFunction(task)));
        }
        return new TaskListJson($"hanganalysis-linux-{Help.Name}/1", tasks, selection.Considered,
            States(selection.Tasks).ToDictionary(s => s.State, s => s.Count));
    }
}
