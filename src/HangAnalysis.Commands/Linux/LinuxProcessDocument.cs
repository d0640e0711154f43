using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary>Which parts of a process are shown.</summary>
/// <param name="WithThreads">All its threads, and not only those that are blocked.</param>
/// <param name="WithEnvironment">Its environment variables.</param>
internal sealed record LinuxProcessParts(bool WithThreads, bool WithEnvironment);

/// <summary>Arranges what is known of one process.</summary>
internal sealed class LinuxProcessDocument(
    CommandSession session, LinuxSystem system, LinuxProcessDetails details, Document document)
{
    private const int LabelWidth = 14, MostChildren = 12, MostThreads = 10;
    private const string None = ThreadCells.NotRecorded;

    private readonly ProcessFacts _process = details.Process;

    /// <summary>Adds the process to the document.</summary>
    public void Add(LinuxProcessParts parts)
    {
        document.Add(new TaskTable(system).OfProcesses([_process.Threads[0]]));
        document.Blank();
        AddProgram();
        AddFamily();
        AddUser();
        if (details.Memory is { } memory)
            AddMemory(memory);
        if (parts.WithEnvironment)
            AddEnvironment();
        document.Blank();
        AddThreads(parts.WithThreads);
        LinuxCommands.AddNext(document, [$"!t -p {_process.Address.Value:x16}", Links.CommandForStacks(_process),
            $"!p {_process.Address.Value:x16} -t"]);
    }

    private void AddProgram()
    {
        if (details.Leader.Thread.IsSystemThread)
        {
            Line("Kernel thread", details.Function is { } function ? function.Text : "its function is not known");
            return;
        }
        Line("Program", details.Program ?? None);
        Line("Command line", details.CommandLine ?? $"not known: {details.WhyNoProgram}");
        if (details.Directory is { } directory)
            Line("Directory", directory);
    }

    private void AddFamily()
    {
        ProcessFacts? parent = null;
        foreach (ProcessFacts other in system.Processes)
            if (other.Id == _process.ParentId && other.Id != 0)
                parent = other;
        Line("Parent", parent is null ? _process.FormatId(_process.ParentId)
            : new Span(parent.Title, Tone.Normal, Links.CommandFor(parent)));
        List<Span> children = [];
        int count = 0;
        foreach (ProcessFacts child in LinuxProcessCommand.ChildrenOf(_process, system))
            if (count++ < MostChildren)
                children.AddRange([children.Count > 0 ? ", " : "",
                    new Span(child.Title, Tone.Normal, Links.CommandFor(child))]);
        if (count > MostChildren)
            children.Add($" and {count - MostChildren:N0} more");
        if (count > 0)
            Line("Children", [.. children]);
        if (details.Leader.StartTime is { } start)
            Line("Started", $"{AgeText.Format(start)} after the system");
    }

    private void AddUser()
    {
        if (details.User is { } user)
            Line("User", Numbers("uid", user.User, user.EffectiveUser) + ", " +
                Numbers("gid", user.Group, user.EffectiveGroup));
        if (details.OpenFiles is { } files && !details.Leader.Thread.IsSystemThread)
            Line("Open files", $"{files:N0}");
        if (details.ControlGroup is { Length: > 1 } group)
            Line("Cgroup", group);
        if (details.OwnNamespaces is { Count: > 0 } own)
            Line("Namespaces", $"own: {string.Join(", ", own)}");
        if (details.Seccomp is > 0 and var mode)
            Line("Seccomp", mode == 2 ? "its system calls are filtered" : "strict: read, write, exit and sigreturn only");
        if (details.PendingSignals is > 0 and var pending)
            Line("Pending", SignalNames.List(pending));
        if (_process.IsEnding && !_process.HasExited)
            Line("State", "is ending");
        else if (_process.HasExited)
            Line("State", "has ended; its parent has not asked for it");
    }

    private static string Numbers(string name, uint real, uint effective) =>
        real == effective ? $"{name} {real}" : $"{name} {real}, effective {effective}";

    private void AddMemory(ProcessMemory memory)
    {
        document.Blank();
        document.Add(new Span("Memory", Tone.Strong));
        document.Add(new TableBlock(
            [
                Right("VSZ"), Right("Peak"), Right("RSS"), Right("Peak"), Right("Data"), Right("Code"), Right("Stack"),
                Right("Locked"),
                Right("Swapped"), Right("Page tables"), Right("Mappings"),
            ],
            [[
                Bytes(memory.Size.Virtual), Bytes(memory.VirtualPeak), Bytes(memory.Size.Resident),
                Bytes(memory.ResidentPeak),
                Bytes(memory.Data), Bytes(memory.Code), Bytes(memory.Stack), Bytes(memory.Locked), Bytes(memory.Swapped),
                Bytes(memory.PageTables), memory.Mappings is { } count ? $"{count:N0}" : None,
            ]]));
    }

    private void AddEnvironment()
    {
        document.Blank();
        document.Add(new Span("Environment", Tone.Strong), details.Environment is null
            ? $" not known: {details.WhyNoProgram ?? "it has none"}" : "");
        foreach (string variable in details.Environment ?? [])
            document.Add(new LineBlock([variable], [], 2, 4));
    }

    private void AddThreads(bool withAll)
    {
        List<ThreadFacts> threads = [.. _process.Threads.Where(t => withAll || t.State == "D" || t.Processor is not null)
            .OrderByDescending(t => t.State == "D").ThenByDescending(t => t.Age)];
        int blocked = _process.Threads.Count(t => t.State == "D");
        int running = _process.Threads.Count(t => t.Processor is not null);
        string count = ChainDocument.Count(_process.Threads.Count, "thread");
        document.Add(new Span($"{count}: {running:N0} on a CPU, {blocked:N0} in state UN (D)", Tone.Strong));
        int shown = withAll ? threads.Count : Math.Min(threads.Count, MostThreads);
        if (shown == 0)
            return;
        document.Add(new TableBlock(
            [
                new("PID", Align.Right), new("TASK"), new("CPU", Align.Right), new("ST"), new("Age", Align.Right),
                new("COMM", CanShrink: true), new("Waits for", CanShrink: true),
            ],
            threads.Take(shown).Select(Row)));
        if (shown < threads.Count)
            document.Add(new Span($"… {threads.Count - shown:N0} more: -t", Tone.Muted));
    }

    private IReadOnlyList<Span> Row(ThreadFacts thread)
    {
        TaskDetails task = system.GetDetails(thread);
        return
        [
            thread.IdText, Links.To(thread.Address), $"{task.Processor}", task.State, AgeText.Format(thread.Age), task.Name,
            ThreadCells.WaitOf(thread, session) is { } wait ? new Span($"{wait}", Tone.Normal, Links.CommandForWhy(thread))
                : "",
        ];
    }

    private static Column Right(string title) => new(title, Align.Right);

    private static Span Bytes(ulong? bytes) => ByteText.Format(bytes);

    private void Line(string label, params Span[] text) =>
        document.Add(new LineBlock([new Span($"{label}:".PadRight(LabelWidth + 1), Tone.Muted), .. text], [], 0,
            LabelWidth + 1));
}
