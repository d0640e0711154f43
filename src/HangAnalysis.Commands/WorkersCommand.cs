using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!workers</c>: the executive's work queues, what waits in them and what their workers wait for.</summary>
internal sealed class WorkersCommand(CommandWords words) : ICommand
{
    /// <summary>Routines of waiting items that are named.</summary>
    private const int MostRoutines = 8;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "workers",
        "lists the system's work queues: workers, waiting items, and what blocked workers wait for",
        "!workers [/json] [/q]",
        CommandHelp.ListingOptions,
        [("!workers", "all queues that have workers"),
            .. words.Loops((".foreach (t {!workers /q}) {!lpcchain ${t}}", "follows each blocked worker"))]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!workers: '{arguments.Words[0]}' is not understood; see !workers /?");
        if (session.RequireThreads(Help.Name) is not IWorkQueueSource system)
            throw new CommandDeclinedException(
                $"!workers is about work queues, which dumps of {session.System.Words.Name} do not hold; see !hahelp");
        IReadOnlyList<WorkQueueFacts> queues = system.WorkQueues;
        return new CommandOutput(Arrange(queues, system, session),
            () => JsonSerializer.Serialize(new WorkersJson("hanganalysis-workers/1", [.. queues.Select(q => ToJson(q, session))]),
                ReportJsonContext.Default.WorkersJson),
            [.. queues.SelectMany(q => q.BlockedWorkers).Select(t => t.Address.Value)]);
    }

    private static Document Arrange(IReadOnlyList<WorkQueueFacts> queues, IWorkQueueSource system, CommandSession session)
    {
        Document document = new();
        foreach (WorkQueueFacts queue in queues)
        {
            string most = queue.MostWorkers == 0 ? "" : $" of at most {queue.MostWorkers:N0}";
            document.Add(new Span(queue.Name, Tone.Strong), "  queue ",
                new Span($"{queue.Address:x16}", Tone.Normal, system.DescribeQueueCommand(queue)),
                $"  {queue.Workers.Count:N0}{most} workers, {queue.IdleWorkers:N0} idle, {queue.BlockedWorkers.Count:N0} in a wait, " +
                $"{queue.Running:N0} of {queue.MostRunning:N0} counted as running");
            if (queue.Items > 0)
                document.Add(new LineBlock([Describe(queue)], [], 2, 2));
            if (queue.IsExhausted)
                document.Add(new LineBlock([new Span($"stands still: every worker is in a wait, for {AgeText.Format(queue.ExhaustedFor)} now",
                    Tone.Bad)], [], 2));
            foreach (ThreadFacts worker in queue.BlockedWorkers)
                document.Add(new LineBlock([Links.To(worker.Address), "  ", .. WaitsFor(worker, session)],
                    [new Span(AgeText.Format(worker.Age))], 4, 4));
            document.Blank();
        }
        document.Add(queues.Count == 0
            ? "no work queue was found: no thread of the system process has one"
            : $"{queues.Count:N0} work queue(s), {queues.Count(q => q.IsExhausted):N0} standing still");
        return document;
    }

    private static string Describe(WorkQueueFacts queue)
    {
        List<string> work = [];
        foreach (QueuedWork routine in queue.Work)
            if (work.Count < MostRoutines)
                work.Add($"{routine.Count:N0} for {routine.Routine}");
        int others = queue.Work.Count - work.Count;
        return $"{queue.Items:N0} item{(queue.Items == 1 ? " waits" : "s wait")}: {string.Join(", ", work)}" +
            (others > 0 ? $" and {others:N0} other routines" : "");
    }

    private static IEnumerable<Span> WaitsFor(ThreadFacts worker, CommandSession session) =>
        ThreadCells.WaitOf(worker, session) is { } waits ? Links.ToSpans(waits, session.System) : [ThreadCells.NotRecorded];

    private static WorkQueueJson ToJson(WorkQueueFacts queue, CommandSession session) => new(
        VerdictJsonMapper.Hex(queue.Address), queue.Name, queue.Workers.Count, queue.IdleWorkers, queue.Running,
        queue.MostRunning, queue.MostWorkers == 0 ? null : queue.MostWorkers, queue.Items,
        [.. queue.Work.Select(w => new QueuedWorkJson(w.Routine, w.Count))],
        [.. queue.BlockedWorkers.Select(w => new BlockedWorkerJson(VerdictJsonMapper.Hex(w.Address.Value), w.Id,
            string.Concat(WaitsFor(w, session).Select(s => s.Text)), VerdictJsonMapper.Age(w.Age)))],
        queue.IsExhausted);
}
