using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary>The table of <c>!tl</c>: its columns in each of its forms, how to sort by them, and their sums.</summary>
internal sealed class ProcessTable
{
    /// <summary>Rows from which on the headings stand below the table, too.</summary>
    private const int LongTable = 40;

    private const string None = ".";

    private readonly WindowsSystem _system;
    private readonly bool _withMemory, _withProgram;
    private readonly List<TableColumn> _columns;
    private readonly Dictionary<ProcessAddress, ProcessDetails> _details = [];

    private ProcessTable(WindowsSystem system, bool withMemory, bool withProgram)
    {
        (_system, _withMemory, _withProgram) = (system, withMemory, withProgram);
        _columns =
        [
            Number("!!", a => a.IsNoteworthy ? 1UL : 0) with
            {
                Cell = a => a.IsNoteworthy ? new Span("!!", Tone.Bad) : "",
                Sum = null,
            },
            Number("PID", a => a.Process.Id) with { Cell = a => a.Process.IdText, Sum = null, SortsUpwards = true },
            new(new Column("Address"),
                a => new Span($"{a.Process.Address.Value:x16}", Tone.Normal, $"!p {a.Process.Address.Value:x16}"),
                a => a.Process.Address.Value, null, SortsUpwards: true),
            new(new Column("Name", CanShrink: true), a => NameCell(a.Process), null, null, SortsUpwards: true),
            Number("Ses", a => a.Process.SessionId is { } session ? session + 1UL : 0) with
            {
                Cell = a => ProcessCells.Session(a.Process),
                Sum = null,
                SortsUpwards = true,
            },
            Number("Thr", a => (ulong)a.Threads),
        ];
        _columns.AddRange(withMemory ? MemoryColumns() : withProgram ? ProgramColumns() : ActivityColumns());
    }

    /// <summary>The form that the options ask for.</summary>
    public static ProcessTable Of(CommandArguments arguments, WindowsSystem system)
    {
        bool memory = arguments.Has("mem"), program = arguments.Has("proc") || arguments.Has("v");
        return memory && program
            ? throw new CommandUsageException("!tl: -mem and -proc are two tables; see !tl /?")
            : new ProcessTable(system, memory, program);
    }

    /// <summary>Sorts by a column's title; the system's order without one.</summary>
    public void Sort(List<ProcessActivity> rows, string? title)
    {
        if (title is null)
            return;
        TableColumn column = _columns.Find(c => c.Column.Title.Equals(title, StringComparison.OrdinalIgnoreCase))
            ?? throw new CommandUsageException(
                $"!tl: no column '{title}' in this table; there are {string.Join(", ", _columns.Select(c => c.Column.Title))}");
        // Stable, so that what is alike stays in the system's order.
        ProcessActivity[] sorted = column.Key is not { } key
            ? [.. rows.OrderBy(a => column.Cell(a).Text, StringComparer.OrdinalIgnoreCase)]
            : column.SortsUpwards ? [.. rows.OrderBy(key)] : [.. rows.OrderByDescending(key)];
        rows.Clear();
        rows.AddRange(sorted);
    }

    /// <summary>The table with its sums.</summary>
    public TableBlock Arrange(List<ProcessActivity> rows) => new([.. _columns.Select(c => c.Column)], Rows(rows));

    /// <summary>A process for programs.</summary>
    public ListedProcessJson ToJson(ProcessActivity a)
    {
        ProcessDetails? details = _withMemory || _withProgram ? Details(a) : null;
        return new ListedProcessJson(
            VerdictJsonMapper.Hex(a.Process.Address.Value), a.Process.Name, _system.DescribeHosted(a.Process), a.Process.Is32Bit,
            a.Process.Id, a.Process.ParentId, a.Process.SessionId, a.Process.HasExited, a.IsNoteworthy,
            new ListedTotalsJson(a.Threads, a.Running, a.Ready, a.OnLocks, a.OnReplies, a.OnRequests, a.OnMemory, a.Suspended,
                a.Blocked),
            VerdictJsonMapper.Age(a.LongestBlocked?.Age),
            a.LongestBlocked is { } thread ? VerdictJsonMapper.Hex(thread.Address.Value) : null,
            _withMemory ? ProcessCells.ToJson(details!.Memory) : null,
            details?.Handles, ProcessCells.ToJson(details?.CreateTime), _withProgram ? _system.GetCommandLine(a.Process) : null);
    }

    private IEnumerable<IReadOnlyList<Span>> Rows(List<ProcessActivity> rows)
    {
        foreach (ProcessActivity row in rows)
            yield return [.. _columns.Select(c => c.Cell(row))];
        if (rows.Count >= LongTable)
            yield return [.. _columns.Select(c => new Span(c.Column.Title, Tone.Strong))];
        if (rows.Count > 1)
            yield return [.. _columns.Select(c => Sum(c, rows))];
    }

    private static Span Sum(TableColumn column, List<ProcessActivity> rows)
    {
        if (column.Column.Title == "Name")
            return new Span($"{rows.Count:N0} processes", Tone.Strong);
        if (column.Sum is not { } format)
            return "";
        ulong sum = 0;
        foreach (ProcessActivity row in rows)
            sum = unchecked(sum + column.Key!(row));
        return new Span(format(sum), Tone.Strong);
    }

    private static List<TableColumn> ActivityColumns() =>
    [
        Number("Rn", a => (ulong)a.Running), Number("Ry", a => (ulong)a.Ready), Number("Bk", a => (ulong)a.OnLocks),
        Number("Lc", a => (ulong)a.OnReplies), Number("IO", a => (ulong)a.OnRequests), Number("Pg", a => (ulong)a.OnMemory),
        Number("Su", a => (ulong)a.Suspended),
        Number("Oldest", a => (ulong)(a.LongestBlocked?.Age?.Ticks ?? 0)) with
        {
            Cell = a => a.LongestBlocked is { } thread
                ? new Span(AgeText.Format(thread.Age), Tone.Normal, Links.CommandForWhy(thread))
                : a.Blocked > 0 ? ThreadCells.NotRecorded : None,
            Sum = null,
        },
    ];

    private List<TableColumn> MemoryColumns() =>
    [
        Bytes("Virtual", m => m.Virtual), Bytes("WorkSet", m => m.WorkingSet), Bytes("WSPeak", m => m.WorkingSetPeak),
        Bytes("Commit", m => m.Committed), Bytes("Paged", m => m.PagedQuota), Bytes("Nonpaged", m => m.NonPagedQuota),
    ];

    private List<TableColumn> ProgramColumns() =>
    [
        Number("Handles", a => Details(a).Handles ?? 0) with
        {
            Cell = a => Details(a).Handles is { } handles ? $"{handles:N0}" : ThreadCells.NotRecorded,
        },
        new(new Column("Created"), a => TimeText.Format(Details(a).CreateTime),
            a => (ulong)(Details(a).CreateTime?.UtcTicks ?? 0), null, SortsUpwards: true),
        new(new Column("Command line", CanShrink: true),
            a => _system.GetCommandLine(a.Process) ?? ThreadCells.NotRecorded, null, null, SortsUpwards: true),
    ];

    private TableColumn Bytes(string title, Func<MemoryUse, ulong?> value) => new(new Column(title, Align.Right),
        a => ByteText.Format(value(Details(a).Memory)), a => value(Details(a).Memory) ?? 0, sum => ByteText.Format(sum));

    private static TableColumn Number(string title, Func<ProcessActivity, ulong> value) => new(new Column(title, Align.Right),
        a => value(a) is var number && number == 0 ? None : $"{number:N0}", value, sum => sum == 0 ? None : $"{sum:N0}");

    private Span NameCell(ProcessFacts process)
    {
        string state = process.HasExited ? " (exited)" : process.IsEnding ? " (ending)" : process.IsFrozen ? " (frozen)" : "";
        return new Span(ProcessCells.NameOf(process, _system) + state, Tone.Normal, Links.CommandFor(process));
    }

    /// <summary>Read once for the table, however often its cells are asked for.</summary>
    private ProcessDetails Details(ProcessActivity activity)
    {
        if (!_details.TryGetValue(activity.Process.Address, out ProcessDetails? details))
            _details.Add(activity.Process.Address, details = _system.GetDetails(activity.Process));
        return details;
    }

    /// <summary>A column with its cells.</summary>
    /// <param name="Column">Heading and place.</param>
    /// <param name="Cell">A process's cell.</param>
    /// <param name="Key">What to sort and to add up by; null to sort by the text.</param>
    /// <param name="Sum">Words the sum; null where there is none.</param>
    /// <param name="SortsUpwards">Whether the smallest comes first.</param>
    private sealed record TableColumn(
        Column Column, Func<ProcessActivity, Span> Cell, Func<ProcessActivity, ulong>? Key, Func<ulong, string>? Sum,
        bool SortsUpwards = false);
}
