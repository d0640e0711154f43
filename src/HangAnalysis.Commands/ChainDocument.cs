using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges a chain: who suffers first, one step a line, the wait and the certainty at the right.</summary>
internal static class ChainDocument
{
    private const int Step = 3;

    /// <summary>Columns up to which links are drawn further and further to the right; the rest of a long chain stands below.</summary>
    public const int DeepestIndent = 60;

    /// <summary>Columns that two steps in one line may take: the margin less the certainty.</summary>
    private const int LongestStep = 108;

    /// <summary>Adds a chain to a document.</summary>
    /// <param name="document">Receives the lines.</param>
    /// <param name="chain">The chain.</param>
    /// <param name="session">For the stacks of the threads in the chain.</param>
    /// <param name="culprit">The module that is named at the chain's end, or null.</param>
    /// <param name="withEvidence">Whether the command that shows each step stands below it.</param>
    public static void Add(Document document, Chain chain, CommandSession session, Culprit? culprit, bool withEvidence = false)
    {
        AddLinks(document, chain, session, culprit, withEvidence);
        if (chain.Similar > 0)
            document.Add(new LineBlock([new Span($"{Count(chain.Similar, "chain")} more like this one", Tone.Muted)], [], 2));
    }

    private static void AddLinks(Document document, Chain chain, CommandSession session, Culprit? culprit, bool withEvidence)
    {
        int indent = 2;
        string branch = "";
        for (int i = 0; i < chain.Links.Count; i++)
        {
            ChainLink link = chain.Links[i];
            bool last = i == chain.Links.Count - 1;
            if (link.Thread is { } thread)
            {
                bool closes = last && chain.IsCycle;
                AddThread(document, thread, session, indent, branch, closes, isFirst: i == 0);
                if (closes)
                    return;
                (indent, branch) = Next(indent, branch);
            }
            else if (i == 0)
            {
                document.Add(new LineBlock([new Span(branch), new Span(link.Process?.Title ?? link.Name, Tone.Strong,
                    link.Process is null ? null : Links.CommandFor(link.Process))], [], indent));
                (indent, branch) = Next(indent, branch);
            }
            if (link.WaitsFor is not { } waits)
                continue;
            List<Span> text = [new Span(branch), .. Links.ToSpans(waits, session.System)];
            if (Alike(link) is { } alike)
                text.Add(alike);
            Certainty certainty = link.Certainty;
            List<string> evidence = [link.Evidence];
            // What a thread waits for and who has that make one line, if they fit into one.
            while (!last && chain.Links[i].Omitted == 0 && chain.Links[i + 1] is { Thread: null, WaitsFor: { } further } next
                && indent + text.Sum(t => t.Text.Length) + further.ToString().Length <= LongestStep)
            {
                text.AddRange(["; ", .. Links.ToSpans(further, session.System)]);
                certainty = next.Certainty < certainty ? next.Certainty : certainty;
                if (!evidence.Contains(next.Evidence))
                    evidence.Add(next.Evidence);
                i++;
                last = i == chain.Links.Count - 1;
            }
            document.Add(new LineBlock(text, last && culprit is null
                ? [new Span("END", Tone.Caution)]
                : [new Span(VerdictWords.Of(certainty), ToneOf(certainty))], indent, branch.Length));
            (indent, branch) = Next(indent, branch);
            if (withEvidence)
                AddEvidence(document, evidence, indent);
            if (chain.Links[i].Omitted > 0)
                document.Add(new LineBlock([new Span(branch), new Span($"… {Count(chain.Links[i].Omitted, "link")} left out …",
                    Tone.Muted)], [], indent));
        }
        if (chain.IsCycle)
            document.Add(new LineBlock([new Span(branch), "(again: the circle closes)"], [], indent));
        else if (culprit?.Frame is not null && chain.Links.LastOrDefault(l => l.Thread is not null)?.Thread is { } root)
            AddCulprit(document, session.System, root, culprit, indent, branch);
        else if (culprit is not null)
            document.Add(new LineBlock([new Span(branch), DescribeLinked(culprit.Module, session.System)],
                [new Span("ROOT", Tone.Bad)], indent, branch.Length));
        else if (chain is { End: { } end, Links: [.., { WaitsFor: null }] })
            document.Add(new LineBlock([new Span(branch), .. Links.ToSpans(end, session.System)], [new Span("END", Tone.Caution)],
                indent, branch.Length));
    }

    /// <summary>A number with its noun.</summary>
    public static string Count(int number, string noun) => $"{number:N0} {noun}{(number == 1 ? "" : "s")}";

    /// <summary>How many more threads wait for the same as a link.</summary>
    private static string? Alike(ChainLink link) => link switch
    {
        { AlikeThreads: 0 } => null,
        { AlikeLongest: null } => $" ({Count(link.AlikeThreads, "more thread")} for it)",
        { AlikeThreads: 1 } => $" (1 more thread waits for it, {AgeText.Format(link.AlikeLongest)})",
        _ => $" ({link.AlikeThreads:N0} more threads wait for it, the longest {AgeText.Format(link.AlikeLongest)})",
    };

    private static void AddEvidence(Document document, List<string> evidence, int indent)
    {
        foreach (string command in evidence)
            if (command.Length > 0)
                document.Add(new LineBlock([new Span(command, Tone.Muted, command)], [], indent));
    }

    private static (int Indent, string Branch) Next(int indent, string branch) =>
        branch.Length == 0 ? (indent, "└─ ") : (Math.Min(indent + Step, DeepestIndent), branch);

    private static void AddThread(Document document, ThreadFacts thread, CommandSession session, int indent, string branch,
        bool closes, bool isFirst)
    {
        List<Span> left = [new Span(branch)];
        // Where every thread is known by its decimal identifier, a name alone says little.
        bool isTitled = isFirst || branch.Length == 0 || thread.Process.IsIdDecimal;
        string process = isTitled ? thread.Process.Title : thread.Process.Name;
        left.Add(new Span(process, Tone.Strong, Links.CommandFor(thread.Process)));
        left.Add("  thread ");
        left.Add(Links.To(thread.Address));
        if (closes)
            left.Add("  (again: the circle closes)");
        else if (session.System.DescribeLandmark(session.System.GetStack(thread)) is { } landmark)
            left.Add($"  {landmark}");
        string state = thread.Activity == ThreadActivity.Waiting ? "waits" : thread.State;
        string age = thread.Age is null ? state : $"{state} {AgeText.Format(thread.Age)}";
        document.Add(new LineBlock(left, [new Span(age)], indent, branch.Length));
    }

    private static void AddCulprit(Document document, ISystemFacts system, ThreadFacts root, Culprit culprit, int indent,
        string branch)
    {
        List<string> frames = [];
        const int MostFrames = 3;
        string? function = null;
        bool reached = false;
        foreach (FrameFacts frame in system.GetStack(root).Frames)
        {
            reached |= frame == culprit.Frame;
            if (!reached || frames.Count == MostFrames || frame.Function == function)
                continue;
            frames.Add(frame.Text);
            function = frame.Function;
        }
        // What a deferred procedure call is recorded as is where it begins, which is no frame of a stack.
        if (!reached)
            frames.Add(culprit.Evidence);
        document.Add(new LineBlock([new Span(branch), new Span(string.Join(" <- ", frames), Tone.Bad)],
            [new Span("ROOT", Tone.Bad)], indent, branch.Length));
        document.Add(new LineBlock([DescribeLinked(culprit.Module, system)], [], indent + branch.Length));
    }

    /// <summary>What is known of the module that is named at the end of a chain, as a link to it.</summary>
    public static Span DescribeLinked(ModuleFacts module, ISystemFacts system) =>
        Links.To(module, system, Describe(module), Tone.Bad);

    /// <summary>File, version, company and link date of a module, as far as they are known.</summary>
    private static string Describe(ModuleFacts module)
    {
        string text = module.FileName;
        if (module.Version is not null)
            text += $" {module.Version}";
        text += $", {module.Company ?? module.Remark ?? "company not recorded in the dump"}";
        return module.LinkDate is { } date ? $"{text}, {date:yyyy-MM-dd}" : text;
    }

    internal static Tone ToneOf(Certainty certainty) => certainty switch
    {
        Certainty.Proven => Tone.Good,
        Certainty.Inferred => Tone.Normal,
        _ => Tone.Caution,
    };
}
