using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Analysis.Rules;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!rules</c>: the rules of known issues, and which of them fit the dump.</summary>
internal sealed class RulesCommand : ICommand
{
    private const string Schema = "hanganalysis-rules-list/1";

    private const int LabelWidth = 16;

    /// <summary>Columns of the list for the name of a rule and what it says: the page less the others.</summary>
    private const int TableWidth = 95;

    private const int LeastWords = 30;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Verdicts, "rules",
        "known issues: lists the rules, shows one, or tells which of them fit this dump and by what",
        "!rules [-m] [-add PATH] [ID] [/json] [/q]",
        [
            new("m", null, "only the rules that fit this dump, with what of it fits"),
            new("add", "PATH", "adds the rules of a file, or of all files of a folder; docs/rules.md says how they are written"),
            .. CommandHelp.ListingOptions,
        ],
        [("!rules -m", "the known issues that this dump shows"), ("!rules ms17-010", "one rule: what it asks for, and its references"),
            ("!rules -add C:\\rules -m", "the same with rules of one's own")])
    {
        Subject = "known issues of Windows",
    };

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!rules: one rule at a time; see !rules /?");
        if (arguments.Words.Count > 0 && arguments.Has("m"))
            throw new CommandUsageException("!rules: -m tells of all rules that fit; see !rules /?");
        string? added = arguments.Value("add") is { } path ? Add(session, path) : null;
        IssueSet rules = session.RuleBook.Rules;
        if (arguments.Has("m"))
        {
            Verdict verdict = session.Verdict;
            IReadOnlyList<IssueMatch> matches = session.FindKnownIssues(verdict);
            return Output(ArrangeMatches(matches, session, added), new RulesJson(Schema, null, [.. matches.Select(Map)]));
        }
        if (arguments.Words.Count == 0)
            return Output(ArrangeList(rules, added), new RulesJson(Schema, [.. rules.All.Select(MapRule)], null));
        KnownIssue issue = rules.Find(arguments.Words[0])
            ?? throw new CommandUsageException($"!rules: no rule is called '{arguments.Words[0]}'; !rules lists them");
        return Output(ArrangeOne(issue, added), new RulesJson(Schema, [MapRule(issue)], null));
    }

    /// <summary>A match in the shape of the contract.</summary>
    public static KnownIssueJson Map(IssueMatch match)
    {
        KnownIssue issue = match.Issue;
        return new KnownIssueJson(issue.Id, ContractWords.Of(issue.Kind), ContractWords.Of(issue.Confidence), issue.Says, issue.Advice,
            issue.Note, issue.References, $"{issue.Checked:yyyy-MM-dd}", issue.File, [.. match.Findings.Select(f => f.ToString())]);
    }

    private static RuleJson MapRule(KnownIssue issue) => new(issue.Id, ContractWords.Of(issue.Kind),
        ContractWords.Of(issue.Confidence), issue.Says, issue.Advice, issue.Note, issue.References, $"{issue.Checked:yyyy-MM-dd}",
        issue.File, [.. issue.DescribeWays().Select(way => (IReadOnlyList<EvidenceJson>)[
            .. way.Select(line => new EvidenceJson(line.Label, line.Text))])]);

    private static string Add(CommandSession session, string path)
    {
        try
        {
            int count = session.RuleBook.Add(path);
            return $"{count:N0} rule{(count == 1 ? "" : "s")} of {path}";
        }
        catch (RuleFileException exception)
        {
            throw new CommandUsageException(exception.Message, exception);
        }
    }

    private static CommandOutput Output(Document document, RulesJson json) =>
        new(document, () => JsonSerializer.Serialize(json, ReportJsonContext.Default.RulesJson), []);

    private static Document ArrangeList(IssueSet rules, string? added)
    {
        Document document = new();
        int longest = rules.All.Max(i => i.Id.Length);
        document.Add(new TableBlock([new("Rule"), new("Kind"), new("Confidence"), new("Says")],
            [.. rules.All.Select(i => (IReadOnlyList<Span>)
            [
                new Span(i.Id, Tone.Normal, $"!rules {i.Id}"), ContractWords.Of(i.Kind), ContractWords.Of(i.Confidence),
                Begin(i.Says, Math.Max(LeastWords, TableWidth - longest)),
            ])]));
        document.Blank();
        document.Add(Count(rules.All.Count, rules.All.Count(i => i.File is not null)));
        AddNote(document, added);
        return document;
    }

    /// <summary>The first words of a sentence: the rest is told of one rule alone.</summary>
    private static string Begin(string text, int most)
    {
        if (text.Length <= most)
            return text;
        int end = text.LastIndexOf(' ', most - 2);
        return text[..(end > 0 ? end : most - 2)] + " …";
    }

    private static string Count(int all, int own) =>
        $"{all:N0} rules{(own > 0 ? $", {own:N0} of files of one's own" : "")}; !rules -m tells which fit this dump";

    private static Document ArrangeOne(KnownIssue issue, string? added)
    {
        Document document = new();
        document.Add(new Span(issue.Id, Tone.Strong),
            $"  {ContractWords.Of(issue.Kind)} · {(issue.Confidence == IssueConfidence.Hint ? "a hint only" : $"{ContractWords.Of(issue.Confidence)} confidence")}");
        document.Add(new LineBlock([issue.Says], []));
        document.Blank();
        string label = "When";
        foreach (IReadOnlyList<(string Label, string Text)> way in issue.DescribeWays())
        {
            foreach ((string name, string text) in way)
            {
                document.Add(new LineBlock([new Span(label.PadRight(8), Tone.Strong), name.PadRight(LabelWidth), text], [], 0,
                    8 + LabelWidth));
                label = "";
            }
            label = "or";
        }
        document.Blank();
        KnownIssueDocument.AddRest(document, issue, verbose: true, 0);
        AddNote(document, added);
        return document;
    }

    private static Document ArrangeMatches(IReadOnlyList<IssueMatch> matches, CommandSession session, string? added)
    {
        Document document = new();
        foreach (IssueMatch match in matches)
        {
            KnownIssueDocument.Add(document, "Known", match, session, verbose: true);
            document.Blank();
        }
        int all = session.RuleBook.Rules.All.Count;
        document.Add(matches.Count == 0 ? $"none of {all:N0} rules fits this dump" : $"{matches.Count:N0} of {all:N0} rules fit this dump");
        AddNote(document, added);
        return document;
    }

    private static void AddNote(Document document, string? added)
    {
        if (added is not null)
            document.Add(new Span($"added {added}", Tone.Muted));
    }
}
