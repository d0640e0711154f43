using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary><c>!workers</c>: what the workers of the workqueues do and wait for, and what waits for them.</summary>
internal sealed class LinuxWorkersCommand : ICommand
{
    /// <summary>Functions of waiting items that are named.</summary>
    private const int MostFunctions = 6;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "workers",
        "lists the workers of workqueues: what each does, for which queue, what it waits for; items that wait for a worker",
        "!workers [-v] [/json] [/q]",
        [new("v", null, "all pools, also those without work"), .. CommandHelp.ListingOptions],
        [("!workers", "workers that do something, and pools in which work waits"), ("!workers -v", "all pools of workers")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!workers: '{arguments.Words[0]}' is not understood; see !workers /?");
        LinuxSystem system = LinuxCommands.Require(session, Help.Name);
        IReadOnlyList<WorkerPoolFacts> pools = system.WorkerPools;
        return new CommandOutput(Arrange(session, system, pools, arguments.Has("v")),
            () => JsonSerializer.Serialize(new LinuxWorkersJson("hanganalysis-linux-workers/1",
                [.. pools.Select(p => ToJson(session, system, p))]), ReportJsonContext.Default.LinuxWorkersJson),
            [.. pools.SelectMany(p => p.Busy).Select(b => b.Thread.Address.Value)]);
    }

    private static Document Arrange(CommandSession session, LinuxSystem system, IReadOnlyList<WorkerPoolFacts> pools, bool withAll)
    {
        Document document = new();
        List<BusyWorker> busy = [.. pools.SelectMany(p => p.Busy).OrderByDescending(b => b.Thread.Age)];
        if (busy.Count > 0)
            document.Add(new TableBlock(
                [
                    new("PID", Align.Right), new("TASK"), new("ST"), new("Age", Align.Right), new("COMM", CanShrink: true),
                    new("Workqueue", CanShrink: true), new("Function", CanShrink: true), new("Waits for", CanShrink: true),
                ],
                busy.Select(b => Row(session, system, b)))).Blank();
        bool hasPools = false;
        foreach (WorkerPoolFacts pool in pools)
            if (withAll || pool.PendingItems > 0)
            {
                AddPool(document, pool);
                hasPools = true;
            }
        if (hasPools)
            document.Blank();
        int idle = pools.Sum(p => p.Idle), pending = pools.Sum(p => p.PendingItems);
        return document.Add(pools.Count == 0 ? "no worker was found"
            : $"{ChainDocument.Count(busy.Count + idle, "worker")} in {ChainDocument.Count(pools.Count(p => p.Address != 0), "pool")}: {busy.Count:N0} at work, " +
                $"{idle:N0} idle; {ChainDocument.Count(pending, "item")} wait{(pending == 1 ? "s" : "")} for a worker");
    }

    private static IReadOnlyList<Span> Row(CommandSession session, LinuxSystem system, BusyWorker worker)
    {
        ThreadFacts thread = worker.Thread;
        TaskDetails details = system.GetDetails(thread);
        return
        [
            thread.IdText, Links.To(thread.Address), details.State, AgeText.Format(thread.Age), details.Name, worker.Workqueue ?? "-",
            worker.Function?.Function ?? "-", Waits(session, thread) is { } wait ? new Span(wait, Tone.Normal, Links.CommandForWhy(thread)) : "",
        ];
    }

    private static string? Waits(CommandSession session, ThreadFacts thread) => ThreadCells.WaitOf(thread, session)?.ToString();

    private static void AddPool(Document document, WorkerPoolFacts pool)
    {
        string name = pool.Address == 0 ? "rescuers" : $"pool {pool.Id?.ToString() ?? "?"} {pool.Address:x16}";
        string where = pool.Address == 0 ? "" : pool.Processor is { } cpu ? $", CPU {cpu}" : ", any CPU";
        List<Span> line = [new Span(name, Tone.Strong), $"{where}: {pool.Busy.Count:N0} at work, {pool.Idle:N0} idle"];
        if (pool.PendingItems > 0)
        {
            List<string> work = [.. pool.Pending.Take(MostFunctions).Select(w => $"{w.Count:N0} for {w.Routine}")];
            int others = pool.Pending.Count - work.Count;
            line.Add($"; {pool.PendingItems:N0} item{(pool.PendingItems == 1 ? " waits" : "s wait")}: {string.Join(", ", work)}" +
                (others > 0 ? $" and {others:N0} other functions" : ""));
        }
        document.Add(new LineBlock(line, [], 0, 2));
        if (pool.IsStuck)
            document.Add(new LineBlock([new Span("stands still: every worker is in state UN (D)", Tone.Bad)], [], 2));
    }

    private static LinuxWorkerPoolJson ToJson(CommandSession session, LinuxSystem system, WorkerPoolFacts pool) => new(
        pool.Address == 0 ? null : VerdictJsonMapper.Hex(pool.Address), pool.Id, pool.Processor, pool.Idle, pool.PendingItems,
        [.. pool.Pending.Select(w => new QueuedWorkJson(w.Routine, w.Count))],
        [.. pool.Busy.Select(b => new LinuxBusyWorkerJson(VerdictJsonMapper.Hex(b.Thread.Address.Value), b.Thread.Id,
            system.GetDetails(b.Thread).Name, TaskState.CrashLetters(b.Thread.State), VerdictJsonMapper.Age(b.Thread.Age),
            VerdictJsonMapper.Hex(b.Work), b.Function?.Function, b.Workqueue, Waits(session, b.Thread)))],
        pool.IsStuck);
}
