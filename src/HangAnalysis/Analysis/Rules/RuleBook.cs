namespace HangAnalysis.Analysis.Rules;

/// <summary>The rules of a host: those that are built in, and what was added since. All dumps that it opens share them.</summary>
public sealed class RuleBook
{
    private IssueSet? _rules;

    /// <summary>The rules as they are now.</summary>
    public IssueSet Rules => _rules ??= IssueSet.BuiltIn;

    /// <summary>
    /// Adds the rules of a file, or of all files of a folder; returns how many. Throws <see cref="RuleFileException"/> and
    /// adds nothing where one of them is wrong.
    /// </summary>
    public int Add(string path)
    {
        (IssueSet rules, int count) = Rules.With(path);
        _rules = rules;
        return count;
    }
}
