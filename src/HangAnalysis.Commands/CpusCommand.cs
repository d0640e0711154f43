using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!cpus</c>: what each processor does.</summary>
internal sealed class CpusCommand(CommandWords words) : ICommand
{
    private const string NotRecorded = ThreadCells.NotRecorded;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "cpus",
        $"shows what each processor does: {words.Processors}",
        "!cpus [-v] [/json] [/q]",
        [
            new("v", null, "with times, queue lengths and the threads that come next"),
            .. CommandHelp.ListingOptions,
        ],
        [("!cpus", "a line for each processor"),
            .. words.Loops((".foreach (t {!cpus /q}) {!lpcchain ${t}}", "runs a command for each running thread"))]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!cpus: '{arguments.Words[0]}' is not understood; see !cpus /?");
        ISystemFacts system = session.RequireThreads(Help.Name);
        IReadOnlyList<ProcessorFacts> processors = system.Processors;
        return new CommandOutput(Arrange(processors, system, arguments.Has("v")),
            () => JsonSerializer.Serialize(
                new ProcessorsJson("hanganalysis-cpus/1", [.. processors.Select(ToJson)]), ReportJsonContext.Default.ProcessorsJson),
            [.. processors.Where(p => p.Current is not null).Select(p => p.Current!.Address.Value)]);
    }

    private static Document Arrange(IReadOnlyList<ProcessorFacts> processors, ISystemFacts system, bool isVerbose)
    {
        Document document = new();
        if (processors.Count == 0)
            return document.Add("what the processors do is not in the dump");
        document.Add(new TableBlock(
            [
                new("CPU", Align.Right), new(system.Words.ThreadTitle), new("Process", CanShrink: true), new("Pri", Align.Right),
                .. Level(system, new Column(system.Words.ProcessorLevel ?? "", Align.Right)),
                new("Ready", Align.Right), new("Oldest", Align.Right), new("Since", Align.Right),
                new("Does", CanShrink: true),
            ],
            [.. processors.Select(p => Row(p, system))]));
        foreach (ProcessorFacts processor in processors)
            AddNotes(document, processor, system, isVerbose);
        document.Blank();
        document.Add(Summary(processors, system.Words));
        return document;
    }

    private static IReadOnlyList<Span> Row(ProcessorFacts p, ISystemFacts system) =>
    [
        new Span($"{p.Number}", Tone.Normal, system.DescribeObjectCommand(new ObjectReference(ObjectKind.Processor, (ulong)p.Number))),
        p.Current is null ? NotRecorded : Links.To(p.Current.Address),
        p.Current is null ? NotRecorded : new Span(p.Current.Process.Title, Tone.Normal, Links.CommandFor(p.Current.Process)),
        p.Current is null ? NotRecorded : $"{p.Current.Priority}",
        .. Level<Span>(system, p.Irql is { } irql ? $"{irql}{(p.IsIrqlInferred ? "+" : "")}" : NotRecorded),
        p.Ready.Count == 0 ? NotRecorded : $"{p.Ready.Count:N0}",
        AgeText.Format(Oldest(p.Ready)),
        AgeText.Format(p.SinceSwitch),
        Doing(p, system),
    ];

    /// <summary>The column of interrupt levels, which not every system has.</summary>
    private static T[] Level<T>(ISystemFacts system, T column) => system.Words.ProcessorLevel is null ? [] : [column];

    private static Span Doing(ProcessorFacts p, ISystemFacts system)
    {
        if (p.WritesDump)
            return new Span("writes the dump", Tone.Muted);
        if (p.Doing is null)
            return p.IsIdle ? "idle" : NotRecorded;
        Tone tone = p.Spin is not null || p.IsDpcLong ? Tone.Bad : Tone.Normal;
        return p.Doing.Module is { } module ? Links.To(module, system, p.Doing.Text, tone) : new Span(p.Doing.Text, tone);
    }

    private static void AddNotes(Document document, ProcessorFacts p, ISystemFacts system, bool isVerbose)
    {
        List<Span> start = [new Span($"CPU {p.Number}: ", Tone.Strong)];
        if (p.Spin is { } spin)
        {
            Phrase text = spin.IsAddressKnown
                ? Phrase.Of($"spins for lock {spin.Lock}")
                : Phrase.Of($"spins for a lock whose address is not recorded");
            string holder = spin.Holder is { } number
                ? $", held by CPU {number} ({VerdictWords.Of(spin.HolderCertainty)})"
                : ", holder not recorded";
            document.Add(new LineBlock([.. start, .. Links.ToSpans(text, system), holder], [], 0, 4));
        }
        if (p.DpcActive)
            AddDpc(document, p, system, start);
        if (!isVerbose)
            return;
        if (p.SharedReady.Count > 0)
            document.Add(new LineBlock([.. start, $"{p.SharedReady.Count:N0} ready in the queue that it shares, " +
                $"the oldest for {AgeText.Format(Oldest(p.SharedReady))}"], [], 0, 4));
        if (p.Next is { } next)
            document.Add(new LineBlock([.. start, "next is thread ", Links.To(next.Address), $" of {next.Process.Title}"], [], 0, 4));
        if (p.Times is { } times)
            document.Add(new LineBlock([.. start, $"kernel {AgeText.Format(times.Kernel)}, user {AgeText.Format(times.User)}, " +
                $"{system.Words.DeferredCalls ?? "deferred work"} {AgeText.Format(times.Dpc)}, " +
                $"interrupts {AgeText.Format(times.Interrupt)}"], [], 0, 4));
    }

    private static void AddDpc(Document document, ProcessorFacts p, ISystemFacts system, List<Span> start)
    {
        List<Span> line = [.. start, $"executes the {system.Words.DeferredCall ?? "deferred call"} "];
        line.Add(p.DpcRoutine switch
        {
            null => "(not recorded)",
            { Module: { } module } routine => Links.To(module, system, routine.Text, p.IsDpcLong ? Tone.Bad : Tone.Normal),
            _ => p.DpcRoutine.Text,
        });
        if (p.DpcTime is { } time)
            line.Add($" for {AgeText.Format(time)}");
        line.Add($"; {p.DpcQueueDepth:N0} more in its queues");
        document.Add(new LineBlock(line, [], 0, 4));
    }

    private static string Summary(IReadOnlyList<ProcessorFacts> processors, SystemWords words)
    {
        int idle = 0, spinning = 0, dpcs = 0;
        foreach (ProcessorFacts p in processors)
        {
            idle += p.IsIdle ? 1 : 0;
            spinning += p.Spin is null ? 0 : 1;
            dpcs += p.DpcActive ? 1 : 0;
        }
        string deferred = words.DeferredCall is { } call ? $", {dpcs:N0} in a {call}" : "";
        return $"{processors.Count:N0} processor(s): {idle:N0} idle{deferred}, {spinning:N0} spinning";
    }

    private static TimeSpan? Oldest(IReadOnlyList<ThreadFacts> threads)
    {
        TimeSpan? oldest = null;
        foreach (ThreadFacts thread in threads)
            if (thread.Age is { } age && (oldest is null || age > oldest))
                oldest = age;
        return oldest;
    }

    private static ProcessorJson ToJson(ProcessorFacts p) => new(
        p.Number, p.Current is null ? null : VerdictJsonMapper.Hex(p.Current.Address.Value), p.Current?.Process.Name,
        p.Current?.Process.Id, p.Current?.Priority,
        p.Spin is not null ? "spin" : p.DpcActive ? "dpc" : p.IsIdle ? "idle" : p.Current is not null ? "thread" : "unknown",
        p.Irql, p.IsIrqlInferred, p.DpcRoutine?.Text, VerdictJsonMapper.Age(p.DpcTime), p.DpcQueueDepth,
        p.Spin is null ? null : new SpinJson(p.Spin.IsAddressKnown ? VerdictJsonMapper.Hex(p.Spin.Lock.Address) : null,
            p.Spin.Function, p.Spin.Holder, p.Spin.Holder is null ? null : VerdictWords.Of(p.Spin.HolderCertainty)),
        p.Ready.Count, VerdictJsonMapper.Age(Oldest(p.Ready)), p.SharedReady.Count,
        p.Next is null ? null : VerdictJsonMapper.Hex(p.Next.Address.Value), VerdictJsonMapper.Age(p.SinceSwitch), p.Doing?.Text,
        p.Times is not { } t ? null : new ProcessorTimesJson(
            t.Kernel.TotalSeconds, t.User.TotalSeconds, t.Dpc.TotalSeconds, t.Interrupt.TotalSeconds));
}
