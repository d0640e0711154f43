using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!ready</c>: the threads that could run, by the queues in which they wait.</summary>
internal sealed class ReadyCommand : ICommand
{
    /// <summary>Processors of which is told what they run instead.</summary>
    private const int MostProcessors = 8;

    /// <summary>Lines on what could not be read.</summary>
    private const int MostProblems = 8;

    private static readonly IReadOnlyList<Column> s_columns =
    [
        new("Queue", CanShrink: true), new("Pri", Align.Right), new("Process", CanShrink: true), new("PID", Align.Right),
        new("Thread"), new("Id", Align.Right), new("State"), new("Ready for", Align.Right),
    ];

    private static readonly IReadOnlyList<Column> s_verboseColumns =
    [
        .. s_columns, new("Base", Align.Right), new("Last", Align.Right), new("Ideal", Align.Right),
        new("Affinity", Align.Right), new("CSwitches", Align.Right),
    ];

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "ready",
        "lists the threads that could run, in the order in which they will: every processor's queues, shared and deferred ones",
        "!ready [-v] [/json] [/q]",
        [
            new("v", null, "with base priority, context switches, and the processors on which a thread ran last, should run and may"),
            .. CommandHelp.ListingOptions,
        ],
        [("!ready", "who waits for a processor, and for how long"),
            (".foreach (t {!ready /q}) {!why ${t}}", "runs a command for each ready thread")])
    {
        Subject = "the ready queues of the dispatcher",
    };

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!ready: '{arguments.Words[0]}' is not understood; see !ready /?");
        WindowsSystem system = session.RequireWindows(Help.Name);
        ReadyOverview ready = ReadyOverview.Of(system);
        return new CommandOutput(Arrange(ready, system, arguments.Has("v")),
            () => JsonSerializer.Serialize(ToJson(ready, system), ReportJsonContext.Default.ReadyJson),
            [.. ready.Queues.SelectMany(q => q.Threads).Select(t => t.Thread.Address.Value)]);
    }

    private static Document Arrange(ReadyOverview ready, WindowsSystem system, bool isVerbose)
    {
        Document document = new();
        if (ready.Queues.Count == 0 && system.Processors.Count == 0)
            return document.Add("which threads are ready is not in the dump");
        if (ready.Queues.Count > 0)
            document.Add(new TableBlock(isVerbose ? s_verboseColumns : s_columns, Rows(ready, system, isVerbose))).Blank();
        document.Add(new Span($"Thread Count: {ready.Queues.Sum(q => q.Threads.Count)}", Tone.Strong));
        AddSummary(document, ready, system);
        foreach (string problem in ready.Problems.Take(MostProblems))
            document.Add(new Span($"not read: {problem}", Tone.Caution));
        if (ready.Problems.Count > MostProblems)
            document.Add(new Span($"… and {ready.Problems.Count - MostProblems:N0} more", Tone.Caution));
        return document;
    }

    private static IEnumerable<IReadOnlyList<Span>> Rows(ReadyOverview ready, WindowsSystem system, bool isVerbose)
    {
        foreach (ReadyQueue queue in ready.Queues)
            foreach (ReadyThread entry in queue.Threads)
            {
                ThreadFacts thread = entry.Thread;
                IReadOnlyList<Span> row =
                [
                    Place(entry, queue), $"{thread.Priority}", ThreadCells.Process(thread.Process),
                    thread.Process.IdText, Links.To(thread.Address), thread.IdText,
                    ThreadCells.State(thread), ReadyFor(entry),
                ];
                if (isVerbose)
                {
                    ThreadDetails details = system.GetDetails(thread);
                    row =
                    [
                        .. row, DetailCells.Number(details.BasePriority), DetailCells.Number(details.NextProcessor),
                        DetailCells.Number(details.IdealProcessor), DetailCells.Affinity(details, system.Processors.Count),
                        DetailCells.Number(details.ContextSwitches),
                    ];
                }
                yield return row;
            }
    }

    private static string Name(ReadyQueue queue) =>
        queue.Processors.Count == 0 ? "no queue found"
        : $"CPU{(queue.Processors.Count == 1 ? "" : "s")} {DetailCells.Ranges(queue.Processors)}" +
            (queue.IsShared ? " shared" : "");

    private static string Place(ReadyThread entry, ReadyQueue queue) => entry.Place switch
    {
        ReadyPlace.Next => $"{Name(queue)} next",
        ReadyPlace.Deferred => $"{Name(queue)} deferred",
        _ => Name(queue),
    };

    private static string ReadyFor(ReadyThread entry) =>
        $"{(entry.IsAgeAtMost && entry.Thread.Age is not null ? "≤" : "")}{AgeText.Format(entry.Thread.Age)}";

    private static void AddSummary(Document document, ReadyOverview ready, WindowsSystem system)
    {
        if (ready.Queues.Count == 0)
            return;
        if (ready.Queues.Count > 1)
            document.Add(new LineBlock(
                ["by queue: ", string.Join(", ", ready.Queues.Select(q => $"{Name(q)}: {q.Threads.Count:N0}"))], [], 0, 2));
        List<IGrouping<int, ReadyThread>> priorities =
            [.. ready.Queues.SelectMany(q => q.Threads).GroupBy(t => t.Thread.Priority).OrderByDescending(g => g.Key)];
        if (priorities.Count > 1)
            document.Add(new LineBlock(
                ["by priority: ", string.Join(", ", priorities.Select(g => $"{g.Key}: {g.Count():N0}"))], [], 0, 2));
        if (ready.Oldest is { } oldest)
            document.Add($"the oldest has been ready for {AgeText.Format(oldest.Thread.Thread.Age)}: thread ",
                Links.To(oldest.Thread.Thread.Address),
                $" of {oldest.Thread.Thread.Process.Title} at priority {oldest.Thread.Thread.Priority}");
        if (ready.Queues.Any(q => q.Threads.Any(t => t.IsAgeAtMost && t.Thread.Age is not null)))
            document.Add("≤ at most: threads are dated when they are put into a queue; until then the date is that of the wait before");
        foreach (ReadyQueue queue in ready.Queues)
            if (queue.LongReady > 0)
                AddLongReady(document, queue);
        int total = system.Processors.Count;
        int idle = system.Processors.Count(p => p.IsIdle && !p.DpcActive);
        document.Add($"{idle:N0} of {total:N0} processors are idle");
    }

    /// <summary>What the processors run while threads of their queue wait: what is known, and no conclusion from it.</summary>
    private static void AddLongReady(Document document, ReadyQueue queue)
    {
        document.Add(new Span($"{Name(queue)}: {ChainDocument.Count(queue.LongReady, "thread")} ready for " +
            $"{ReadyOverview.LongReady.TotalSeconds:0} seconds or longer, while", Tone.Caution));
        foreach (ProcessorFacts processor in queue.Processors.Take(MostProcessors))
        {
            List<Span> line = [$"CPU {processor.Number} "];
            if (processor.DpcActive)
                line.Add("executes a deferred procedure call on ");
            else if (processor.IsAtDispatch)
                line.Add($"is at IRQL {processor.Irql} in ");
            else
                line.Add("runs ");
            if (processor.IsIdle)
                line.Add("its idle thread");
            else if (processor.Current is { } thread)
                line.AddRange(["thread ", Links.To(thread.Address), $" of {thread.Process.Title} at priority {thread.Priority}"]);
            else
                line.Add("a thread that is not known");
            document.Add(new LineBlock(line, [], 2, 2));
        }
        if (queue.Processors.Count > MostProcessors)
            document.Add(new LineBlock(
                [$"… and {queue.Processors.Count - MostProcessors:N0} more processors; see !cpus"], [], 2));
    }

    private static ReadyJson ToJson(ReadyOverview ready, WindowsSystem system) => new(
        "hanganalysis-ready/1",
        [.. ready.Queues.Select(q => new ReadyQueueJson(
            q.Processors.Count == 0 ? "none" : q.IsShared ? "shared" : "processor",
            q.IsShared ? VerdictJsonMapper.Hex(q.Address) : null, [.. q.Processors.Select(p => p.Number)],
            [.. q.Threads.Select(t => ToJson(t, system.GetDetails(t.Thread)))]))],
        ready.Queues.Sum(q => q.Threads.Count), ready.Problems);

    private static ReadyThreadJson ToJson(ReadyThread entry, ThreadDetails details)
    {
        ThreadFacts thread = entry.Thread;
        return new ReadyThreadJson(
            VerdictJsonMapper.Hex(thread.Address.Value), thread.Process.Name, VerdictJsonMapper.Hex(thread.Process.Address.Value),
            thread.Process.Id, thread.Id, thread.Priority, details.BasePriority, thread.State,
            entry.Place switch
            {
                ReadyPlace.Next => "next", ReadyPlace.Queued => "queued", ReadyPlace.Deferred => "deferred", _ => "none",
            },
            VerdictJsonMapper.Age(thread.Age), entry.IsAgeAtMost, details.NextProcessor, details.IdealProcessor,
            details.Affinity is { } mask ? VerdictJsonMapper.Hex(mask) : null, details.ContextSwitches,
            DetailCells.RunText(details.UserTime), DetailCells.RunText(details.KernelTime));
    }
}
