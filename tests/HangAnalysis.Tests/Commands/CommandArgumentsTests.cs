using HangAnalysis.Commands;
using HangAnalysis.Reports;
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
        Assert.That(CommandArguments.TryParseAddress(text, out ulong address) ? address : 0, Is.EqualTo(expected));

    [TestCase("zz")]
    [TestCase("")]
    [TestCase("0n12f")]
    [TestCase("fffff000000000000f")]
    public void What_is_no_address_is_not_taken_for_one(string text) =>
        Assert.That(CommandArguments.TryParseAddress(text, out _), Is.False);

    [TestCase("!lpcchain (poi(nt!X) + 8) /q", "(poi(nt!X) + 8)")]
    [TestCase("!lpcchain \"@$proc + 8\" /q", "@$proc + 8")]
    [TestCase("!lpcchain nt!X+0x10\t/q", "nt!X+0x10")]
    public void An_expression_in_parentheses_or_quotation_marks_is_one_word(string line, string expected)
    {
        CommandArguments arguments = CommandArguments.Parse(line);

        Assert.That(arguments.Words, Is.EqualTo(new[] { expected }));
        Assert.That(arguments.Has("q"), Is.True);
    }

    [TestCase("!fems /q -r \"nt!Ki Swap\" !us -p \"a b\"  /json ", "\"nt!Ki Swap\" !us -p \"a b\"  /json")]
    [TestCase("!fems -s text -1 !why ${t}", "!why ${t}")]
    [TestCase("!fems -k", "")]
    [TestCase("!us -k text", null)]
    public void A_command_that_runs_another_gets_its_line_as_it_was_typed(string line, string? rest)
    {
        CommandArguments arguments = CommandArguments.Parse(line);

        Assert.That(arguments.Rest, Is.EqualTo(rest));
        Assert.That(arguments.Has("json"), Is.False);
    }

    [TestCase("us", "!us  groups threads")]
    [TestCase("!US", "!us  groups threads")]
    [TestCase("module", "!mods")]
    public void Help_is_found_by_a_name_or_by_a_word(string word, string expected)
    {
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(HelpCommand.Answer(word));

        Assert.That(writer.ToString(), Does.Contain(expected));
    }

    [Test]
    public void Help_lists_every_command_under_a_category()
    {
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(HelpCommand.Answer(""));

        foreach (ICommand command in CommandTable.All)
            Assert.That(writer.ToString(), Does.Contain("\n  !" + command.Help.Name + " "), command.Help.Name);
        Assert.That(() => HelpCommand.Answer("zebra"), Throws.TypeOf<CommandUsageException>());
    }

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
