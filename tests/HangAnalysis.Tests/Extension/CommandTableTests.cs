using HangAnalysis.Commands;
using HangAnalysis.EngineTests;
using NUnit.Framework;

namespace HangAnalysis.Tests.Extension;

/// <summary>Every command is explained: by its own help, in the README, and beside what other tools offer.</summary>
public class CommandTableTests
{
    private static readonly string s_readme = File.ReadAllText(Path.Combine(SharedMaterial.RepositoryRoot, "README.md"));
    private static readonly string[] s_rows =
        [.. File.ReadLines(Path.Combine(SharedMaterial.RepositoryRoot, "docs", "commands.md")).Where(l => l.StartsWith("| ", StringComparison.Ordinal))];
    private static readonly string s_json = File.ReadAllText(Path.Combine(SharedMaterial.RepositoryRoot, "docs", "json.md"));

    private static IEnumerable<CommandHelp> Helps => CommandTable.All.Select(c => c.Help);

    [TestCaseSource(nameof(Helps))]
    public void Help_has_an_example_of_the_command_and_the_usage_names_every_option(CommandHelp help)
    {
        Assert.That(help.Examples, Is.Not.Empty);
        Assert.That(help.Examples.Select(e => e.Call), Has.Some.StartsWith($"!{help.Name}"));
        Assert.That(help.Usage, Does.StartWith($"!{help.Name}"));
        foreach (OptionHelp option in help.Options)
            Assert.That(help.Usage, Does.Match($@"[-/]{option.Name}\b"), option.Name);
        foreach ((string call, _) in help.Examples.Where(e => e.Call.StartsWith('!')))
            Assert.That(() => CommandArguments.Parse(call), Throws.Nothing, call);
    }

    [TestCaseSource(nameof(Helps))]
    public void The_readme_has_a_row_for_it(CommandHelp help) =>
        Assert.That(s_readme, Does.Match($@"(?m)^\| `!{help.Name}[ `]"));

    [TestCaseSource(nameof(Helps))]
    public void It_stands_beside_what_other_tools_offer(CommandHelp help) =>
        Assert.That(s_rows.Select(r => r.Split('|')[2].Trim()), Has.Some.Matches($"^`!{help.Name}( -[a-z]+)?`$"));

    [TestCaseSource(nameof(Helps))]
    public void Its_json_is_documented(CommandHelp help) =>
        Assert.That(s_json, help.Options.Any(o => o.Name == "json")
            ? Does.Match($@"(?m)^(\| `!{help.Name} /json` \|)|(## `!{help.Name}`:)") : Does.Not.Contain($"`!{help.Name} /json`"));

    [TestCaseSource(nameof(Helps))]
    public void Its_output_is_kept_in_a_golden_file(CommandHelp help) =>
        Assert.That(ForgedCase.All.SelectMany(GoldenFiles.Of).Select(g => CommandArguments.Parse(g.Line).Name), Has.Member(help.Name));

    [Test]
    public void Every_row_has_a_cell_for_each_tool() =>
        Assert.That(s_rows.Select(r => r.Trim('|').Split('|').Length), Has.All.EqualTo(4));
}
