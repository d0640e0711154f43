using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!mem</c>: commit, memory, page files, pools, and the processes that hold most.</summary>
internal sealed class MemoryCommand : ICommand
{
    private const int UsualProcesses = 10;
    private const string Unknown = "n/a";

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.System, "mem",
        "shows how memory is used: commit, lists, page files, pools with limits, who holds most, what is short",
        "!mem [-n N] [/json] [/q]",
        [
            new("n", "N", $"the N processes that have most commit; without it {UsualProcesses}"),
            new("q", null, "the addresses of those processes only"),
            new("json", null, "the same facts as JSON, and nothing else"),
        ],
        [("!mem", "the figures, the warnings, and who has most"), ("!mem -n 3", "with three processes")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!mem: '{arguments.Words[0]}' is not understood; see !mem /?");
        session.Commands.RequireOwn(Help.Name);
        IMemoryStatusSource system = session.Windows;
        MemoryStatus memory = system.MemoryStatus;
        if (memory.Committed.Bytes is null && memory.Physical.Bytes is null && memory.Available.Bytes is null)
            throw new CommandDeclinedException($"!mem needs the memory manager's counters: " +
                (session.Description.HoldsPages ? memory.Committed.WhyNot
                    : "this small dump does not hold them; those of recent builds do"));
        IReadOnlyList<MemoryHolder> all = system.GetMemoryHolders();
        IReadOnlyList<MemoryWarning> warnings = MemoryWarnings.Find(memory, all);
        List<MemoryHolder> holders = [.. all.Take(arguments.Number("n", "processes") ?? UsualProcesses)];
        return new CommandOutput(Arrange(memory, warnings, holders, all.Count, session),
            () => JsonSerializer.Serialize(ToJson(memory, warnings, holders), ReportJsonContext.Default.MemoryJson),
            [.. holders.Select(h => h.Process.Address.Value)]);
    }

    /// <summary>A line of a table: a figure, and the whole that it is a part of.</summary>
    private sealed record Line(string Name, string JsonName, MemoryFigure Figure, MemoryFigure? Whole = null);

    private static Line[] Lines(MemoryStatus m) =>
    [
        new("Committed", "committed", m.Committed, m.CommitLimit), new(m.IsCommitLimitMaximum ? "Commit limit, page files at their largest" : "Commit limit", "commitLimit", m.CommitLimit),
        new("Commit peak", "commitPeak", m.CommitPeak, m.CommitLimit), new("Physical", "physical", m.Physical),
        new("Available", "available", m.Available, m.Physical),
        new("Resident available", "residentAvailable", m.ResidentAvailable, m.Physical),
        new("Modified", "modified", m.Modified, m.Physical), new("Standby", "standby", m.Standby, m.Physical),
        new("Free", "free", m.Free, m.Physical), new("Zeroed", "zeroed", m.Zeroed, m.Physical),
        new("Nonpaged pool", "nonPagedPool", m.NonPaged.Allocated, m.NonPaged.Maximum),
        new("Nonpaged pool maximum", "nonPagedPoolMaximum", m.NonPaged.Maximum),
        new("Nonpaged pool commit", "nonPagedPoolCommit", m.NonPaged.Commit, m.CommitLimit),
        new("Paged pool", "pagedPool", m.Paged.Allocated, m.Paged.Maximum),
        new("Paged pool maximum", "pagedPoolMaximum", m.Paged.Maximum),
        new("Paged pool commit", "pagedPoolCommit", m.Paged.Commit, m.CommitLimit),
    ];

    private static Document Arrange(MemoryStatus m, IReadOnlyList<MemoryWarning> warnings, List<MemoryHolder> holders, int processes,
        CommandSession session)
    {
        Document document = new();
        foreach (MemoryWarning warning in warnings)
            document.Add(new LineBlock(
                [new Span("!! ", warning.IsCritical ? Tone.Bad : Tone.Caution), warning.Text,
                    new Span($"  (rule: {warning.Rule})", Tone.Muted)], [warning.IsCritical ? "critical" : "warning"], 0, 3));
        if (warnings.Count == 0)
            document.Add("no limit is near, by the figures that are known");
        document.Blank();
        AddFigures(document, m);
        AddPageFiles(document, m);
        AddParts(document, m);
        AddHolders(document, holders, processes, session);
        document.Blank();
        document.Add("system page table entries: " + (m.SystemMappings is not { } mappings ? Unknown
            : $"{mappings.Total:N0}" + (mappings.Free is { } free ? $", {free:N0} free" : "")));
        document.Add(!m.KnowsFailures ? "whether allocations have failed is not known"
            : m.Failures.Count == 0 ? "no allocation has failed since start-up, by the counters of commit, pool and mappings" : "failures: " +
                string.Join(", ", m.Failures.Select(f => $"{f.Count:N0} {f.What}")));
        document.Add(new LineBlock([new Span($"figures from {m.Source}; n/a is what cannot be had or cannot be true", Tone.Muted)], []));
        return document;
    }

    /// <summary>The figures that are known, and the others by the reason, which many have in common.</summary>
    private static void AddFigures(Document document, MemoryStatus m)
    {
        Line[] lines = Lines(m);
        document.Add(new TableBlock(
            [new(""), new("Size", Align.Right), new("Pages", Align.Right), new("Part", Align.Right)],
            [.. lines.Where(l => l.Figure.Bytes is not null).Select(Row)]));
        foreach (IGrouping<string?, Line> missing in lines.Where(l => l.Figure.Bytes is null).GroupBy(l => l.Figure.WhyNot))
            document.Add(new LineBlock(
                [new Span($"{Unknown}  {string.Join(", ", missing.Select(l => l.Name))}: {missing.Key}", Tone.Muted)], [], 0, 5));
    }

    private static IReadOnlyList<Span> Row(Line line)
    {
        const ulong PageBytes = 4096;
        ulong bytes = line.Figure.Bytes!.Value;
        string part = line.Whole is { Bytes: { } whole and > 0 } ? $"{Math.Floor(1000.0 * bytes / whole) / 10:0.0} %" : "";
        return [line.Name, ByteText.Format(bytes), $"{bytes / PageBytes:N0}", part];
    }

    private static void AddPageFiles(Document document, MemoryStatus m)
    {
        document.Blank();
        if (m.PageFiles.Count > 0)
            document.Add(new TableBlock(
                [
                    new("Page file", CanShrink: true), new("Size", Align.Right), new("Free", Align.Right), new("Peak", Align.Right),
                    new("Minimum", Align.Right), new("Maximum", Align.Right), new(""),
                ],
                [.. m.PageFiles.Select(f => (IReadOnlyList<Span>)
                [
                    f.Name ?? "(no name)", ByteText.Format(f.Size), ByteText.Format(f.Free), ByteText.Format(f.Peak),
                    ByteText.Format(f.Minimum), ByteText.Format(f.Maximum),
                    f.IsVirtual ? "virtual: compressed memory, no disk" : f.IsSwap ? "of suspended programs" : "",
                ])]));
        if (m.WhyNoPageFiles is { } why)
            document.Add(new LineBlock([$"page files: {Unknown}, {why}"], []));
        else if (m.PageFiles.Count == 0)
            document.Add("no page file");
    }

    private static void AddParts(Document document, MemoryStatus m)
    {
        if (m.CommitParts.Count == 0)
            return;
        document.Blank();
        document.Add(new TableBlock([new("Commit of"), new("Size", Align.Right), new("Part", Align.Right), new("", Wraps: true)],
            [.. m.CommitParts.Select(p => (IReadOnlyList<Span>)
            [
                p.Name, p.Size.Bytes is { } bytes ? ByteText.Format(bytes) : new Span(Unknown, Tone.Muted),
                p.Size.Bytes is { } part && m.Committed.Bytes is { } all and > 0 ? $"{Math.Floor(1000.0 * part / all) / 10:0.0} %" : "",
                new Span(p.Size.WhyNot ?? "", Tone.Muted),
            ])]));
    }

    private static void AddHolders(Document document, List<MemoryHolder> holders, int processes, CommandSession session)
    {
        if (holders.Count == 0)
            return;
        document.Blank();
        document.Add(new TableBlock(
            [
                new("Address"), new("PID", Align.Right), new("Process", CanShrink: true), new("Commit", Align.Right),
                new("Private", Align.Right), new("WorkSet", Align.Right), new("Handles", Align.Right),
            ],
            [.. holders.Select(h => (IReadOnlyList<Span>)
            [
                Links.To(h.Process), h.Process.IdText, new Span(ProcessCells.NameOf(h.Process, session.Windows), Tone.Normal,
                    Links.CommandFor(h.Process)),
                ByteText.Format(h.Memory.Committed), h.Memory.Private is null ? Unknown : ByteText.Format(h.Memory.Private),
                h.Memory.WorkingSet is null ? Unknown : ByteText.Format(h.Memory.WorkingSet),
                h.Handles is { } handles ? $"{handles:N0}" : Unknown,
            ])]));
        if (holders.Count < processes)
            document.Add($"{holders.Count:N0} of {processes:N0} processes, by commit; !tl -mem lists all");
    }

    private static MemoryJson ToJson(MemoryStatus m, IReadOnlyList<MemoryWarning> warnings, List<MemoryHolder> holders) => new(
        "hanganalysis-mem/1", m.Source, [.. Lines(m).Select(l => new MemoryFigureJson(l.JsonName, l.Figure.Bytes, l.Figure.WhyNot))],
        [.. m.PageFiles.Select(f => new PageFileJson(f.Name, f.Size, f.Minimum, f.Maximum, f.Free, f.Peak, f.IsVirtual, f.IsSwap))],
        m.WhyNoPageFiles, [.. m.CommitParts.Select(p => new MemoryFigureJson(p.Name, p.Size.Bytes, p.Size.WhyNot))],
        m.SystemMappings is { } mappings ? new SystemMappingsJson(mappings.Total, mappings.Free) : null,
        m.KnowsFailures ? [.. m.Failures.Select(f => new MemoryFailuresJson(f.What, f.Count))] : null,
        [.. holders.Select(h => new MemoryHolderJson(VerdictJsonMapper.Hex(h.Process.Address.Value), h.Process.Id, h.Process.Name,
            h.Memory.Committed, h.Memory.CommittedPeak, h.Memory.Private, h.Memory.WorkingSet, h.Memory.Virtual, h.Handles))],
        [.. warnings.Select(w => new MemoryWarningJson(w.IsCritical, w.Text, w.Rule))]);
}
