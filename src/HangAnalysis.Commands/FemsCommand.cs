using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!fems</c>: runs a command for each thread whose stack matches a text.</summary>
internal sealed class FemsCommand(CommandWords words) : ICommand
{
    private const string StateOption = "state";

    /// <summary>What stands for the thread and for its process in a command; the second of each is what MEX has.</summary>
    private static readonly string[] s_threadMarks = ["${t}", "@#Thread"], s_processMarks = ["${p}", "@#Process"];

    private static readonly IReadOnlyList<(string Call, string Effect)> s_windowsExamples =
    [
        ("!fems -s Explorer!.*WinMain !us -p ${p}", "${t} and ${p} are the addresses of the thread and of its process"),
        ("!fems -k -1 AlpcpSignalAndWait !lpcchain", "the chain of one thread of each stack"),
        (".foreach (t {!us /q -k TmXPFlt}) {.thread ${t}; k}",
            "commands of the debugger are run so; !fems runs only those of this extension"),
    ];

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "fems",
        words.HasDebugger
            ? "runs a command of this extension for each thread whose stack has a text"
            : "runs a command for each thread whose stack has a text",
        "!fems [-r] [-e TEXT] [-p PROCESS | -k] [-w] [-wr REASON] [-state STATE] [-b] [-1] [-l N] [/json] [/q] " +
        "(TEXT | -s TEXT) COMMAND",
        [
            ThreadSelection.ProcessOption(words),
            new("k", null, "all threads of the system"),
            .. ThreadSelection.FilterOptions(words).Select(
                o => o.Name == ThreadSelection.StateOption ? o with { Name = StateOption } : o),
            new("s", "TEXT", $"the text, as a regular expression{(words.HasDebugger ? ": as MEX has it" : "")}"),
            .. StackSelection.TextOptions,
            new("1", null, "of threads with the same stack only the one that is longest in its state"),
            new("l", "N", "at most so many threads"),
            .. CommandHelp.ListingOptions,
        ],
        [
            ($"!fems -k {words.Function} !why",
                "why each thread waits that has the text in a frame: its address is put behind"),
            .. words.HasDebugger
                ? s_windowsExamples
                : [($"!fems -k -1 {words.Function} !us -p ${{p}}",
                    "${t} and ${p} are the addresses of the thread and of its process")],
        ])
    {
        TakesCommand = true,
    };

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        (StackMatcher matcher, string command) = Parse(arguments);
        int limit = arguments.Number("l", "threads") ?? int.MaxValue;
        RequireRunnable(session, command);
        session.RequireThreads(Help.Name);
        ThreadSelection threads = ThreadSelection.Of(session, arguments, "k", null, StateOption);
        StackSelection stacks = new(session, threads, true, matcher);
        IEnumerable<ThreadFacts> matching = arguments.Has("1")
            ? stacks.Groups.Select(g => g.Threads[0])
            : stacks.Groups.SelectMany(g => g.Threads);
        int count = arguments.Has("1") ? stacks.Groups.Count : stacks.MatchingThreads;
        List<ThreadFacts> shown = [.. matching.Take(limit)];
        return new CommandOutput(Arrange(session, stacks, shown, count, command),
            () => JsonSerializer.Serialize(
                new MatchingThreadsJson("hanganalysis-fems/1", command, threads.Considered.Count, stacks.MatchingThreads,
                    count - shown.Count, [.. stacks.ListRest().Select(r => new ReasonJson(r.What, r.Why))],
                    [.. shown.Select(t => ToJson(session, t, command))]),
                ReportJsonContext.Default.MatchingThreadsJson),
            [.. shown.Select(t => t.Address.Value)]);
    }

    /// <summary>The text and the command: the text is the value of <c>-s</c>, or the first word that is no option.</summary>
    private (StackMatcher Matcher, string Command) Parse(CommandArguments arguments)
    {
        (string text, string command) = arguments.Value("s") is { } named
            ? (named, arguments.Rest ?? "")
            : CommandArguments.SplitFirst(arguments.Rest ?? "");
        if (text.Length == 0)
            throw new CommandUsageException("!fems: says nothing of the stacks that are meant; see !fems /?");
        if (command.Length == 0)
            throw new CommandUsageException($"!fems: no command for the threads that have '{text}'; see !fems /?");
        if (command[0] is '-' or '/')
            throw new CommandUsageException("!fems: options stand before the text, a command behind it: " +
                $"'{CommandArguments.SplitFirst(command).Word}' is neither");
        return (new StackMatcher(Help.Name, [text], arguments.Value("e"), arguments.Has("r") || arguments.Has("s")), command);
    }

    /// <summary>What is wrong in every run is told before the first.</summary>
    private void RequireRunnable(CommandSession session, string command)
    {
        CommandArguments arguments = session.Parse(Insert(command, 0, 0));
        session.Commands.RequireOwn(arguments.Name);
        if (session.Commands.Find(arguments.Name) is not { } found)
            throw new CommandUsageException(words.HasDebugger
                ? $"!fems: '{arguments.Name}' is no command of this extension (!hahelp lists them); " +
                    "for commands of the debugger: .foreach (t {!us /q -k TEXT}) {.thread ${t}; COMMAND}"
                : $"!fems: '{arguments.Name}' is no command; !hahelp lists them");
        if (found is FemsCommand)
            throw new CommandUsageException("!fems: does not run itself");
        if (FileCommand.IsMeant(arguments))
            throw new CommandUsageException("!fems: opens no files");
        if (arguments.WantsHelp)
            throw new CommandUsageException($"!fems: !{arguments.Name} /? explains that command");
        if (arguments.Has("q") || arguments.Has("json"))
            throw new CommandUsageException("!fems: /q and /json stand before the text: they are for the output as a whole");
    }

    private static Document Arrange(
        CommandSession session, StackSelection stacks, List<ThreadFacts> shown, int count, string command)
    {
        Document document = new();
        document.Add(new DeferredBlock(shown.SelectMany(t => RunFor(session, t, command))));
        string of = count == stacks.MatchingThreads ? $"{count:N0} thread(s)" : $"{count:N0} stack(s)";
        document.Add(shown.Count == count
            ? $"{command}: run for {of}"
            : $"{command}: run for {shown.Count:N0} of {of} (-l {shown.Count})");
        foreach (string line in stacks.DescribeRest())
            document.Add(line);
        if (count == 0 && !ReferenceEquals(stacks.Threads.Considered, session.System.Threads))
            document.Add("-k looks among all threads of the system");
        return document;
    }

    /// <summary>The thread, and what the command says of it.</summary>
    private static IEnumerable<Block> RunFor(CommandSession session, ThreadFacts thread, string command)
    {
        yield return new LineBlock(
            [
                new Span("==== ", Tone.Muted), Links.To(thread.Address) with { Tone = Tone.Strong }, "  ",
                new Span(thread.Process.Name, Tone.Strong, Links.CommandFor(thread.Process)), $" {thread.ClientId}  ",
                ThreadCells.State(thread), $" {AgeText.Format(thread.Age)} {thread.WaitReason}",
            ],
            []);
        CommandOutput? output = TryRun(session, thread, command, out string? error);
        foreach (Block block in output?.Document.Blocks ?? [new LineBlock([new Span(error!, Tone.Caution)], [])])
            yield return block;
        yield return new BlankBlock();
    }

    private static CommandRunJson ToJson(CommandSession session, ThreadFacts thread, string command)
    {
        CommandOutput? output = TryRun(session, thread, command, out string? error);
        JsonElement? json = null;
        if (output is not null)
        {
            using JsonDocument parsed = JsonDocument.Parse(output.Json());
            json = parsed.RootElement.Clone();
        }
        return new CommandRunJson(
            VerdictJsonMapper.Hex(thread.Address.Value), thread.Process.Name, thread.Process.Id, thread.Id, thread.State,
            thread.WaitReason, VerdictJsonMapper.Age(thread.Age), json, error);
    }

    /// <summary>What a command cannot do for one thread it may do for the next.</summary>
    private static CommandOutput? TryRun(CommandSession session, ThreadFacts thread, string command, out string? error)
    {
        error = null;
        try
        {
            CommandArguments arguments = session.Parse(
                Insert(command, thread.Address.Value, thread.Process.Address.Value));
            return session.Commands.Require(arguments).Run(session, arguments);
        }
        catch (Exception exception) when (exception is CommandUsageException or CommandDeclinedException)
        {
            error = exception.Message;
            return null;
        }
    }

    private static string Insert(string command, ulong thread, ulong process)
    {
        string line = command;
        foreach (string mark in s_threadMarks)
            line = line.Replace(mark, $"{thread:x16}", StringComparison.OrdinalIgnoreCase);
        foreach (string mark in s_processMarks)
            line = line.Replace(mark, $"{process:x16}", StringComparison.OrdinalIgnoreCase);
        return line == command ? $"{command} {thread:x16}" : line;
    }
}
