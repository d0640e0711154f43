using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!why</c>: why one thread does not go on.</summary>
internal sealed class WhyCommand(CommandWords words) : ICommand
{
    private const int Step = 3;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Verdicts, "why",
        "says why one thread does not go on: one sentence, and a tree of everything that it waits for",
        "!why [THREAD] [-v] [/json] [/q]",
        [new("v", null, "the command that shows each step, below it"), .. CommandHelp.ListingOptions],
        [($"!why {words.Thread}", "one thread, by its address or identifier"),
            ("!why", words.HasDebugger
                ? "the debugger's current thread if it waits, or the root thread of the verdict"
                : "the root thread of the verdict")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!why: one thread at a time; see !why /?");
        session.RequireThreads(Help.Name);
        ThreadFacts thread = arguments.Words.Count == 1 ? session.FindThread(arguments.Words[0]) : Choose(session);
        WaitTree tree = new(session.System, thread);
        List<ulong> threads = [];
        CollectThreads(tree.Root, threads);
        return new CommandOutput(Arrange(tree, session, arguments.Has("v")),
            () => JsonSerializer.Serialize(new WhyJson("hanganalysis-why/1", tree.Summary.ToString(), ToJson(tree.Root)),
                ReportJsonContext.Default.WhyJson),
            threads);
    }

    private static ThreadFacts Choose(CommandSession session)
    {
        if (session.Evaluator?.Invoke("@$thread") is { } address
            && session.System.FindThread(address) is { Activity: ThreadActivity.Waiting } current)
            return current;
        Verdict verdict = session.Verdict;
        return (verdict.Chains.Count == 0 ? null : (verdict.Stacks.Count == 0 ? null : verdict.Stacks[0].Thread)
            ?? verdict.Chains[0].Links.LastOrDefault(l => l.Thread is not null)?.Thread)
            ?? throw new CommandUsageException("!why: name a thread; the verdict has no root thread");
    }

    private static Document Arrange(WaitTree tree, CommandSession session, bool verbose)
    {
        Document document = new();
        document.Add(new LineBlock([new Span("WHY", Tone.Bad), "  ", .. Links.ToSpans(tree.Summary, session.System)], [], 0, 5));
        document.Blank();
        AddNode(document, tree.Root, session, verbose, 2, "");
        return document;
    }

    private static void AddNode(
        Document document, WaitTreeNode node, CommandSession session, bool verbose, int indent, string branch)
    {
        if (node.Step is { } step)
        {
            document.Add(new LineBlock([new Span(branch), .. Links.ToSpans(step.What, session.System)],
                [new Span(VerdictWords.Of(step.Certainty), ChainDocument.ToneOf(step.Certainty))], indent, branch.Length));
            indent = Math.Min(indent + branch.Length, ChainDocument.DeepestIndent);
            if (verbose && step.Evidence.Length > 0)
                document.Add(new LineBlock([new Span(step.Evidence, Tone.Muted, step.Evidence)], [], indent));
        }
        if (node.Thread is { } thread)
        {
            string before = node.Step is null ? "" : "└─ ";
            AddThread(document, thread, session, indent, before, node.ClosesCircle);
            indent = Math.Min(indent + before.Length, ChainDocument.DeepestIndent);
        }
        else if (node.ClosesCircle)
            document.Add(new LineBlock(["└─ (again: the circle closes)"], [], indent));
        for (int i = 0; i < node.Children.Count; i++)
            AddNode(document, node.Children[i], session, verbose, indent, "└─ ");
        if (node.Note is { } note && !node.ClosesCircle)
            document.Add(new LineBlock([new Span("└─ "), .. Links.ToSpans(note, session.System)],
                node.Children.Count == 0 ? [new Span("END", Tone.Caution)] : [], indent, Step));
    }

    private static void AddThread(
        Document document, ThreadFacts thread, CommandSession session, int indent, string branch, bool closes)
    {
        List<Span> left = [new Span(branch), new Span(thread.Process.Title, Tone.Strong, Links.CommandFor(thread.Process)),
            "  thread ", Links.To(thread.Address)];
        if (closes)
            left.Add("  (again: the circle closes)");
        else if (session.System.DescribeLandmark(session.System.GetStack(thread)) is { } landmark)
            left.Add($"  {landmark}");
        string state = thread.Activity == ThreadActivity.Waiting ? "waits" : thread.State;
        document.Add(new LineBlock(left, [new Span(thread.Age is null ? state : $"{state} {AgeText.Format(thread.Age)}")], indent,
            branch.Length));
    }

    private static void CollectThreads(WaitTreeNode node, List<ulong> threads)
    {
        if (node.Thread is { } thread && !threads.Contains(thread.Address.Value))
            threads.Add(thread.Address.Value);
        foreach (WaitTreeNode child in node.Children)
            CollectThreads(child, threads);
    }

    private static WhyNodeJson ToJson(WaitTreeNode node) => new(
        VerdictWords.Of(node.Reference.Kind), VerdictJsonMapper.Hex(node.Reference.Address), node.Name, node.Process?.Name,
        node.Process?.Id, node.Thread?.Id, VerdictJsonMapper.Age(node.Thread?.Age),
        node.Step?.What.ToString(), node.Step is null ? null : VerdictWords.Of(node.Step.Certainty), node.Step?.Evidence,
        node.ClosesCircle, node.Note?.ToString(), [.. node.Children.Select(ToJson)]);
}
