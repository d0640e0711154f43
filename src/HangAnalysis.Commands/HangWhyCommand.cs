using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Targets;

namespace HangAnalysis.Commands;

/// <summary><c>!hangwhy</c>: the verdict with its chain and its evidence.</summary>
internal sealed class HangWhyCommand(CommandWords words) : ICommand
{
    /// <summary>Its name without the '!'.</summary>
    public const string Name = "hangwhy";

    /// <summary>Lines that "Not known" takes before the rest is counted.</summary>
    private const int MostUnknown = 6;

    /// <summary>Lines that further chains take before the rest is counted.</summary>
    private const int MostFurther = 8;

    /// <summary>Frames of a crash's stack on the first screen.</summary>
    private const int MostFrames = 16;

    private const int LabelWidth = 12;

    private static readonly string[] s_flags = ["v", "all", "q", "json"];

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Verdicts, Name,
        "says why the system hangs: who waits for whom, and what at the end of the chain keeps everybody waiting",
        "!hangwhy [-v] [-all] [/json] [/q] [-file PATH [COMMAND]]",
        [
            new("v", null, "all evidence: the command that shows each step, further chains in full, whole stacks, every unknown"),
            new("all", null, $"judges every end of a wait, and not only the {HangAnalyzer.MostEnds} most important"),
            new(FileCommand.Option, "PATH",
                "opens another dump, of any system, beside this one, and runs this command or COMMAND on it"),
            .. CommandHelp.ListingOptions,
        ],
        [("!hangwhy", "prints the verdict, the chain, what was ruled out and what is not known"),
            ("!hangwhy -v", "the same with all evidence"),
            ($"!hangwhy -file {words.File} !us -k", "the stacks in another dump"),
            .. words.Loops(
                (".foreach (t {!hangwhy /q}) {!lpcchain ${t}}", "runs a command for each thread of the first chain"))])
    {
        TakesCommand = true,
    };

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (FileCommand.IsMeant(arguments))
            return FileCommand.Run(session.Opener, arguments, session.Cancellation);
        if (arguments.Rest is { Length: > 0 } rest)
            throw new CommandUsageException(
                $"!hangwhy: '{CommandArguments.SplitFirst(rest).Word}' is not understood; see !hangwhy /?");
        Verdict verdict = arguments.Has("all") ? session.FullVerdict : session.Verdict;
        return new CommandOutput(Arrange(session, verdict, arguments.Has("v")),
            () => JsonSerializer.Serialize(VerdictJsonMapper.Map(session, verdict), ReportJsonContext.Default.HangReport),
            verdict.Chains.Count == 0
                ? []
                : [.. verdict.Chains[0].Links.Where(l => l.Thread is not null).Select(l => l.Reference.Address).Distinct()]);
    }

    /// <summary>The options that this command has beside the file's, as they are typed.</summary>
    internal static string FlagsOf(CommandArguments arguments) => string.Concat(
        s_flags.Where(arguments.Has).Select(f => $" -{f}"));

    private static Document Arrange(CommandSession session, Verdict verdict, bool verbose)
    {
        Document document = new();
        document.Add(new LineBlock([new Span(Headline(verdict.Class), ToneOf(verdict.Class)), "  ",
            new Span(verdict.Summary, Tone.Strong)], [], 0, 6));
        List<Span> second = [$"{VerdictWords.Of(verdict.Class)} · confidence {VerdictWords.Of(verdict.Confidence)}"];
        if (verdict.BlockedThreads > 0)
            second.Add($" · {verdict.BlockedThreads:N0} thread{(verdict.BlockedThreads == 1 ? "" : "s")} cannot go on");
        if (verdict.LongestWait is { } wait)
            second.Add($" · longest wait {AgeText.Format(wait)}");
        document.Add(second);
        document.Add(new Span(DumpLine(session.Description, session.System), Tone.Muted));
        if (session.System.Stop?.Record is { } record)
            document.Add(new LineBlock([new Span(StopLine(record, session.System), Tone.Muted)], [], 0, 2));
        if (verbose && VerdictSignature.Of(verdict, VerdictWords.Of(verdict.Class), session.System) is { } signature)
            document.Add(new LineBlock([new Span($"signature {signature.Hash}: {signature.Title}", Tone.Muted)], [], 0, 2));
        document.Blank();
        if (verdict.Chains.Count > 0)
        {
            ChainDocument.Add(document, verdict.Chains[0], session, verdict.Culprit, verbose);
            document.Blank();
            AddFurtherChains(document, verdict, session, verbose);
        }
        else if (verdict.Stacks.Count > 0)
            AddStack(document, verdict, session.System, verbose);
        if (verbose && verdict is { Chains.Count: > 0, Stacks.Count: > 0 })
            AddStack(document, verdict, session.System, verbose);
        AddEvidence(document, verdict.Evidence, session.System);
        KnownIssueDocument.Add(document, verdict, session, verbose);
        AddLabelled(document, "Ruled out", [.. verdict.RuledOut.Select(r => (r.What, r.Why))], int.MaxValue);
        // What the file lacks is the reason of most that follows.
        List<(string, string)> unknown =
        [
            .. session.Description.Damage.Select(damage => ($"the {session.Description.Form} file", damage)),
            .. verdict.Unknown.Select(u => (u.What, u.Why)),
        ];
        AddLabelled(document, "Not known", unknown, verbose ? int.MaxValue : MostUnknown);
        AddNext(document, NextSteps.Of(verdict, session));
        return document;
    }

    private static string Headline(VerdictClass verdictClass) => verdictClass switch
    {
        VerdictClass.NoHang => "NO HANG",
        VerdictClass.NotEnoughData => "NOT ENOUGH DATA",
        VerdictClass.Crash => "CRASH",
        _ => "HANG",
    };

    private static Tone ToneOf(VerdictClass verdictClass) => verdictClass switch
    {
        VerdictClass.NoHang => Tone.Good,
        VerdictClass.NotEnoughData => Tone.Caution,
        _ => Tone.Bad,
    };

    internal static string DumpLine(TargetDescription dump, ISystemFacts system)
    {
        string processors = dump.ProcessorCount == 0
            ? ""
            : $", {dump.ProcessorCount} CPU{(dump.ProcessorCount == 1 ? "" : "s")}";
        string architecture = dump.Architecture == Architecture.Unknown ? "" : $" {dump.Architecture.ToString().ToLowerInvariant()}";
        string line = $"{dump.OperatingSystem}{architecture}{processors}, {dump.Kind} {dump.Form}";
        IDumpMoment? moment = system as IDumpMoment;
        if ((dump.Time ?? moment?.Time) is { } time)
            line += $" of {time:yyyy-MM-dd HH:mm:ss} UTC";
        if ((dump.Uptime ?? moment?.Uptime) is { } uptime)
            line += $", up {AgeText.Format(uptime)}";
        if (moment?.Origin is { } origin)
            line += $", {origin}";
        if (system.Threads.Count > 1)
            line += $"; {system.Processes.Count:N0} processes, {system.Threads.Count:N0} threads";
        return line;
    }

    /// <summary>The system's record of its stop, and what there is of modules.</summary>
    private static string StopLine(string record, ISystemFacts system) => system.KernelModuleCount is { } modules
        ? $"{record}; {modules:N0} kernel module{(modules == 1 ? "" : "s")}"
        : record;

    /// <summary>Every further end has a line; with all evidence its whole chain.</summary>
    private static void AddFurtherChains(Document document, Verdict verdict, CommandSession session, bool verbose)
    {
        for (int i = 1; i < verdict.Chains.Count; i++)
        {
            Chain chain = verdict.Chains[i];
            if (verbose)
            {
                document.Add(new Span(i == 1 ? "Also" : "", Tone.Strong));
                ChainDocument.Add(document, chain, session, null, withEvidence: true);
                continue;
            }
            string label = i == 1 ? "Also" : "";
            if (i > MostFurther && verdict.Chains.Count > i + 1)
            {
                document.Add(new LineBlock([new Span($"… and {verdict.Chains.Count - i:N0} more; see !hangwhy -v")], [], LabelWidth));
                break;
            }
            ChainLink end = chain.Links[^1];
            List<Span> text = [new Span($"{label,-LabelWidth}"), chain.Links[0].Name];
            if (chain.Links.Count > 1)
                text.Add(chain.IsCycle ? " … in a circle" : $" … {end.Name}");
            text.Add($": {ChainDocument.Count(chain.BlockedThreads, "thread")}");
            if (chain.Similar > 0)
                text.Add($", {ChainDocument.Count(chain.Similar + 1, "chain")} alike");
            if (chain.Links.FirstOrDefault(l => l.Thread is not null)?.Thread is { } first)
                text.AddRange(["  ", Links.To(first.Address)]);
            document.Add(new LineBlock(text, [new Span(AgeText.Format(chain.LongestWait))], 0, LabelWidth));
        }
        if (verdict.Chains.Count > 1)
            document.Blank();
    }

    private static void AddStack(Document document, Verdict verdict, ISystemFacts system, bool verbose)
    {
        TitledStack stack = verdict.Stacks[0];
        string thread = stack.Thread is { } t ? $", thread {t.Address.Value:x16} of {t.Process.Title}" : "";
        document.Add($"Stack of the {stack.Title}{thread}:");
        StackDocument.AddFrames(document, stack.Stack, 2, verbose ? int.MaxValue : MostFrames);
        if (verdict is { Chains.Count: 0, Culprit: { } culprit })
            document.Add(new LineBlock([ChainDocument.DescribeLinked(culprit.Module, system)], [], 2));
        document.Blank();
    }

    /// <summary>What the system recorded of its stop, a line each; of lines with one label only the first has it.</summary>
    internal static void AddEvidence(
        Document document, IReadOnlyList<(string Label, Phrase Text)> evidence, ISystemFacts system)
    {
        string last = "";
        foreach ((string label, Phrase text) in evidence)
        {
            string start = label == last ? "" : label + (label.Length < LabelWidth ? "" : " ");
            document.Add(new LineBlock(
                [new Span(start.PadRight(LabelWidth), Tone.Strong), .. Links.ToSpans(text, system)], [], 0, LabelWidth));
            last = label;
        }
        if (evidence.Count > 0)
            document.Blank();
    }

    internal static void AddLabelled(Document document, string label, IReadOnlyList<(string What, string Why)> lines, int most)
    {
        int widest = lines.Select(l => l.What.Length).Where(l => l <= 10).DefaultIfEmpty(0).Max();
        for (int i = 0; i < lines.Count; i++)
        {
            string start = i == 0 ? label : "";
            if (i == most && lines.Count > most + 1)
            {
                document.Add(new LineBlock([new Span($"… and {lines.Count - i:N0} more; see /json")], [], LabelWidth));
                return;
            }
            string what = lines[i].What.Length <= widest ? lines[i].What.PadRight(widest) + "  " : lines[i].What + ": ";
            document.Add(new LineBlock([new Span(start.PadRight(LabelWidth), Tone.Strong), what, lines[i].Why], [], 0,
                LabelWidth + (what.EndsWith(' ') && lines[i].What.Length <= widest ? widest + 2 : 2)));
        }
    }

    private static void AddNext(Document document, NextSteps next)
    {
        List<Span> spans = [new Span("Next".PadRight(LabelWidth), Tone.Strong)];
        for (int i = 0; i < next.Commands.Count; i++)
        {
            if (i > 0)
                spans.Add(" · ");
            spans.Add(new Span(next.Commands[i], Tone.Normal, next.Commands[i]));
        }
        document.Add(new LineBlock(spans, [], 0, LabelWidth));
        foreach (string advice in next.Advice)
            document.Add(new LineBlock([advice], [], LabelWidth));
    }
}
