using HangAnalysis.Cli.Prompting;
using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>What Tab offers.</summary>
public class PromptCompleterTests
{
    private PromptFixture _prompt = null!;

    [SetUp]
    public void Begin() => _prompt = new PromptFixture();

    [TearDown]
    public void End() => _prompt.Dispose();

    [Test]
    public void At_the_start_of_a_line_commands_with_and_without_their_mark()
    {
        Assert.That(Texts("hang"), Is.EqualTo(new[] { "hangwhy" }));
        Assert.That(Texts("!HANG"), Is.EqualTo(new[] { "!hangwhy" }));
        Assert.That(Texts(".p"), Is.EqualTo(new[] { ".process" }));
        Assert.That(Texts(""),
            Is.SupersetOf(CommandTable.All.Select(c => c.Help.Name)).And.SupersetOf(new[] { "go", "help", "quit" }));
        Assert.That(Texts("!"), Is.EquivalentTo(CommandTable.All.Select(c => "!" + c.Help.Name)));
        Assert.That(Texts("help hang"), Is.EqualTo(new[] { "hangwhy" }));
        Assert.That(Texts("!hahelp hang"), Is.EqualTo(new[] { "hangwhy" }));
    }

    [Test]
    public void Every_option_of_every_command_with_the_sign_that_was_typed()
    {
        foreach (ICommand command in CommandTable.All.Where(c => c is not HelpCommand))
        {
            Assert.That(Texts($"{command.Help.Name} -"), Is.EqualTo(command.Help.Options.Select(o => $"-{o.Name}")));
            Assert.That(Texts($"!{command.Help.Name} /"), Is.EqualTo(command.Help.Options.Select(o => $"/{o.Name}")));
        }
        Assert.That(Complete("us -p").Candidates[0].Meaning, Does.StartWith("PROCESS: "));
    }

    [Test]
    public void Before_anything_was_read_no_process_is_offered_and_nothing_is_read_for_it()
    {
        Assert.That(Texts("us -p exp"), Is.Empty);
        Assert.That(_prompt.Dump.Commands.HasSystem, Is.False);
    }

    [Test]
    public void Processes_by_name_and_as_addresses_where_several_have_the_name_or_a_command_takes_no_names()
    {
        _prompt.Type("us /q\n");

        Assert.That(Texts("us -p expl"), Is.EqualTo(new[] { "explorer.exe" }));
        Assert.That(Texts(".process EXPL"), Is.EqualTo(new[] { "explorer.exe" }));
        Assert.That(Texts("lpcchain expl"), Is.EqualTo(new[] { "ffffab06b8137800" }));
        Completion services = Complete("us -p svch");
        Assert.That(services.Candidates, Has.Count.GreaterThan(1));
        Assert.That(services.Candidates,
            Has.All.Matches<Candidate>(c => c.Text.Length == 16 && c.Meaning.StartsWith("svchost.exe ")));
        Assert.That(services.Candidates, Has.Some.EqualTo(new Candidate("ffffab06b0038ec0", "svchost.exe 3a4")));
    }

    [Test]
    public void Addresses_that_were_printed_by_their_first_or_any_other_digits()
    {
        Assert.That(Texts("lpcchain 1080"), Is.Empty);
        _prompt.Type("hangwhy\n");

        Assert.That(Complete("lpcchain 1080").Candidates,
            Is.EqualTo(new[] { new Candidate("ffffab06b8121080", "thread of explorer.exe c1c") }));
        Assert.That(Texts("lpcchain ffffab06b81"), Is.EquivalentTo(new[] { "ffffab06b8121080", "ffffab06b8137800" }));
        Assert.That(Complete("lpcchain ffffab06b81").CommonStart(), Is.EqualTo("ffffab06b81"));
        Assert.That(Texts("lpcchain fffff8022e83f440"), Is.EqualTo(new[] { "fffff8022e83f440" }), "an event");
        Assert.That(Texts("lpcchain 1080x"), Is.Empty);
        Assert.That(Texts("nonsense 1080"), Is.Empty);
    }

    [Test]
    public void Only_so_many_addresses_are_remembered_and_the_latest_come_first()
    {
        SeenAddresses seen = new();
        for (ulong i = 0; i < 3 * SeenAddresses.Most; i++)
            seen.Note($"thread {0xffff800000000000 + i:x16}, queued");

        Assert.That(seen.Find("ffff8"), Has.Count.InRange(SeenAddresses.Most, 2 * SeenAddresses.Most));
        Assert.That(seen.Find("")[0], Is.EqualTo(0xffff800000000000 + 3 * SeenAddresses.Most - 1));
        seen.Note("fffff8000000000012 and zfff800000000000 and fffff80000000000g");
        Assert.That(seen.Find("fffff"), Is.Empty, "longer words are no addresses");
    }

    [Test]
    public void A_list_fits_the_screen_and_counts_the_rest()
    {
        Completion completion = new(0,
            [.. Enumerable.Range(0, 100).Select(i => new Candidate($"word{i}", new string('m', 200)))]);

        string[] rows = [.. completion.Describe(79, 10)];

        Assert.That(rows, Has.Length.EqualTo(10));
        Assert.That(rows, Has.All.Length.LessThanOrEqualTo(79));
        Assert.That(rows[^1], Is.EqualTo("  … and 91 more"));
    }

    [Test]
    public void Names_chosen_to_drive_a_terminal_are_offered_as_addresses()
    {
        using Scenarios.ForgedFolder forged = new("hostile-names");
        using PromptFixture prompt = new(forged.DumpPath);
        prompt.Type("us -k /q\n");

        Completion completion = prompt.Prompt.Completer.Complete(".process ");

        Assert.That(completion.Candidates.Select(c => c.Text).Where(t => t.Any(c => char.IsControl(c) || c is > '~')), Is.Empty);
        Assert.That(completion.Describe(100, 1000).Where(r => r.Any(char.IsControl)), Is.Empty);
        Assert.That(completion.Candidates, Is.Not.Empty);
    }

    private Completion Complete(string typed) => _prompt.Prompt.Completer.Complete(typed);

    private IEnumerable<string> Texts(string typed) => Complete(typed).Candidates.Select(c => c.Text);
}
