using System.Globalization;
using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary>Tables of tasks and of processes with the columns of <c>crash ps</c>.</summary>
internal sealed class TaskTable(LinuxSystem system)
{
    private const ulong Kilobyte = 1024;

    /// <summary>The columns that both tables have.</summary>
    private static readonly Column[] s_first =
    [
        new(""), new("PID", Align.Right), new("PPID", Align.Right), new("CPU", Align.Right), new("TASK"), new("ST"),
        new("%MEM", Align.Right), new("VSZ", Align.Right), new("RSS", Align.Right),
    ];

    /// <summary>A table of tasks.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="isGrouped">Whether threads are marked as such below their leaders.</param>
    public TableBlock OfTasks(IReadOnlyList<ThreadFacts> tasks, bool isGrouped) => new(
        [.. s_first, new("Age", Align.Right), new("COMM", CanShrink: true), new("Waits in", CanShrink: true)],
        tasks.Select(t => TaskRow(t, isGrouped)));

    /// <summary>A table of processes, by their leaders.</summary>
    public TableBlock OfProcesses(IReadOnlyList<ThreadFacts> leaders) => new(
        [.. s_first, new("Thr", Align.Right), new("UN", Align.Right), new("Oldest", Align.Right),
            new("COMM", CanShrink: true)],
        leaders.Select(ProcessRow));

    /// <summary>Part of memory in percent with one decimal, as crash cuts it: rounded.</summary>
    public static string Percent(double? percent) => percent is { } value
        ? value.ToString("0.0", CultureInfo.InvariantCulture) : "-";

    /// <summary>The function that a task waits in; null where it does not wait.</summary>
    public string? WaitFunction(ThreadFacts task) => system.FindWaitFunction(task).Function;

    private IReadOnlyList<Span> TaskRow(ThreadFacts task, bool isGrouped)
    {
        TaskDetails details = system.GetDetails(task);
        bool isThread = task.Id != task.Process.Id;
        return
        [
            .. First(task, details, task.Processor is not null),
            LinuxSystem.IsIdleTask(task) ? "-" : AgeText.Format(task.Age),
            new Span((isGrouped && isThread ? "└─ " : "") + LinuxCommands.Command(details), Tone.Normal,
                Links.CommandFor(task.Process)),
            WaitFunction(task) ?? "",
        ];
    }

    private IReadOnlyList<Span> ProcessRow(ThreadFacts leader)
    {
        TaskDetails details = system.GetDetails(leader);
        ProcessFacts process = leader.Process;
        ThreadFacts? oldest = null;
        int blocked = 0;
        foreach (ThreadFacts thread in process.Threads)
        {
            if (thread.State != "D")
                continue;
            blocked++;
            if (oldest is null || thread.Age > oldest.Age)
                oldest = thread;
        }
        return
        [
            .. First(leader, details, process.Threads.Any(t => t.Processor is not null)), $"{process.Threads.Count}",
            blocked == 0 ? "." : $"{blocked}",
            oldest is null ? "." : new Span(AgeText.Format(oldest.Age), Tone.Normal, Links.CommandForWhy(oldest)),
            new Span(LinuxCommands.Command(details), Tone.Normal, Links.CommandFor(process)),
        ];
    }

    private IEnumerable<Span> First(ThreadFacts task, TaskDetails details, bool isOnCpu) =>
    [
        isOnCpu ? ">" : "", task.IdText, task.Process.FormatId(task.Process.ParentId), $"{details.Processor}",
        Links.To(task.Address),
        details.State, Percent(system.MemoryUse.PercentOf(details.Memory)), $"{details.Memory?.Virtual / Kilobyte ?? 0}",
        $"{details.Memory?.Resident / Kilobyte ?? 0}",
    ];
}
