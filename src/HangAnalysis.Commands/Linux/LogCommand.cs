using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Linux.Log;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary><c>!log</c>: the kernel's log, as dmesg prints it.</summary>
internal sealed class LogCommand : ICommand
{
    /// <summary>Names of the levels as dmesg takes them, the worst first.</summary>
    private static readonly string[] s_levels = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.System, "log",
        "shows the kernel's log (dmesg), or the lines of it that have a text",
        "!log [-n N] [-l LEVEL] [-e] [-t] [TEXT] [/json] [/q]",
        [
            new("n", "N", "the last N of the lines"),
            new("l", "LEVEL", $"lines of this level and worse ones: {string.Join(' ', s_levels)}, or 0 to 7"),
            new("e", null, "only lines that report something: hung tasks, lockups, stalls, oopses, panics, failing disks"),
            new("t", null, "times of day (UTC) instead of seconds since start-up"),
            new("q", null, "addresses of the tasks that reporting lines name, one a line, and nothing else"),
            CommandHelp.ListingOptions[1],
        ],
        [("!log -n 50", "the last 50 lines"), ("!log -l err", "errors and worse"),
            ("!log blocked for more than", "lines that have this text, whatever its case")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        LinuxSystem system = session.Linux;
        int? most = arguments.Number("n", "lines");
        int worst = ParseLevel(arguments.Value("l"));
        string text = string.Join(' ', arguments.Words);
        Dictionary<int, LogEvent> events = [];
        foreach (LogEvent found in system.LogEvents)
            events.TryAdd(found.Index, found);
        IReadOnlyList<LogRecord> records = system.Log.Records;
        List<int> lines = [];
        for (int i = 0; i < records.Count; i++)
            if (records[i].Level <= worst && (!arguments.Has("e") || events.ContainsKey(i))
                && records[i].Text.Contains(text, StringComparison.OrdinalIgnoreCase))
                lines.Add(i);
        int hidden = most is { } n && lines.Count > n ? lines.Count - n : 0;
        lines.RemoveRange(0, hidden);
        LogView view = new(system, events, lines, arguments.Has("t"));
        return new CommandOutput(view.Arrange(records.Count, hidden),
            () => JsonSerializer.Serialize(view.ToJson(), ReportJsonContext.Default.LogJson), view.Tasks());
    }

    private static int ParseLevel(string? text)
    {
        if (text is null)
            return s_levels.Length - 1;
        int level = Array.FindIndex(s_levels, l => l.Equals(text, StringComparison.OrdinalIgnoreCase));
        return level >= 0 ? level
            : text.Length == 1 && text[0] is >= '0' and <= '7' ? text[0] - '0'
            : throw new CommandUsageException(
                $"!log: '{text}' is no level; there are {string.Join(", ", s_levels)}, or 0 to 7");
    }
}

/// <summary>Some lines of a log in the forms that a command prints.</summary>
internal sealed class LogView(LinuxSystem system, Dictionary<int, LogEvent> events, List<int> lines, bool showsTimeOfDay)
{
    private readonly IReadOnlyList<LogRecord> _records = system.Log.Records;

    /// <summary>For people; lines are made while they are printed.</summary>
    public Document Arrange(int all, int hidden)
    {
        Document document = new();
        document.Add(new DeferredBlock(Lines()));
        if (system.Log.Problem is { } problem)
            document.Add(new Span($"the log: {problem}", Tone.Caution));
        if (system.Log.Damaged > 0)
            document.Add(new Span($"{ChainDocument.Count(system.Log.Damaged, "record")} of the log could not be read",
                Tone.Caution));
        if (showsTimeOfDay && system.TimeOfDay(0) is null)
            document.Add(new Span("the time of day is not in the dump: times are seconds since start-up", Tone.Caution));
        if (hidden > 0 || lines.Count < all)
            document.Add(new Span($"{lines.Count:N0} of {ChainDocument.Count(all, "record")}", Tone.Muted));
        return document;
    }

    /// <summary>For programs.</summary>
    public LogJson ToJson() => new("hanganalysis-log/1", [.. lines.Select(ToJson)], system.Log.Damaged, system.Log.Problem);

    /// <summary>Addresses of the tasks that the lines name.</summary>
    public IReadOnlyList<ulong> Tasks()
    {
        List<ulong> tasks = [];
        foreach (int line in lines)
            if (events.GetValueOrDefault(line) is { } found && system.FindTask(found) is { } task
                && !tasks.Contains(task.Address.Value))
                tasks.Add(task.Address.Value);
        return tasks;
    }

    /// <summary>The tone of a line: what reports something, or has a bad level, catches the eye.</summary>
    public static Tone ToneOf(LogRecord record, LogEvent? found) => found is not null || record.Level <= 3 ? Tone.Bad
        : record.Level == 4 ? Tone.Caution : Tone.Normal;

    private IEnumerable<Block> Lines()
    {
        foreach (int index in lines)
        {
            LogRecord record = _records[index];
            LogEvent? found = events.GetValueOrDefault(index);
            string time = showsTimeOfDay && system.TimeOfDay(record.Nanoseconds) is { } utc ? TimeText.Format(utc)
                : record.TimeText;
            string? command = found is not null && system.FindTask(found) is { } task ? Links.CommandFor(task) : null;
            bool isFirst = true;
            foreach (string part in record.Text.Replace('\t', ' ').Split('\n'))
            {
                yield return new LineBlock(
                    [new Span(isFirst ? time : new string(' ', time.Length), Tone.Muted), " ",
                        new Span(part, ToneOf(record, found), command)], [], 0, time.Length + 1);
                isFirst = false;
            }
        }
    }

    private LogRecordJson ToJson(int index)
    {
        LogRecord record = _records[index];
        LogEvent? found = events.GetValueOrDefault(index);
        ThreadFacts? task = found is null ? null : system.FindTask(found);
        return new LogRecordJson(record.Sequence, record.Nanoseconds / 1e9, system.TimeOfDay(record.Nanoseconds),
            record.Facility,
            record.Level, record.Caller?.ToString(), record.Text, found is null ? null : LogWords.Of(found.Kind),
            task is null ? null : VerdictJsonMapper.Hex(task.Address.Value), found?.Pid, found?.Task, found?.Processor);
    }
}
