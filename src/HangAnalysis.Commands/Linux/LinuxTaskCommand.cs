using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary><c>!t</c>: tasks with their stacks, as <c>crash bt</c> shows them, and what they wait for.</summary>
internal sealed class LinuxTaskCommand : ICommand
{
    /// <summary>Tasks that are shown at once unless more are asked for.</summary>
    private const int MostTasks = 64;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "t",
        "shows a task as bt does: state, what it waits for with owners, locks, stack with registers, system call",
        "!t [TASK | PID | NAME] [-p PROCESS] [-n N] [-i] [-l N] [-v] [/json] [/q]",
        [
            new("p", "PROCESS", "all tasks of a process"),
            new("n", "N", $"at most N tasks; without it {MostTasks}"),
            new("i", null, "information only, no stack"),
            new("l", "N", "at most N frames of each stack"),
            new("v", null, "also the commands of crash that show what is said"),
            new("q", null, "the addresses of the tasks only"),
            new("json", null, "the same facts as JSON, and nothing else"),
        ],
        [("!t", "the tasks on processors, and all in state D (UN)"), ("!t 96", "one task, by its PID, address or name"),
            ("!t -p mysqld -l 5", "all threads of a program, five frames of each")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1 || (arguments.Words.Count == 1 && arguments.Has("p")))
            throw new CommandUsageException("!t: one task at a time, or -p for those of a process; see !t /?");
        LinuxSystem system = LinuxCommands.Require(session, Help.Name);
        int frames = arguments.Number("l", "frames") ?? int.MaxValue;
        if (frames == 0)
            throw new CommandUsageException("!t: -l 0 leaves no frame; -i shows the task without its stack");
        int most = arguments.Number("n", "tasks") ?? MostTasks;
        bool isOne = arguments.Words.Count == 1;
        IReadOnlyList<ThreadFacts> tasks = isOne ? [LinuxCommands.FindTask(session, arguments.Words[0])]
            : arguments.Value("p") is { } process ? [.. ProcessSearch.Find(session, process).SelectMany(p => p.Threads)]
            : [.. system.Threads.Where(t => t.Processor is not null).OrderBy(t => t.Processor),
                .. system.Threads.Where(t => t.State == "D" && t.Processor is null)];
        TaskParts parts = new(isOne, !arguments.Has("i"), arguments.Has("v"), frames);
        return new CommandOutput(Arrange(session, system, tasks, most, parts),
            () => JsonSerializer.Serialize(new LinuxTasksJson("hanganalysis-linux-t/1",
                [.. tasks.Take(most).Select(t => LinuxTaskJsonMapper.Map(session, system, t, parts.WithStack))],
                Math.Max(tasks.Count - most, 0)), ReportJsonContext.Default.LinuxTasksJson),
            [.. tasks.Select(t => t.Address.Value)]);
    }

    private static Document Arrange(
        CommandSession session, LinuxSystem system, IReadOnlyList<ThreadFacts> tasks, int most, TaskParts parts)
    {
        Document document = new();
        document.Add(new DeferredBlock(Blocks(session, system, tasks, most, parts)));
        return document;
    }

    private static IEnumerable<Block> Blocks(
        CommandSession session, LinuxSystem system, IReadOnlyList<ThreadFacts> tasks, int most, TaskParts parts)
    {
        bool isFirst = true;
        foreach (ThreadFacts task in tasks.Take(most))
        {
            if (session.Cancellation.IsCancellationRequested)
                yield break;
            if (!isFirst)
                yield return new BlankBlock();
            isFirst = false;
            Document one = new();
            new LinuxTaskDocument(session, system, task, one).Add(parts);
            foreach (Block block in one.Blocks)
                yield return block;
        }
        if (parts.WithDetails)
            yield break;
        yield return new BlankBlock();
        int running = tasks.Count(t => t.Processor is not null), blocked = tasks.Count(t => t.State == "D");
        string more = tasks.Count > most
            ? $"; {tasks.Count - most:N0} more are not shown: -n N, or grouped by stack with !us" : "";
        yield return new LineBlock([$"{ChainDocument.Count(tasks.Count, "task")}: " +
            $"{running:N0} on a CPU, {blocked:N0} in state UN (D){more}"], []);
    }
}
