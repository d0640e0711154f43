using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!p</c>: everything about one process.</summary>
internal sealed class ProcessCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "p",
        "shows one process: parent, user, command line, memory, main thread, what blocks it",
        "!p [PROCESS | NAME] [-p PID] [-t] [-z] [/json] [/q]",
        [
            new("p", "PID", "the process with this identifier, in hexadecimal or after 0n in decimal"),
            new("t", null, "its threads, too; with /q their addresses"),
            new("z", null, "with -t: also threads that have ended"),
            .. CommandHelp.ListingOptions,
        ],
        [("!p", "the current process"), ("!p ffffab06b8137800", "one process, by its address or identifier"),
            ("!p explorer", "by name; where several have it, a list"), ("!p -p 0n3100 -t", "by identifier, with its threads")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1 || (arguments.Words.Count == 1 && arguments.Has("p")))
            throw new CommandUsageException("!p: one process at a time; see !p /?");
        WindowsSystem system = session.RequireWindows(Help.Name);
        IReadOnlyList<ProcessFacts> processes = Choose(session, arguments);
        bool withThreads = arguments.Has("t"), withEnded = arguments.Has("z");
        List<ProcessView> views = [.. processes.Select(p => new ProcessView(p, session, withThreads, withEnded))];
        return new CommandOutput(views.Count == 1 ? ProcessDocument.Of(views[0]) : ProcessDocument.List(views),
            () => JsonSerializer.Serialize(new ProcessesJson("hanganalysis-p/1", [.. views.Select(v => v.ToJson())]),
                ReportJsonContext.Default.ProcessesJson),
            withThreads
                ? [.. views.SelectMany(v => v.ListedThreads).Select(t => t.Address.Value)]
                : [.. processes.Select(p => p.Address.Value)]);
    }

    private static IReadOnlyList<ProcessFacts> Choose(CommandSession session, CommandArguments arguments)
    {
        WindowsSystem system = session.Windows;
        if (arguments.Value("p") is { } number)
        {
            ulong id = session.ParseAddress(number);
            return [system.Processes.FirstOrDefault(p => p.Id == id)
                ?? throw new CommandUsageException($"!p: no process has the identifier {ProcessCells.BothIds(id)}")];
        }
        if (arguments.Words.Count == 0)
            return [session.DefaultProcess
                ?? throw new CommandUsageException("!p: the dump has no current process; name one, as in !p explorer")];
        string word = arguments.Words[0];
        if (ProcessSearch.TryFind(session, word) is { Count: > 0 } found)
            return found;
        return ProcessCells.WithPart(word, system) is { Count: > 0 } alike ? alike : ProcessSearch.Find(session, word);
    }
}

/// <summary>One process with what is looked up to show it, each when it is asked for.</summary>
internal sealed class ProcessView
{
    private readonly bool _withThreads;
    private ProcessDetails? _details;
    private ProgramDetails? _program;
    private ParentFacts? _parent;

    public ProcessView(ProcessFacts process, CommandSession session, bool withThreads, bool withEnded)
    {
        (Process, Session, _withThreads) = (process, session, withThreads);
        ListedThreads = !withThreads ? [] : [.. process.Threads.Where(t => withEnded || !t.HasExited)];
        Activity = ProcessActivity.Of(process, session.System);
    }

    public ProcessFacts Process { get; }

    public CommandSession Session { get; }

    public WindowsSystem System => Session.Windows;

    public ProcessActivity Activity { get; }

    public IReadOnlyList<ThreadFacts> ListedThreads { get; }

    public bool ShowsThreads => _withThreads;

    public ProcessDetails Details => _details ??= System.GetDetails(Process);

    public ProgramDetails Program => _program ??= System.GetProgram(Process);

    public ParentFacts Parent => _parent ??= System.FindParent(Process);

    /// <summary>The main thread of a program; the kernel's own processes have none.</summary>
    public MainThreadFacts? MainThread => Process.EnvironmentBlock == 0 ? null : System.FindMainThread(Process);

    /// <summary>What the process is at: one word for programs.</summary>
    public string State => Process.HasExited ? "exited" : Process.IsEnding ? "ending" : Process.IsFrozen ? "frozen" : "active";

    public ProcessJson ToJson()
    {
        MainThreadFacts? main = MainThread;
        ThreadFacts? blocked = Activity.LongestBlocked;
        return new ProcessJson(
            VerdictJsonMapper.Hex(Process.Address.Value), Process.Name, System.DescribeHosted(Process), Process.Is32Bit,
            Process.SessionId, Process.Id, Process.ParentId, ToJson(Parent),
            Process.EnvironmentBlock == 0 ? null : VerdictJsonMapper.Hex(Process.EnvironmentBlock),
            ProcessCells.ToJson(Details.CreateTime), ProcessCells.ToJson(Details.ExitTime),
            Details.ExitStatus is { } status ? $"0x{status:x8}" : null, State, Program.Modules, Details.Handles, Activity.Threads,
            Activity.Ended, new UserJson(Details.Account?.Id, Details.Account?.Name, Program.EnvironmentUser),
            Program.CommandLine, Details.ImagePath, Program.ImagePath, ProcessCells.ToJson(Details.Memory),
            Details.PriorityClass, Details.BasePriority, Details.Protection,
            Process.Group == 0 ? null
                : new JobJson(VerdictJsonMapper.Hex(Process.Group), Details.GroupId, Details.GroupProcesses),
            main is null ? null : new MainThreadJson(VerdictJsonMapper.Hex(main.Thread.Address.Value), main.Thread.Id,
                main.Function, main.Thread.State, VerdictJsonMapper.Age(main.Thread.Age), ThreadCells.WaitOf(main.Thread, Session)?.ToString()),
            new BlockedJson(Activity.Blocked, blocked is null ? null : VerdictJsonMapper.Hex(blocked.Address.Value),
                blocked is null ? null : VerdictJsonMapper.Age(blocked.Age),
                blocked is null ? null : ThreadCells.WaitOf(blocked, Session)?.ToString()),
            ShowsThreads
                ? [.. ListedThreads.Select(t => new ProcessThreadJson(VerdictJsonMapper.Hex(t.Address.Value), t.Id, t.State,
                    VerdictJsonMapper.Age(t.Age), t.WaitReason, t.IsSuspended))]
                : null,
            Program.WhyMissing);
    }

    private static ParentJson? ToJson(ParentFacts parent) => (parent.Process ?? parent.Successor) is { } process
        ? new ParentJson(VerdictJsonMapper.Hex(process.Address.Value), process.Name, parent.Process is null)
        : null;
}
