using System.Globalization;
using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary><c>!mem</c>: the figures of <c>crash kmem -i</c>, who has most, and what is short.</summary>
internal sealed class LinuxMemoryCommand : ICommand
{
    private const ulong PageBytes = 4096;
    private const int MostProcesses = 10;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.System, "mem",
        "shows how memory is used: the figures of kmem -i, the programs that have most, zones that are short",
        "!mem [-n N] [-v] [/json] [/q]",
        [
            new("n", "N", $"the N programs that have most; without it {MostProcesses}"),
            new("v", null, "also the zones with their watermarks"),
            new("q", null, "the addresses of those programs only"),
            new("json", null, "the same facts as JSON, and nothing else"),
        ],
        [("!mem", "the figures, and who has most"), ("!mem -v", "also the zones")]);

    /// <summary>A line of the table: a figure, and the whole that it is a part of.</summary>
    private sealed record Figure(string Name, ulong? Pages, ulong? Whole, string WholeName);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!mem: '{arguments.Words[0]}' is not understood; see !mem /?");
        session.Commands.RequireOwn(Help.Name);
        LinuxSystem system = session.System as LinuxSystem
            ?? throw new CommandDeclinedException("!mem is for dumps of Linux");
        MemoryFigures figures = system.MemoryUse;
        List<TaskDetails> largest = Largest(system, arguments.Number("n", "programs") ?? MostProcesses);
        return new CommandOutput(Arrange(figures, largest, arguments.Has("v")),
            () => JsonSerializer.Serialize(ToJson(figures, largest), ReportJsonContext.Default.LinuxMemoryJson),
            [.. largest.Select(d => d.Thread.Address.Value)]);
    }

    private static List<TaskDetails> Largest(LinuxSystem system, int most)
    {
        HashSet<ulong> seen = [];
        List<TaskDetails> programs = [];
        foreach (ProcessFacts process in system.Processes)
            if (process.Threads.Count > 0 && system.GetDetails(process.Threads[0]) is { Memory: not null } details
                && seen.Add(details.MemoryAddress))
                programs.Add(details);
        programs.Sort((a, b) => b.Memory!.Resident != a.Memory!.Resident ? b.Memory.Resident.CompareTo(a.Memory.Resident)
            : a.Thread.Id.CompareTo(b.Thread.Id));
        return programs.Count > most ? programs.GetRange(0, most) : programs;
    }

    private static Figure[] Figures(MemoryFigures m) =>
    [
        new("TOTAL MEM", m.Total, null, ""), new("FREE", m.Free, m.Total, "TOTAL MEM"),
        new("USED", m.Used, m.Total, "TOTAL MEM"),
        new("BUFFERS", m.Buffers, m.Total, "TOTAL MEM"), new("CACHED", m.Cached, m.Total, "TOTAL MEM"),
        new("SLAB", m.Slab, m.Total, "TOTAL MEM"), new("AVAILABLE", m.Available, m.Total, "TOTAL MEM"),
        new("TOTAL HUGE", m.HugeTotal, null, ""), new("HUGE FREE", m.HugeFree, m.HugeTotal, "TOTAL HUGE"),
        new("TOTAL SWAP", m.SwapTotal, null, ""), new("SWAP USED", m.SwapUsed, m.SwapTotal, "TOTAL SWAP"),
        new("SWAP FREE", m.SwapFree, m.SwapTotal, "TOTAL SWAP"), new("COMMIT LIMIT", m.CommitLimit, null, ""),
        new("COMMITTED", m.Committed, m.CommitLimit, "TOTAL LIMIT"),
    ];

    private static Document Arrange(MemoryFigures m, List<TaskDetails> largest, bool withZones)
    {
        Document document = new();
        document.Add(new TableBlock(
            [new("", Align.Right), new("PAGES", Align.Right), new("TOTAL", Align.Right), new("PERCENTAGE", Align.Right)],
            [.. Figures(m).Select(Row)]));
        if (m is { Committed: { } rough, CommittedExact: { } exact } && rough != exact)
            document.Add(new LineBlock([new Span(
                $"COMMITTED is {exact:N0} pages with what the processors have not yet added to it", Tone.Muted)], [], 2));
        if (withZones)
        {
            document.Blank();
            document.Add(new TableBlock(
                [
                    new("Node", Align.Right), new("Zone"), new("Managed", Align.Right), new("Free", Align.Right),
                    new("Min", Align.Right),
                    new("Low", Align.Right), new("High", Align.Right), new(""),
                ],
                [.. m.Zones.Select(ZoneRow)]));
        }
        if (largest.Count > 0)
        {
            document.Blank();
            document.Add(new TableBlock(
                [new("PID", Align.Right), new("TASK"), new("RSS", Align.Right), new("%MEM", Align.Right),
                    new("COMM", CanShrink: true)],
                [.. largest.Select(d => ProgramRow(m, d))]));
        }
        document.Blank();
        bool isShort = false;
        foreach (string warning in m.Warnings())
        {
            document.Add(new LineBlock([new Span("!! ", Tone.Bad), warning], [], 0, 3));
            isShort = true;
        }
        if (!isShort)
            document.Add(m.Zones.Count > 0 ? "no zone is below its minimum of free pages"
                : "the zones of memory are not known");
        return document;
    }

    private static IReadOnlyList<Span> Row(Figure figure) =>
    [
        figure.Name, figure.Pages is { } pages ? $"{pages}" : "n/a", Size(figure.Pages),
        figure.WholeName.Length == 0 ? "----" : Percent(figure) is { } percent ? $"{percent}% of {figure.WholeName}" : "n/a",
    ];

    /// <summary>Percent as crash has them: cut, and 0 of nothing.</summary>
    private static ulong? Percent(Figure figure) =>
        figure is { Pages: { } part, Whole: { } whole } ? whole == 0 ? 0 : part * 100 / whole : null;

    /// <summary>A size as crash writes it: one decimal, and none where that is 0.</summary>
    private static string Size(ulong? pages)
    {
        const double Kilo = 1024;
        if (pages is not { } count)
            return "n/a";
        double kilobytes = count * PageBytes / Kilo;
        return count == 0 ? "0" : kilobytes >= Kilo * Kilo ? One(kilobytes / Kilo / Kilo, "GB")
            : kilobytes >= Kilo ? One(kilobytes / Kilo, "MB") : One(kilobytes, "KB");
    }

    private static string One(double value, string unit) => $"{value.ToString("0.#", CultureInfo.InvariantCulture)} {unit}";

    private static IReadOnlyList<Span> ZoneRow(ZoneFigures zone) =>
    [
        $"{zone.Node}", zone.Name, $"{zone.Managed}", $"{zone.Free}", $"{zone.Minimum}", $"{zone.Low}", $"{zone.High}",
        zone.IsShort ? new Span("short", Tone.Bad) : "",
    ];

    private static IReadOnlyList<Span> ProgramRow(MemoryFigures m, TaskDetails program) =>
    [
        program.Thread.IdText, Links.To(program.Thread.Address), Size(program.Memory!.Resident / PageBytes),
        TaskTable.Percent(m.PercentOf(program.Memory)), new Span(program.Name, Tone.Normal,
            Links.CommandFor(program.Thread.Process)),
    ];

    private static LinuxMemoryJson ToJson(MemoryFigures m, List<TaskDetails> largest) =>
        new("hanganalysis-linux-mem/1", PageBytes,
        m.Total, m.Free, m.Used, m.Available, m.Buffers, m.Cached, m.Slab, m.HugeTotal, m.HugeFree, m.SwapTotal, m.SwapUsed,
        m.CommitLimit,
        m.Committed, m.CommittedExact, m.IsCommitStrict,
        [.. m.Zones.Select(z => new LinuxZoneJson(z.Node, z.Name, z.Managed, z.Free, z.Minimum, z.Low, z.High, z.IsShort))],
        [.. largest.Select(d => new LinuxMemoryUserJson(VerdictJsonMapper.Hex(d.Thread.Address.Value), d.Thread.Id, d.Name,
            d.Memory!.Resident, d.Memory.Virtual))],
        [.. m.Warnings()]);
}
