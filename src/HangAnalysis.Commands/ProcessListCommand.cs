using System.Globalization;
using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!tl</c>: the processes, and what their threads do.</summary>
internal sealed class ProcessListCommand : ICommand
{
    /// <summary>What <c>-s</c> takes for processes that belong to no session.</summary>
    private const string NoSession = "none";

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "tl",
        "lists the processes with their threads counted by what they do, and the oldest blocked wait",
        "!tl [NAME] [-s SESSION] [-b] [-z] [-sort COLUMN] [-mem | -proc | -v] [/json] [/q]",
        [
            new("s", "SESSION", "processes of one session, by its number, or of none: -s none"),
            new("b", null, "processes with a thread that is blocked in the middle of an operation"),
            new("z", null, "also processes that have exited and are still listed"),
            new("sort", "COLUMN", "sort by a column of the table: numbers the largest first, names and addresses upwards"),
            new("mem", null, "memory: addresses, working set and its peak, commit, pools charged"),
            new("proc", null, "handles, time of creation and command line"),
            new("v", null, "the same as -proc"),
            .. CommandHelp.ListingOptions,
        ],
        [("!tl", "all processes; Rn running, Ry ready, Bk on locks, Lc on LPC replies, IO with a request pending, " +
            "Pg on memory, Su suspended, !! worth a look"),
            ("!tl svchost -sort Thr", "those whose name holds a text, the one with the most threads first"),
            ("!tl -mem -sort Commit", "who needs the memory")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!tl: one name at a time; see !tl /?");
        WindowsSystem system = session.RequireWindows(Help.Name);
        ProcessTable table = ProcessTable.Of(arguments, system);
        List<ProcessActivity> all = ProcessActivity.OfAll(system);
        List<ProcessActivity> chosen = [.. all.Where(Filter(arguments, system))];
        int exited = chosen.Count(a => a.Process.HasExited);
        if (!arguments.Has("z"))
            chosen.RemoveAll(a => a.Process.HasExited);
        table.Sort(chosen, arguments.Value("sort"));
        int hidden = arguments.Has("z") ? 0 : exited;
        return new CommandOutput(Arrange(table, chosen, all.Count, exited, hidden, system),
            () => JsonSerializer.Serialize(
                new ProcessListJson("hanganalysis-tl/1", [.. chosen.Select(table.ToJson)], Totals(chosen), exited, hidden),
                ReportJsonContext.Default.ProcessListJson),
            [.. chosen.Select(a => a.Process.Address.Value)]);
    }

    private static Func<ProcessActivity, bool> Filter(CommandArguments arguments, WindowsSystem system)
    {
        string? name = arguments.Words.Count == 0 ? null : arguments.Words[0];
        bool onlyBlocked = arguments.Has("b"), anySession = !arguments.Has("s");
        uint? session = null;
        if (arguments.Value("s") is { } text && !text.Equals(NoSession, StringComparison.OrdinalIgnoreCase))
            session = uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)
                ? number
                : throw new CommandUsageException($"!tl: '{text}' is no session: a number in decimal, or {NoSession}");
        return activity => (anySession || activity.Process.SessionId == session)
            && (!onlyBlocked || activity.Blocked > 0)
            && (name is null || ProcessCells.NameOf(activity.Process, system).Contains(name, StringComparison.OrdinalIgnoreCase));
    }

    private static Document Arrange(
        ProcessTable table, List<ProcessActivity> chosen, int all, int exited, int hidden, WindowsSystem system)
    {
        Document document = new();
        if (chosen.Count > 0)
        {
            document.Add(table.Arrange(chosen));
            document.Blank();
        }
        ListedTotalsJson totals = Totals(chosen);
        document.Add($"{chosen.Count:N0} of {all:N0} processes with {ChainDocument.Count(totals.All, "thread")}: " +
            $"{totals.Running:N0} running, {totals.Ready:N0} ready, {totals.Blocked:N0} blocked, " +
            $"{totals.Suspended:N0} suspended");
        int noteworthy = chosen.Count(a => a.IsNoteworthy);
        if (noteworthy > 0)
            document.Add($"!! {noteworthy:N0} with a thread that has been blocked, or ready without running, for " +
                $"{AgeText.Format(WaitEvidence.LeastAge)} or longer, or ending");
        if (hidden > 0)
            document.Add(new Span($"{hidden:N0} exited process(es) that are still listed are not shown: -z", Tone.Caution));
        else if (exited > 0)
            document.Add($"{exited:N0} of them have exited: somebody still refers to their objects");
        if (!system.HoldsThreads)
            document.Add(new Span("this kind of dump holds the crashing thread and its process, and not the system's",
                Tone.Caution));
        else if (system.WasInterrupted)
            document.Add(new Span("reading the system was interrupted: processes and threads may be missing", Tone.Caution));
        return document;
    }

    private static ListedTotalsJson Totals(List<ProcessActivity> activities)
    {
        int all = 0, running = 0, ready = 0, locks = 0, replies = 0, requests = 0, memory = 0, suspended = 0, blocked = 0;
        foreach (ProcessActivity a in activities)
        {
            all += a.Threads;
            running += a.Running;
            ready += a.Ready;
            locks += a.OnLocks;
            replies += a.OnReplies;
            requests += a.OnRequests;
            memory += a.OnMemory;
            suspended += a.Suspended;
            blocked += a.Blocked;
        }
        return new ListedTotalsJson(all, running, ready, locks, replies, requests, memory, suspended, blocked);
    }
}
