using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!lt</c>: threads with their states.</summary>
internal sealed class LtCommand(CommandWords words) : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "lt",
        "lists threads: state, time in it, wait reason; on request the function that waits, or counts only",
        "!lt [PROCESS | -p PROCESS | -a] [-w] [-b] [-wr REASON] [-s STATE] [-wf] [-z] [-sort COLUMN] [-stats] [/json] [/q]",
        [
            new("p", "PROCESS", "the same as PROCESS: address, identifier, or name, which may be that of several processes; " +
                "without it: the current process"),
            new("a", null, "the threads of all processes"),
            .. ThreadSelection.FilterOptions(words),
            new("wf", null, "with the function that called the waiting machinery; walks the stacks"),
            new("z", null, "with threads that have ended and whose objects are still there"),
            new("sort", "COLUMN", $"sorted by {string.Join(", ", ThreadOrder.Columns)}; times from the longest"),
            new("stats", null, "instead of the threads: how many are in which state for which reason, and the longest of each"),
            .. CommandHelp.ListingOptions,
        ],
        [($"!lt {words.ProcessName}", "the threads of one program"),
            ("!lt -a -b -wf -sort time", "who is blocked the longest, and in what"),
            ("!lt -a -stats", "the whole system by state and reason"),
            .. words.Loops((".foreach (t {!lt /q -a -wr WrResource}) {!why ${t}}", "runs a command for each thread"))]);

    /// <summary>What was chosen, and how it is to be shown.</summary>
    private sealed record Selection(
        IReadOnlyList<ThreadFacts> Threads, int Considered, int Terminated, bool IsFiltered, bool HasFunctions);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!lt: one process at a time; see !lt /?");
        ISystemFacts system = session.RequireThreads(Help.Name);
        Selection selection = Select(session, arguments);
        return new CommandOutput(Arrange(selection, session, arguments.Has("stats")),
            () => JsonSerializer.Serialize(ToJson(selection, system), ReportJsonContext.Default.ThreadListJson),
            [.. selection.Threads.Select(t => t.Address.Value)]);
    }

    private static Selection Select(CommandSession session, CommandArguments arguments)
    {
        IReadOnlyList<ThreadFacts> all = Consider(session, arguments);
        ThreadSelection chosen = ThreadSelection.Among(session, arguments, all);
        // Who asks for a state asks for it also where it is that of threads that have ended.
        bool withTerminated = arguments.Has("z") || arguments.Value("s") is not null;
        int considered = 0;
        foreach (ThreadFacts thread in all)
            considered += withTerminated || !thread.HasExited ? 1 : 0;
        List<ThreadFacts> threads = new(chosen.Threads.Count);
        foreach (ThreadFacts thread in chosen.Threads)
            if (withTerminated || !thread.HasExited)
                threads.Add(thread);
        int terminated = chosen.Threads.Count - threads.Count;
        bool hasFunctions = arguments.Has("wf");
        IReadOnlyList<ThreadFacts> sorted = threads;
        if (arguments.Value("sort") is { } column)
        {
            sorted = ThreadOrder.Sort(threads, column, t => FindFunction(session.System, t).Function);
            hasFunctions |= column.Equals(ThreadOrder.FunctionColumn, StringComparison.OrdinalIgnoreCase);
        }
        return new Selection(sorted, considered, terminated, ThreadSelection.HasFilter(arguments), hasFunctions);
    }

    /// <summary>The threads among which is chosen: those of the named processes, of all, or of the current one.</summary>
    private static IReadOnlyList<ThreadFacts> Consider(CommandSession session, CommandArguments arguments)
    {
        string? named = arguments.Words.Count > 0 ? arguments.Words[0] : arguments.Value("p");
        if (named is null)
            return arguments.Has("a") ? session.System.Threads : session.CurrentThreads;
        IReadOnlyList<ProcessFacts> processes = ProcessSearch.Find(session, named);
        return processes.Count == 1 ? processes[0].Threads : [.. processes.SelectMany(p => p.Threads)];
    }

    private static Document Arrange(Selection selection, CommandSession session, bool onlyStatistics)
    {
        Document document = new();
        if (selection.Threads.Count > 0)
            document.Add(onlyStatistics ? ThreadStatisticsTable.Of(selection.Threads) : Table(selection, session)).Blank();
        string of = selection.IsFiltered ? $" of {selection.Considered}" : "";
        document.Add(new Span($"Thread Count: {selection.Threads.Count}{of}", Tone.Strong));
        if (selection.Threads.Count > 0)
            document.Add(new LineBlock([Summary(selection.Threads)], [], 0, 2));
        if (selection.Terminated > 0)
            document.Add(selection.Terminated == 1 ? "1 thread has ended and is not shown; -z shows it"
                : $"{selection.Terminated:N0} threads have ended and are not shown; -z shows them");
        if (selection.HasFunctions && !onlyStatistics)
            document.Add(new DeferredBlock(MissingFunctions(selection.Threads, session)));
        if (!session.System.HoldsThreads)
            document.Add("this kind of dump holds no threads but that of the crash");
        if (session.System.WasInterrupted)
            document.Add(new Span("interrupted: there may be more", Tone.Caution));
        return document;
    }

    private static TableBlock Table(Selection selection, CommandSession session) => selection.HasFunctions
        ? new TableBlock([.. ThreadCells.Columns, new Column("Wait Function", CanShrink: true)],
            RowsWithFunctions(selection.Threads, session))
        : new TableBlock(ThreadCells.Columns, selection.Threads.Select(ThreadCells.Of));

    private static IEnumerable<IReadOnlyList<Span>> RowsWithFunctions(IReadOnlyList<ThreadFacts> threads, CommandSession session)
    {
        foreach (ThreadFacts thread in threads)
        {
            if (session.Cancellation.IsCancellationRequested)
                yield break;
            yield return
                [.. ThreadCells.Of(thread), FindFunction(session.System, thread).Function ?? ThreadCells.NotRecorded];
        }
    }

    /// <summary>The function that waits, or why it is not known.</summary>
    private static (string? Function, string? Why) FindFunction(ISystemFacts system, ThreadFacts thread) =>
        system is IWaitFunctionSource source ? source.FindWaitFunction(thread) : (null, null);

    /// <summary>Why functions are missing, with counts: all that is known of it after the table was printed.</summary>
    private static IEnumerable<Block> MissingFunctions(IReadOnlyList<ThreadFacts> threads, CommandSession session)
    {
        SortedDictionary<string, int> reasons = new(StringComparer.Ordinal);
        foreach (ThreadFacts thread in threads)
        {
            if (session.Cancellation.IsCancellationRequested)
                break;
            if (FindFunction(session.System, thread).Why is { } why)
                reasons[why] = reasons.GetValueOrDefault(why) + 1;
        }
        const int MostReasons = 8;
        foreach ((string why, int count) in reasons.Take(MostReasons))
            yield return new LineBlock([$"{count:N0} wait function{(count == 1 ? " is" : "s are")} not known: {why}"], []);
        if (reasons.Count > MostReasons)
            yield return new LineBlock([$"… and {reasons.Skip(MostReasons).Sum(r => r.Value):N0} more for other reasons"], []);
    }

    /// <summary>Such as <c>Waiting 45 (UserRequest 27, WrQueue 18), Ready 2</c>.</summary>
    private static string Summary(IReadOnlyList<ThreadFacts> threads)
    {
        List<string> states = [];
        foreach (IGrouping<string, ThreadStatistics> state in ThreadStatistics.Of(threads).GroupBy(c => c.State))
        {
            string reasons = string.Join(
                ", ", state.Where(c => c.WaitReason is not null).Select(c => $"{c.WaitReason} {c.Threads:N0}"));
            states.Add($"{state.Key} {state.Sum(c => c.Threads):N0}{(reasons.Length > 0 ? $" ({reasons})" : "")}");
        }
        int suspended = threads.Count(t => t.IsSuspended);
        return string.Join(", ", states) + (suspended > 0 ? $"; {suspended:N0} suspended" : "");
    }

    private static ThreadListJson ToJson(Selection selection, ISystemFacts system) => new(
        "hanganalysis-lt/1",
        [.. selection.Threads.Select(t => new ListedThreadJson(
            VerdictJsonMapper.Hex(t.Address.Value), t.Process.Name, VerdictJsonMapper.Hex(t.Process.Address.Value), t.Process.Id,
            t.Id, t.State, t.IsSuspended, VerdictJsonMapper.Age(t.Age), t.WaitReason,
            selection.HasFunctions ? FindFunction(system, t).Function : null))],
        selection.Threads.Count, selection.Considered, selection.Terminated,
        [.. ThreadStatistics.Of(selection.Threads).Select(c => new ThreadStateCountJson(c.State, c.WaitReason, c.Threads,
            VerdictJsonMapper.Age(c.Longest), c.LongestThread is null ? null : VerdictJsonMapper.Hex(c.LongestThread.Address.Value)))]);
}
