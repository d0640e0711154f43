using HangAnalysis.Analysis.Rules;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis.Rules;

/// <summary>
/// Each built-in rule finds what its reference describes, and nothing that only looks like it. The cases say in their own words
/// what a dump would have, and take nothing from the rules' file.
/// </summary>
public class KnownIssueTests
{
    [TestCaseSource(typeof(KnownIssueCases), nameof(KnownIssueCases.Ids))]
    public void What_the_reference_describes_is_found_and_nothing_else_is(string id)
    {
        foreach (KnownIssueCase issue in KnownIssueCases.Of(id))
        {
            IReadOnlyList<IssueMatch> matches = RuleMatcher.Match(IssueSet.BuiltIn.All, issue.Shows.Make());

            Assert.That(matches.Select(m => m.Issue.Id), Is.EqualTo([id]));
            Assert.That(string.Join(" | ", matches[0].Findings.Select(f => f.ToString())), Does.Contain(issue.By));
        }
    }

    [TestCaseSource(typeof(KnownIssueCases), nameof(KnownIssueCases.Ids))]
    public void What_only_looks_like_it_is_not_found(string id)
    {
        foreach (KnownIssueCase issue in KnownIssueCases.Of(id))
            Assert.That(RuleMatcher.Match(IssueSet.BuiltIn.All, issue.NearMiss.Make()).Select(m => m.Issue.Id), Is.Empty);
    }

    /// <summary>A broken processor makes any module look guilty; only what is about hardware may speak then.</summary>
    [TestCaseSource(typeof(KnownIssueCases), nameof(KnownIssueCases.Ids))]
    public void No_module_is_accused_where_the_hardware_computes_wrong(string id)
    {
        foreach (KnownIssueCase issue in KnownIssueCases.Of(id))
            Assert.That(RuleMatcher.Match(IssueSet.BuiltIn.All, issue.Shows.Cause(CrashCause.Hardware, Certainty.Inferred).Make())
                .Where(m => m.Issue.Kind is not (IssueKind.Hardware or IssueKind.Leak)), Is.Empty);
    }

    [Test]
    public void Every_rule_has_a_case_and_there_are_at_least_fifty()
    {
        Assert.That(IssueSet.BuiltIn.All.Select(i => i.Id), Is.EquivalentTo(KnownIssueCases.Ids()));
        Assert.That(IssueSet.BuiltIn.All, Has.Count.GreaterThanOrEqualTo(50));
    }

    [Test]
    public void Every_rule_says_what_it_is_what_helps_and_where_it_is_published()
    {
        foreach (KnownIssue issue in IssueSet.BuiltIn.All)
        {
            Assert.That(issue.Says, Does.EndWith("."), issue.Id);
            Assert.That(issue.Advice, Does.EndWith("."), issue.Id);
            Assert.That(issue.References, Is.Not.Empty.And.All.StartsWith("http"), issue.Id);
            Assert.That(issue.Checked, Is.EqualTo(new DateOnly(2025, 10, 28)), issue.Id);
            Assert.That(issue.File, Is.Null, issue.Id);
        }
    }
}
