using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!t</c>: one thread.</summary>
internal sealed class ThreadCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "t",
        "shows one thread: times, requests, what it waits for with owners, locks, priority, COM apartment, stack",
        "!t [THREAD] [-i] [-w] [-l N] [-v] [/json] [/q]",
        [
            new("i", null, "information only, no stack"),
            new("w", null, "only what it waits for and what it holds"),
            new("l", "N", "at most N frames of the stack"),
            new("v", null, "also the other waiters, the objects' words in full, and the commands that show what is said"),
            new("q", null, "the thread's address only"),
            new("json", null, "the same facts as one JSON object"),
        ],
        [("!t ffffab06b8121080", "one thread, by its address or identifier"),
            ("!t", "the debugger's current thread; or that of the crash, or of the first processor"),
            ("!t -i ffffab06b8121080", "without its stack"), ("!t -l 5 ffffab06b8121080", "with its five innermost frames")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!t: one thread at a time; see !t /?");
        WindowsSystem system = session.RequireWindows(Help.Name);
        int frames = arguments.Number("l", "frames") ?? int.MaxValue;
        if (frames == 0)
            throw new CommandUsageException("!t: -l 0 leaves no frame; -i shows the thread without its stack");
        ThreadFacts thread = arguments.Words.Count == 1 ? session.FindThread(arguments.Words[0]) : Choose(session);
        ThreadExamination examined = system.Examine(thread);
        return new CommandOutput(
            new ThreadDocument(session, thread, examined).Arrange(
                new ThreadDocumentParts(
                    arguments.Has("w"), !arguments.Has("i") && !arguments.Has("w"), arguments.Has("v"), frames)),
            () => JsonSerializer.Serialize(
                ThreadJsonMapper.Map(session, thread, examined), ReportJsonContext.Default.ThreadDetailJson),
            [thread.Address.Value]);
    }

    private static ThreadFacts Choose(CommandSession session)
    {
        WindowsSystem system = session.Windows;
        return (session.Evaluator?.Invoke("@$thread") is { } address ? system.FindThread(address) : null)
            ?? system.GetStopStack()?.Thread
            ?? (system.Processors.Count > 0 ? system.Processors[0].Current : null)
            ?? (system.HoldsThreads ? null : system.Threads[0])
            ?? throw new CommandUsageException("!t: name a thread; there is no current one");
    }
}
