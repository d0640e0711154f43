using HangAnalysis.Cli.Prompting;
using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>Which part of a line is the command and which the file.</summary>
public class PromptLineTests
{
    [TestCase("!us -k", "!us -k", null, false)]
    [TestCase("  us -k  ", "us -k", null, false)]
    [TestCase("", "", null, false)]
    [TestCase("# us -k > x", "", null, false)]
    [TestCase("us -k > stacks.txt", "us -k", "stacks.txt", false)]
    [TestCase("us -k >stacks.txt", "us -k", "stacks.txt", false)]
    [TestCase("us -k >> stacks.txt", "us -k", "stacks.txt", true)]
    [TestCase("us -k >>\"two words.txt\"", "us -k", "two words.txt", true)]
    [TestCase("us -e \"a > b\" > c", "us -e \"a > b\"", "c", false)]
    [TestCase("why (1 > 2)", "why (1 > 2)", null, false)]
    [TestCase("us operator->x", "us operator->x", null, false)]
    public void A_line_is_a_command_and_perhaps_a_file(string line, string command, string? file, bool appends)
    {
        Assert.That(PromptLine.Parse(line), Is.EqualTo(new PromptLine(command, file, appends)));
    }

    [TestCase("us >", "needs the name of a file")]
    [TestCase("us > a b", "in quotation marks")]
    [TestCase("> a", "no command before")]
    public void What_cannot_be_meant_is_refused(string line, string why)
    {
        Assert.That(() => PromptLine.Parse(line), Throws.TypeOf<CommandUsageException>().With.Message.Contains(why));
    }

    [Test]
    [Platform("Linux,MacOsX")]
    public void A_tilde_is_the_users_folder()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

        Assert.That(PromptLine.Parse("us > ~/a.txt").File, Is.EqualTo($"{home}/a.txt"));
    }
}
