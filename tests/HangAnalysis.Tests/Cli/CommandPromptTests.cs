using HangAnalysis.Cli.Prompting;
using HangAnalysis.Targets;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>Lines at the prompt, on the log-off hang: explorer c1c waits inside a filter, svchost 3a4 waits for it.</summary>
public class CommandPromptTests
{
    private const string Explorer = "ffffab06b8137800", MainThread = "ffffab06b8121080", Service = "ffffab06b1b28800";

    private PromptFixture _prompt = null!;

    [SetUp]
    public void Begin() => _prompt = new PromptFixture();

    [TearDown]
    public void End() => _prompt.Dispose();

    [Test]
    public void The_greeting_names_the_dump_and_reads_none_of_it()
    {
        _prompt.Prompt.Greet();

        Assert.That(_prompt.Terminal.Rows[0],
            Does.EndWith("memory.dmp: Windows 10.0.14393 x64, full dump of 2018-03-18 02:00:00 UTC"));
        Assert.That(_prompt.Dump.Commands.HasSystem, Is.False);
    }

    [Test]
    public void Commands_are_typed_with_and_without_their_mark()
    {
        string with = _prompt.Type("!us /q -p c1c\n");
        string without = _prompt.Type("us /q -p c1c\nUS -q -p c1c\n");

        Assert.That(with, Is.EqualTo($"hang> !us /q -p c1c\n{MainThread}\nhang>\n"));
        Assert.That(without, Does.Contain($"hang> us /q -p c1c\n{MainThread}\nhang> US -q -p c1c\n{MainThread}\n"));
    }

    [Test]
    public void The_verdicts_next_steps_are_the_first_links_and_go_follows_them()
    {
        string verdict = _prompt.Type("hangwhy\n");
        Assert.That(verdict,
            Does.Contain($"\ngo 1 !t {MainThread} · 2 !us -p {Explorer} · 3 !lpcchain {Service} · 4 !mods TmXPFlt · go lists all 10\n"));

        string followed = _prompt.Type("go 2\n");
        Assert.That(followed, Does.StartWith($"hang> go 2\nhang> !us -p {Explorer}\n1 thread [stats]: {MainThread}\n"));
    }

    [Test]
    public void Go_lists_the_links_and_the_list_leaves_their_numbers_as_they_are()
    {
        _prompt.Type("hangwhy\n");
        string[] rows = _prompt.Type("go\n").Split('\n');

        Assert.That(rows.Skip(1).Select(r => r.TrimStart().Split("  ", 2)[0].Split(' ')[0]).Take(12),
            Is.EqualTo(new[] { "#", "==", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10" }));
        Assert.That(rows[4], Does.EndWith($"!us -p {Explorer}"));
        Assert.That(_prompt.Type("go mods\n"), Does.Contain("hang> !mods TmXPFlt\n"));
    }

    [Test]
    public void Go_with_a_word_runs_the_one_link_that_holds_it_and_lists_several()
    {
        _prompt.Type("hangwhy\n");
        string several = _prompt.Type($"go {Service}\n");
        Assert.That(several,
            Does.Contain($"!lpcchain {Service}").And.Contain($"!t {Service}").And.Not.Contain("TmXPFlt"));
        Assert.That(_prompt.Type("go nonsense\n"), Does.Contain("no link of the last output holds 'nonsense'"));
        Assert.That(_prompt.Type("go 11\n"), Does.Contain("there is no link 11; the last output has 10"));
    }

    [Test]
    public void Output_without_links_leaves_the_links_of_the_last_one()
    {
        _prompt.Type("hangwhy\nus /q\nnonsense\n");

        Assert.That(_prompt.Type("go 4\n"), Does.Contain("hang> !mods TmXPFlt"));
    }

    [Test]
    public void Before_any_output_go_says_that_there_is_nothing()
    {
        Assert.That(_prompt.Type("go 1\n"), Does.Contain("nothing with links was printed yet"));
    }

    [TestCase("nonsense", "unknown command 'nonsense'; help lists the commands")]
    [TestCase("!nonsense", "unknown command '!nonsense'; help lists the commands")]
    [TestCase(".nonsense", "unknown command '.nonsense'; help lists the commands")]
    [TestCase("us -zz", "unknown option -zz")]
    [TestCase("us -p nobody.exe", "'nobody.exe' is no address")]
    [TestCase("us > /no/such/folder/x", "/no/such/folder/x")]
    [TestCase("us > a b", "in quotation marks")]
    public void A_wrong_line_costs_one_line_and_not_the_session(string line, string told)
    {
        string screen = _prompt.Type($"{line}\nus /q -p c1c\n");

        Assert.That(screen.Split('\n')[1], Does.Contain(told));
        Assert.That(screen, Does.Contain($"hang> us /q -p c1c\n{MainThread}\n"));
    }

    [TestCase("quit")]
    [TestCase("exit")]
    [TestCase("q")]
    public void Quit_ends_the_prompt_before_further_lines(string quit)
    {
        string screen = _prompt.Type($"{quit}\nus /q\n");

        Assert.That(screen, Is.EqualTo($"hang> {quit}\n"));
        Assert.That(_prompt.History.Lines, Is.EqualTo(new[] { quit }));
    }

    [TestCase("help")]
    [TestCase("?")]
    [TestCase("help us")]
    [TestCase("? us")]
    [TestCase("?us")]
    [TestCase("us /?")]
    [TestCase("go -?")]
    public void Help_explains_commands_of_both_kinds(string line)
    {
        string screen = _prompt.Type($"{line}\n");

        Assert.That(screen, Does.Contain(line switch
        {
            "go -?" => "Usage: go [N | WORD]",
            "help" or "?" => "\nAt this prompt",
            _ => "Usage: !us",
        }));
        Assert.That(screen, Does.Contain(line is "help" or "?" ? "\n  !hangwhy" : "Usage: "));
    }

    [Test]
    public void Output_goes_into_a_file_as_plain_text_and_is_added_to_it()
    {
        string path = Path.Combine(
            TestContext.CurrentContext.WorkDirectory, $"redirected-{TestContext.CurrentContext.Test.ID}.txt");

        string screen = _prompt.Type($"us /q -p c1c > \"{path}\"\nhangwhy /q >> \"{path}\"\n");

        Assert.That(File.ReadAllText(path), Is.EqualTo($"{MainThread}\n{Service}\n{MainThread}\n"));
        Assert.That(screen, Does.Contain($"\n1 line written to {path}\n").And.Contain($"\n2 lines added to {path}\n"));
        Assert.That(screen, Does.Not.Contain($"\n{MainThread}"));

        _prompt.Type($"hangwhy > \"{path}\"\n");
        Assert.That(File.ReadAllText(path), Does.StartWith("HANG  log-off cannot finish").And.Not.Contain("\e"));
        Assert.That(_prompt.Type("go 4\n"),
            Does.Contain("hang> !mods TmXPFlt"), "links of what went into a file can be followed");
    }

    [Test]
    public void A_command_that_fails_leaves_the_file_as_it_was()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"kept-{TestContext.CurrentContext.Test.ID}.txt");
        File.WriteAllText(path, "kept");

        _prompt.Type($"us -p 12345678 > \"{path}\"\n");

        Assert.That(File.ReadAllText(path), Is.EqualTo("kept"));
    }

    [Test]
    public void A_bare_address_runs_the_command_for_what_it_is()
    {
        Assert.That(_prompt.Type($"{Explorer}\n"),
            Does.Contain($"hang> {_prompt.Dump.Commands.CommandFor(0xffffab06b8137800)}\n"));
        Assert.That(_prompt.Type("ffffab06`b8121080\n"),
            Does.Contain($"hang> {_prompt.Dump.Commands.CommandFor(0xffffab06b8121080)}\n")
            .And.Contain("explorer.exe"));
        Assert.That(_prompt.Type("fffff80012345678\n"),
            Does.Contain("fffff80012345678 is no thread, no process, and nothing that a thread waits for"));
        Assert.That(_prompt.Type("ffffce0e5b04dcf0\n"),
            Does.Contain("ffffce0e5b04dcf0").And.Not.Contain("is no thread"), "an ALPC message");
    }

    [Test]
    public void The_current_process_is_set_by_name_identifier_or_address_and_commands_look_at_it()
    {
        Assert.That(_prompt.Type("us /q\n"), Does.Not.Contain(MainThread));
        foreach (string named in new[] { "explorer.exe", "Explorer", "c1c", Explorer })
        {
            _prompt.Dump.CurrentProcess = null;
            Assert.That(_prompt.Type($".process {named}\n"), Does.Contain($"explorer.exe c1c  {Explorer}  1 thread\n"));
            Assert.That(_prompt.Type("us /q\nus /q -p @$proc\n"),
                Is.EqualTo($"hang> us /q\n{MainThread}\nhang> us /q -p @$proc\n{MainThread}\nhang>\n"));
        }
        Assert.That(_prompt.Type("us -p @$peb\n"), Does.Contain("in decimal after 0n, or as @$proc"));
        Assert.That(_prompt.Type(".process svchost\n"),
            Does.Contain("processes are called svchost; name one by its address: ffffab06b0"));
        Assert.That(_prompt.Type(".process\n"), Does.Contain("explorer.exe c1c"), "a name that is not clear changes nothing");
    }

    [Test]
    public void Without_one_that_was_set_the_first_processors_process_is_the_current_one()
    {
        Assert.That(_prompt.Type(".process\n"),
            Does.Contain("Idle 0").And.Contain("the process of the crash, or of the first processor"));
    }

    [Test]
    public void Control_C_while_a_command_prints_ends_the_output_and_the_next_command_is_whole()
    {
        int lines = 0;
        _prompt.Heard = span =>
        {
            if (span.Text.Contains("Ruled out") && lines++ == 0)
                Assert.That(_prompt.Interruption.Press(), Is.True);
        };

        string cut = _prompt.Type("hangwhy\n");
        string whole = _prompt.Type("hangwhy\n");

        Assert.That(cut, Does.Contain("HANG").And.Not.Contain("Next "));
        Assert.That(whole, Does.Contain("HANG").And.Contain("Next ").And.Not.Contain("interrupted"));
    }

    [Test]
    public void Control_C_while_a_command_reads_shows_what_was_read_and_the_next_command_reads_anew()
    {
        using ForgedFolder forged = new("threads-2000");
        using PromptFixture prompt = new(forged.DumpPath);
        int partial = -1;
        // The key is pressed when the kernel's symbols are there and nothing has been read yet.
        ITarget target = prompt.Dump.Commands.Source.WindowsTarget!;
        target.GetSymbols(target.KernelModules[0]);
        prompt.Dump.Run(
            () => prompt.Interruption.Press() ? prompt.Dump.Commands.System.Threads.Count : -1, count => partial = count);
        bool wasCut = prompt.Dump.Commands.System.WasInterrupted;

        string whole = prompt.Type("us -k\n");

        Assert.That(wasCut, Is.True);
        Assert.That(partial, Is.LessThan(2000));
        Assert.That(whole,
            Does.Match(@"with 2,\d{3} threads displayed \(2,\d{3} Total threads\)").And.Not.Contain("interrupted"));
    }

    [Test]
    public void Long_output_stops_at_the_pager_and_what_nobody_reads_is_not_made()
    {
        using ForgedFolder forged = new("threads-2000");
        FakeTerminal terminal = new(120, 24);
        using PromptFixture prompt = new(forged.DumpPath, terminal, withPager: true);
        int made = 0;
        prompt.Heard = span => made += span.Text.Length == 16 ? 1 : 0;
        terminal.Type("us -k /q\n q");

        prompt.Prompt.Run(new LineEditor(terminal, prompt.History, prompt.Prompt.Completer), prompt.History);

        Assert.That(terminal.Rows.Count(r => r.Length == 16), Is.EqualTo(46), "two pages of 23 rows");
        Assert.That(made, Is.InRange(46, 48));
    }
}
