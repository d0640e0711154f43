using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.Tests.Commands;

public class CommandArgumentsTests
{
    [Test]
    public void Options_with_either_mark_and_words_are_told_apart()
    {
        CommandArguments arguments = CommandArguments.Parse("!us -p ffffab06`b8137800 /q");

        Assert.That(arguments.Name, Is.EqualTo("us"));
        Assert.That(arguments.Value("p"), Is.EqualTo("ffffab06`b8137800"));
        Assert.That(arguments.Has("q"), Is.True);
        Assert.That(arguments.Words, Is.Empty);
    }

    [TestCase("ffffab06b8137800", 0xffffab06b8137800)]
    [TestCase("ffffab06`b8137800", 0xffffab06b8137800)]
    [TestCase("0xFFFFAB06B8137800", 0xffffab06b8137800)]
    [TestCase("3a4", 0x3a4UL)]
    [TestCase("0n932", 932UL)]
    public void Addresses_are_read_as_debuggers_read_them(string text, ulong expected) =>
        Assert.That(CommandArguments.ParseAddress(text), Is.EqualTo(expected));

    [TestCase("zz")]
    [TestCase("")]
    [TestCase("0n12f")]
    [TestCase("fffff000000000000f")]
    public void What_is_no_address_is_an_error_of_one_line(string text) =>
        Assert.That(() => CommandArguments.ParseAddress(text), Throws.TypeOf<CommandUsageException>());

    [TestCase("!us -x", "unknown option -x")]
    [TestCase("!us -p", "needs PROCESS")]
    public void Options_that_do_not_exist_or_lack_their_value_are_refused(string line, string expected) =>
        Assert.That(() => CommandArguments.Parse(line),
            Throws.TypeOf<CommandUsageException>().With.Message.Contains(expected));

    [TestCase("!us /?")]
    [TestCase("!us -h")]
    [TestCase("us -?")]
    [TestCase("!hang.us /?")]
    public void Every_command_answers_to_the_usual_marks_of_help(string line)
    {
        CommandArguments arguments = CommandArguments.Parse(line);

        Assert.That(arguments.WantsHelp, Is.True);
        Assert.That(CommandTable.Require(arguments).Help.Name, Is.EqualTo("us"));
    }

    [Test]
    public void Every_command_has_help_with_an_example_and_every_listing_has_q_and_json()
    {
        foreach (ICommand command in CommandTable.All)
        {
            Assert.That(command.Help.Summary, Is.Not.Empty, command.Help.Name);
            Assert.That(command.Help.Examples, Is.Not.Empty, command.Help.Name);
            if (command is not HelpCommand)
                Assert.That(command.Help.Options.Select(o => o.Name), Is.SupersetOf(new[] { "q", "json" }), command.Help.Name);
        }
    }
}
