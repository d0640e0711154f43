using System.Reflection;

namespace HangAnalysis.Analysis.Rules;

/// <summary>Rules that dumps are held against: those that are built in, and those of files.</summary>
public sealed class IssueSet
{
    private const string Resource = "known-issues.json";

    private static IssueSet? s_builtIn;

    private IssueSet(IReadOnlyList<KnownIssue> issues) => All = issues;

    /// <summary>The rules that come with the program; read when first asked for.</summary>
    public static IssueSet BuiltIn => s_builtIn ??= new IssueSet(RuleFile.Parse(ReadBuiltIn(), Resource, isBuiltIn: true));

    /// <summary>The rules, in the order of their files.</summary>
    public IReadOnlyList<KnownIssue> All { get; }

    /// <summary>
    /// These rules and those of a file, or of all files of a folder, and how many these are; a rule with the id of one that is here takes its place.
    /// Throws <see cref="RuleFileException"/> with one line that says what is wrong and where.
    /// </summary>
    public (IssueSet Rules, int Added) With(string path)
    {
        List<KnownIssue> added = RuleFile.ReadPath(path);
        return (With(added), added.Count);
    }

    /// <summary>The rule of an id; null where there is none.</summary>
    public KnownIssue? Find(string id)
    {
        foreach (KnownIssue issue in All)
            if (issue.Id.Equals(id, StringComparison.OrdinalIgnoreCase))
                return issue;
        return null;
    }

    private IssueSet With(List<KnownIssue> added)
    {
        List<KnownIssue> issues = [.. All];
        foreach (KnownIssue issue in added)
        {
            int place = issues.FindIndex(i => i.Id.Equals(issue.Id, StringComparison.OrdinalIgnoreCase));
            if (place < 0)
                issues.Add(issue);
            else
                issues[place] = issue;
        }
        return new IssueSet(issues);
    }

    private static byte[] ReadBuiltIn()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException("the rules are not in the program");
        byte[] text = new byte[stream.Length];
        stream.ReadExactly(text);
        return text;
    }
}
