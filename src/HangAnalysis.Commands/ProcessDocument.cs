using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges what <c>!p</c> shows.</summary>
internal static class ProcessDocument
{
    /// <summary>Columns before the text of a labelled line.</summary>
    private const int LabelWidth = 14;

    private const int EnvironmentBlockColumn = 5;

    /// <summary>Characters of a command line that are shown: some hold whole scripts.</summary>
    private const int LongestCommandLine = 2048;

    private static readonly IReadOnlyList<Column> s_listColumns =
    [
        new("Name", CanShrink: true), new("Address"), new("Ses", Align.Right), new("PID"), new("Parent"),
        new("Mods", Align.Right), new("Handle", Align.Right), new("Thrd", Align.Right), new("User", CanShrink: true),
    ];

    /// <summary>One process has its environment block in the row, too; names of several need that room.</summary>
    private static readonly IReadOnlyList<Column> s_columns =
        [.. s_listColumns.Take(EnvironmentBlockColumn), new("PEB"), .. s_listColumns.Skip(EnvironmentBlockColumn)];

    /// <summary>Several processes: a row for each.</summary>
    public static Document List(IReadOnlyList<ProcessView> views)
    {
        Document document = new();
        document.Add(new TableBlock(s_listColumns, views.Select(v => (IReadOnlyList<Span>)Row(v))));
        document.Blank();
        return document.Add($"{views.Count:N0} processes have this name; !p ADDRESS shows one of them");
    }

    /// <summary>One process with everything that is known of it.</summary>
    public static Document Of(ProcessView view)
    {
        Document document = new();
        List<Span> row = Row(view);
        row.Insert(EnvironmentBlockColumn, view.Process.EnvironmentBlock == 0
            ? ThreadCells.NotRecorded
            : $"{view.Process.EnvironmentBlock:x16}");
        document.Add(new TableBlock(s_columns, [row]));
        document.Blank();
        AddOrigin(document, view);
        document.Blank();
        document.Add(new Span("Memory", Tone.Strong));
        document.Add(Memory(view.Details.Memory));
        document.Blank();
        AddThreads(document, view);
        AddLinks(document, view.Process, view.System);
        if (view.ShowsThreads)
            AddThreadTable(document, view);
        return document;
    }

    private static List<Span> Row(ProcessView view)
    {
        ProcessFacts process = view.Process;
        return
        [
            new Span(ProcessCells.NameOf(process, view.System), Tone.Normal, Links.CommandFor(process)),
            new Span($"{process.Address.Value:x16}", Tone.Normal, $"!process {process.Address.Value:x16} 1"),
            ProcessCells.Session(process), ProcessCells.BothIds(process.Id),
            new Span(ProcessCells.BothIds(process.ParentId), Tone.Normal,
                view.Parent.Process is { } parent ? Links.CommandFor(parent) : null),
            Number(view.Program.Modules), Number(view.Details.Handles), $"{view.Activity.Threads:N0}", User(view),
        ];
    }

    private static void AddOrigin(Document document, ProcessView view)
    {
        ProcessDetails details = view.Details;
        ProgramDetails program = view.Program;
        Add(document, "Command line", CommandLine(program));
        string image = details.ImagePath ?? program.ImagePath ?? ThreadCells.NotRecorded;
        Add(document, "Image", view.Process.Is32Bit ? $"{image}, a 32-bit program" : image);
        string age = details.CreateTime is { } created && view.Session.Description.Time is { } now && now >= created
            ? $", {AgeText.Format(now - created)} before the dump" : "";
        Add(document, "Created", TimeText.Format(details.CreateTime) + age);
        Add(document, "Parent", Parent(view));
        Add(document, "User", Account(view));
        Add(document, "State", State(view));
        string priority = details.PriorityClass is { } name ? $"class {name}, " : "";
        Add(document, "Priority", details.BasePriority is { } number ? $"{priority}base {number}" : ThreadCells.NotRecorded);
        if (details.Protection is { } protection)
            Add(document, "Protection", protection);
        if (view.Process.Group != 0)
        {
            string id = details.GroupId is { } jobId ? $", number {jobId}" : "";
            string members = details.GroupProcesses is { } count ? $", {count:N0} running process(es)" : "";
            string job = $"{view.Process.Group:x16}";
            Add(document, "Job", new Span(job, Tone.Normal, $"dt nt!_EJOB 0x{job}"), id + members);
        }
        if (program.WhyMissing is { } why && view.Process.EnvironmentBlock != 0)
            Add(document, "Not known", $"command line, environment and images: {why}");
        if (details.WhyNoHandles is { } whyNoHandles)
            Add(document, "Not known", $"handles: {whyNoHandles}");
    }

    private static string CommandLine(ProgramDetails program) => program.CommandLine is not { } line
        ? ThreadCells.NotRecorded
        : line.Length <= LongestCommandLine
            ? line
            : $"{line[..LongestCommandLine]}… ({line.Length:N0} characters; see /json)";

    private static IReadOnlyList<Span> Parent(ProcessView view)
    {
        ProcessFacts process = view.Process;
        if (view.Parent.Process is { } parent)
            return [new Span($"{parent.Name} {ProcessCells.BothIds(parent.Id)}", Tone.Normal, Links.CommandFor(parent)),
                parent.HasExited ? ", which has exited and is still listed" : ", still there"];
        if (process.ParentId == 0)
            return ["none: the system made it"];
        string gone = $"{ProcessCells.BothIds(process.ParentId)}, no longer there";
        return view.Parent.Successor is { } successor
            ? [$"{gone}; its identifier now is that of ", new Span(successor.Name, Tone.Normal, Links.CommandFor(successor)),
                ", which is younger"]
            : [gone];
    }

    /// <summary>The user in one cell: a well-known account, else what the environment says, else the identifier.</summary>
    private static string User(ProcessView view)
    {
        if (view.Details.Account?.Name is { } name)
            return name[(name.LastIndexOf('\\') + 1)..];
        return view.Program.EnvironmentUser is { } told
            ? $"{told} (env)"
            : view.Details.Account?.Id ?? ThreadCells.NotRecorded;
    }

    private static string Account(ProcessView view)
    {
        string account = view.Details.Account is not { } known ? "token not recorded"
            : known.Name is { } name ? $"{known.Id} {name}" : known.Id;
        return view.Program.EnvironmentUser is { } told
            && !told.Equals(view.Details.Account?.Name, StringComparison.OrdinalIgnoreCase)
            ? $"{account}; {told} by its environment, which is what it was told and no proof"
            : account;
    }

    private static string State(ProcessView view)
    {
        int threads = view.Activity.Threads;
        if (view.Process.HasExited)
        {
            string when = view.Details.ExitTime is { } time ? $" at {TimeText.Format(time)}" : "";
            string how = view.Details.ExitStatus is { } status ? $" with status 0x{status:x8}" : "";
            return $"has exited{when}{how}; somebody still refers to its object";
        }
        if (view.Process.IsEnding)
            return $"ending: somebody has asked for its end, and {ChainDocument.Count(threads, "thread")} " +
                $"{(threads == 1 ? "is" : "are")} still there";
        return view.Process.IsFrozen
            ? "frozen: the system keeps its threads from running, as it does with applications in the background"
            : "active";
    }

    private static TableBlock Memory(MemoryUse use)
    {
        (string Title, ulong? Bytes)[] figures =
        [
            ("VM", use.Virtual), ("Peak", use.VirtualPeak), ("Work Set", use.WorkingSet), ("Peak", use.WorkingSetPeak),
            ("Commit Size", use.Committed), ("Peak", use.CommittedPeak), ("PP Quota", use.PagedQuota),
            ("NPP Quota", use.NonPagedQuota),
        ];
        return new TableBlock([.. figures.Select(f => new Column(f.Title, Align.Right))],
            [[.. figures.Select(f => (Span)ByteText.Format(f.Bytes))]], 4);
    }

    private static void AddThreads(Document document, ProcessView view)
    {
        Analysis.ProcessActivity activity = view.Activity;
        List<string> states = [];
        foreach ((int count, string state) in (ReadOnlySpan<(int, string)>)
        [
            (activity.Running, "running"), (activity.Ready, "ready"), (activity.OnLocks, "on locks"),
            (activity.OnReplies, "on LPC replies"), (activity.OnRequests, "on I/O"), (activity.OnMemory, "on memory"),
            (activity.Suspended, "suspended"),
        ])
            if (count > 0)
                states.Add($"{count:N0} {state}");
        Add(document, "Threads", $"{activity.Threads:N0}{(states.Count == 0 ? "" : $": {string.Join(", ", states)}")}" +
            (activity.Ended == 0 ? "" : $"; {activity.Ended:N0} more ended and still listed"));
        MainThreadFacts? main = view.MainThread;
        if (main is not null)
        {
            string by = main.Function ?? "the oldest; no main function is on a stack that could be read";
            Add(document, "Main thread",
                [Links.To(main.Thread.Address),
                    $" {main.Thread.ClientId}  {by}  {main.Thread.State} {AgeText.Format(main.Thread.Age)}",
                    .. WaitsFor(main.Thread, view)]);
        }
        if (activity.Blocked == 0)
        {
            Add(document, "Blocked", "no thread is blocked in the middle of an operation");
            return;
        }
        List<Span> blocked = [ChainDocument.Count(activity.Blocked, "thread")];
        if (activity.LongestBlocked is { } longest)
        {
            bool isMain = longest == main?.Thread;
            blocked.AddRange([$", the longest {AgeText.Format(longest.Age)}{(isMain ? ", the main thread" : "")}: ",
                Link(Links.CommandForWhy(longest)), .. isMain ? [] : WaitsFor(longest, view)]);
        }
        Add(document, "Blocked", blocked);
    }

    private static IEnumerable<Span> WaitsFor(ThreadFacts thread, ProcessView view) =>
        ThreadCells.WaitOf(thread, view.Session) is { } wait ? ["  waits for ", .. Links.ToSpans(wait, view.System)] : [];

    private static void AddLinks(Document document, ProcessFacts process, ISystemFacts system)
    {
        string address = $"{process.Address.Value:x16}";
        Span threads = Link($"!lt {address}"), stacks = Link($"!us -p {address}");
        Add(document, "Show", "threads ", threads, " · unique stacks ", stacks);
        // A small dump holds the thread that crashed and nothing that it is connected to.
        Add(document, "", system is { HoldsThreads: true, Words.PortCommand: not null }
            ? ["LPC port information ", Link($"!lpcports {address}"), " · ", Link($"!process {address} 7")]
            : [Link($"!process {address} 7")]);
    }

    private static Span Link(string command) => new(command, Tone.Normal, command);

    private static void AddThreadTable(Document document, ProcessView view)
    {
        document.Blank();
        document.Add(new TableBlock(ThreadCells.Columns, view.ListedThreads.Select(ThreadCells.Of)));
        int hidden = view.Process.Threads.Count - view.ListedThreads.Count;
        string rest = hidden == 0 ? "" : $"; {hidden:N0} that have ended are not shown: -z";
        document.Add($"Thread Count: {view.ListedThreads.Count:N0}{rest}");
    }

    private static void Add(Document document, string label, params IReadOnlyList<Span> text) => document.Add(new LineBlock(
        [new Span(label.PadRight(LabelWidth), Tone.Strong), .. text], [], 0, LabelWidth));

    private static string Number<T>(T? value) where T : struct, IFormattable =>
        value is { } number ? number.ToString("N0", null) : ThreadCells.NotRecorded;
}
