using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!running</c>: the threads on processors.</summary>
internal sealed class RunningCommand(CommandWords words) : ICommand
{
    private static IReadOnlyList<Column> Columns(SystemWords words) =>
    [
        new("CPU", Align.Right), new("Process", CanShrink: true), new(words.IdTitles.Process, Align.Right), new(words.ThreadTitle),
        new(words.IdTitles.Thread, Align.Right), new("Pri", Align.Right), new("Base", Align.Right),
        .. Next(words, new Column("Next", Align.Right)), new("CSwitches", Align.Right), new("User", Align.Right),
        new("Kernel", Align.Right), new("State"), new("Time", Align.Right),
    ];

    /// <summary>The column of the processor that comes next, which not every system chooses ahead.</summary>
    private static T[] Next<T>(SystemWords words, T column) => words.HasDecimalIds ? [] : [column];

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "running",
        "lists the threads on processors: priorities, context switches, times; idle processors on request",
        "!running [-i] [-v] [/json] [/q]",
        [
            new("i", null, "with processors that idle"),
            new("v", null, "with what each processor does, where its thread may run, and how the processor has spent its time"),
            .. CommandHelp.ListingOptions,
        ],
        [("!running", "what keeps processors busy"), ("!running -i", "all processors"),
            .. words.Loops((".foreach (t {!running /q}) {!why ${t}}", "runs a command for each running thread"))]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!running: '{arguments.Words[0]}' is not understood; see !running /?");
        ISystemFacts system = session.RequireThreads(Help.Name);
        List<ProcessorFacts> shown = [];
        foreach (ProcessorFacts processor in system.Processors)
            if (arguments.Has("i") || !IsQuiet(processor))
                shown.Add(processor);
        return new CommandOutput(Arrange(shown, session, arguments.Has("v")),
            () => JsonSerializer.Serialize(
                new RunningJson("hanganalysis-running/1", [.. shown.Select(p => ToJson(p, system))],
                    system.Processors.Count - shown.Count),
                ReportJsonContext.Default.RunningJson),
            [.. shown.Where(p => p.Current is not null).Select(p => p.Current!.Address.Value)]);
    }

    /// <summary>Whether a processor idles and does nothing else: deferred procedure calls interrupt idle threads, too.</summary>
    private static bool IsQuiet(ProcessorFacts processor) => processor is { IsIdle: true, DpcActive: false, Spin: null };

    private static Document Arrange(List<ProcessorFacts> shown, CommandSession session, bool isVerbose)
    {
        ISystemFacts system = session.System;
        Document document = new();
        int total = system.Processors.Count;
        if (total == 0)
            return document.Add("what the processors do is not in the dump");
        int quiet = system.Processors.Count(IsQuiet);
        if (shown.Count > 0)
        {
            document.Add(new TableBlock(Columns(system.Words), shown.Select(p => Row(p, system))));
            foreach (ProcessorFacts processor in shown)
                AddNotes(document, processor, system, isVerbose);
            document.Blank();
        }
        document.Add(new Span($"Count: {shown.Count}", Tone.Strong), " | ",
            new Span("Show Unique Stacks", Tone.Normal, "!us -cpu"));
        if (quiet > shown.Count(IsQuiet))
            document.Add(quiet == total ? $"all {total:N0} processors are idle; -i shows them"
                : $"{quiet:N0} of {total:N0} processors {(quiet == 1 ? "is" : "are")} idle; -i shows them");
        if (system.Words.RunningTime is { } meaning && shown.Any(p => !p.IsIdle))
            document.Add(meaning);
        if (system.Words.IdleTime is { } ofIdle && shown.Any(p => p.IsIdle))
            document.Add(ofIdle);
        int unread = session.Description.ProcessorCount - total;
        if (unread > 0)
            document.Add($"{unread:N0} more processors could not be read");
        return document;
    }

    private static IReadOnlyList<Span> Row(ProcessorFacts processor, ISystemFacts system)
    {
        Span number = new($"{processor.Number}", Tone.Normal,
            system.DescribeObjectCommand(new ObjectReference(ObjectKind.Processor, (ulong)processor.Number)));
        if (processor.Current is not { } thread)
            return [number, .. Enumerable.Repeat<Span>(ThreadCells.NotRecorded, Columns(system.Words).Count - 1)];
        ThreadDetails details = DetailsOf(thread, system);
        return
        [
            number, ThreadCells.Process(thread.Process), thread.Process.IdText, Links.To(thread.Address),
            thread.IdText, $"{thread.Priority}", DetailCells.Number(details.BasePriority),
            .. Next(system.Words, DetailCells.Number(details.NextProcessor)), DetailCells.Number(details.ContextSwitches),
            AgeText.FormatRun(details.UserTime), AgeText.FormatRun(details.KernelTime), ThreadCells.State(thread),
            AgeText.Format(thread.Age),
        ];
    }

    private static void AddNotes(Document document, ProcessorFacts p, ISystemFacts system, bool isVerbose)
    {
        List<List<Span>> notes = [];
        if (p.Irql is { } irql && (irql > 0 || isVerbose))
            notes.Add([$"{system.Words.ProcessorLevel ?? "level"} {irql}{(p.IsIrqlInferred ? " (inferred)" : "")}"]);
        if (p.DpcActive)
            notes.Add([new Span(p.DpcRoutine is { } routine ? $"executes the {system.Words.DeferredCall} {routine.Text}"
                : $"executes a {system.Words.DeferredCall}", p.IsDpcLong ? Tone.Bad : Tone.Normal)]);
        if (p.Spin is { } spin)
            notes.Add([new Span($"spins for a lock in {spin.Function}", Tone.Bad)]);
        if (p.Next is { } next)
            notes.Add(["next is thread ", Links.To(next.Address), $" of {next.Process.Title} at priority {next.Priority}"]);
        if (isVerbose)
            AddDetails(notes, p, system);
        if (notes.Count == 0)
            return;
        List<Span> line = [new Span($"CPU {p.Number}:", Tone.Strong)];
        for (int i = 0; i < notes.Count; i++)
        {
            line.Add(i == 0 ? " " : "; ");
            line.AddRange(notes[i]);
        }
        document.Add(new LineBlock(line, [], 0, 4));
    }

    private static void AddDetails(List<List<Span>> notes, ProcessorFacts p, ISystemFacts system)
    {
        if (p.WritesDump)
            notes.Add(["writes the dump"]);
        else if (p is { Doing: { } doing, Spin: null })
            notes.Add([$"in {doing.Text}"]);
        if (p.Current is { } thread)
        {
            ThreadDetails details = DetailsOf(thread, system);
            if (details.Affinity is not null)
                notes.Add([$"affinity {DetailCells.Affinity(details, system.Processors.Count)}"]);
            if (details.IdealProcessor is { } ideal)
                notes.Add([$"ideal CPU {ideal}"]);
        }
        if (p.Times is { } times)
            notes.Add([$"since the start {AgeText.FormatRun(times.Kernel)} in the kernel, " +
                $"{AgeText.FormatRun(times.User)} in programs, " +
                $"{AgeText.FormatRun(times.Dpc)} in {system.Words.DeferredCalls ?? "deferred work"}, " +
                $"{AgeText.FormatRun(times.Interrupt)} in interrupts"]);
    }

    private static RunningThreadJson ToJson(ProcessorFacts p, ISystemFacts system)
    {
        ThreadFacts? thread = p.Current;
        ThreadDetails details = thread is null ? new ThreadDetails() : DetailsOf(thread, system);
        return new RunningThreadJson(
            p.Number, p.IsIdle, Hex(thread?.Address.Value), thread?.Process.Name, Hex(thread?.Process.Address.Value),
            thread?.Process.Id, thread?.Id, thread?.Priority, details.BasePriority, details.NextProcessor, details.IdealProcessor,
            Hex(details.Affinity), details.ContextSwitches, DetailCells.RunText(details.UserTime),
            DetailCells.RunText(details.KernelTime), thread?.State, VerdictJsonMapper.Age(thread?.Age), p.Irql,
            p.IsIrqlInferred, p.DpcActive, Hex(p.Next?.Address.Value), p.Doing?.Text);
    }

    private static ThreadDetails DetailsOf(ThreadFacts thread, ISystemFacts system) =>
        system is IThreadDetailsSource source ? source.GetDetails(thread) : new ThreadDetails();

    private static string? Hex(ulong? value) => value is { } v ? VerdictJsonMapper.Hex(v) : null;
}
