using HangAnalysis.Cli.Prompting;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>Keys in, lines out, as people know it from shells.</summary>
public class LineEditorTests
{
    private FakeTerminal _terminal = null!;
    private PromptHistory _history = null!;

    [SetUp]
    public void Begin()
    {
        _terminal = new FakeTerminal();
        _history = new PromptHistory(null);
    }

    [Test]
    public void What_is_typed_stands_behind_the_prompt_and_is_returned()
    {
        _terminal.Type("us -k").Then(() => Assert.That(_terminal.Row, Is.EqualTo("hang> us -k"))).Type("\n");

        Assert.That(Read(), Is.EqualTo("us -k"));
        Assert.That(_terminal.ReadKeysOnlyAsKeys, Is.True, "Ctrl+C at the prompt must be a key");
        Assert.That(_terminal.ControlCIsKey, Is.False, "while a command runs Ctrl+C must interrupt");
    }

    [Test]
    public void The_cursor_moves_and_text_is_put_in_and_taken_out_where_it_stands()
    {
        _terminal.Type("s -p").Press(ConsoleKey.Home).Type("u").Press(ConsoleKey.End).Type("x").Press(ConsoleKey.Backspace)
            .Press(ConsoleKey.LeftArrow, ConsoleKey.LeftArrow, ConsoleKey.RightArrow, ConsoleKey.Delete).Type("k")
            .Then(() => Assert.That(_terminal.Column, Is.EqualTo("hang> us -k".Length))).Type("\n");

        Assert.That(Read(), Is.EqualTo("us -k"));
    }

    [TestCase(ConsoleKey.W, "lpcchain ", TestName = "Ctrl+W takes the word to the left")]
    [TestCase(ConsoleKey.U, "", TestName = "Ctrl+U takes all to the left")]
    [TestCase(ConsoleKey.H, "lpcchain ffff", TestName = "Ctrl+H takes a character")]
    public void Keys_with_control_take_out_what_is_left_of_the_cursor(ConsoleKey key, string left)
    {
        _terminal.Type("lpcchain ffffa").Control(key).Type("\n");

        Assert.That(Read(), Is.EqualTo(left));
    }

    [Test]
    public void Control_A_E_K_D_and_arrows_do_what_shells_do()
    {
        _terminal.Type("one two three").Control(ConsoleKey.LeftArrow, ConsoleKey.LeftArrow, ConsoleKey.K).Type("2")
            .Control(ConsoleKey.A, ConsoleKey.D).Type("O").Control(ConsoleKey.RightArrow).Type("!").Control(ConsoleKey.E)
            .Type("?\n");

        Assert.That(Read(), Is.EqualTo("One! 2?"));
    }

    [Test]
    public void Control_C_clears_the_line_and_control_D_ends_the_input_only_on_an_empty_one()
    {
        _terminal.Type("us -zzz").Control(ConsoleKey.C).Then(() => Assert.That(_terminal.Row, Is.EqualTo("hang>")))
            .Type("x").Press(ConsoleKey.Home).Control(ConsoleKey.D).Then(() => Assert.That(_terminal.Row, Is.EqualTo("hang>")))
            .Control(ConsoleKey.D);

        Assert.That(Read(), Is.Null);
        Assert.That(_terminal.Rows[0], Is.EqualTo("hang> us -zzz^C"));
    }

    [Test]
    public void A_terminal_that_is_closed_ends_the_input()
    {
        _terminal.Type("us");

        Assert.That(Read(), Is.Null);
    }

    [Test]
    public void Up_and_down_walk_through_earlier_lines_and_come_back_to_what_was_typed()
    {
        Remember("first", "second");
        _terminal.Type("new").Press(ConsoleKey.UpArrow).Then(Shows("second")).Press(ConsoleKey.UpArrow).Then(Shows("first"))
            .Press(ConsoleKey.UpArrow).Then(Shows("first")).Press(ConsoleKey.DownArrow, ConsoleKey.DownArrow).Then(Shows("new"))
            .Press(ConsoleKey.DownArrow).Then(Shows("new")).Control(ConsoleKey.P).Then(Shows("second")).Type("\n");

        Assert.That(Read(), Is.EqualTo("second"));
    }

    [Test]
    public void Control_R_finds_the_latest_line_that_holds_a_text_and_then_earlier_ones()
    {
        Remember("us -p c1c", "owners", "us -k", "cpus");
        _terminal.Control(ConsoleKey.R).Type("us").Then(() => Assert.That(_terminal.Row, Is.EqualTo("(search 'us'): cpus")))
            .Type(" ").Then(() => Assert.That(_terminal.Row, Is.EqualTo("(search 'us '): us -k")))
            .Control(ConsoleKey.R).Then(() => Assert.That(_terminal.Row, Is.EqualTo("(search 'us '): us -p c1c")))
            .Press(ConsoleKey.Backspace, ConsoleKey.End).Then(Shows("cpus")).Type("\n");

        Assert.That(Read(), Is.EqualTo("cpus"));
    }

    [Test]
    public void Enter_in_a_search_runs_what_was_found_and_escape_brings_back_what_was_typed()
    {
        Remember("owners", "us -k");
        _terminal.Control(ConsoleKey.R).Type("own\n");
        Assert.That(Read(), Is.EqualTo("owners"));

        _terminal.Type("typed").Control(ConsoleKey.R).Type("own").Press(ConsoleKey.Escape).Then(Shows("typed")).Type("\n");
        Assert.That(Read(), Is.EqualTo("typed"));
    }

    [Test]
    public void A_line_longer_than_the_screen_moves_under_the_prompt_and_stays_in_one_row()
    {
        _terminal.Width = 30;
        string text = "0123456789abcdefghijklmnopqrstuvwxyz";
        _terminal.Type(text).Then(() => Assert.That(_terminal.Row, Is.EqualTo("hang> defghijklmnopqrstuvwxyz")))
            .Press(ConsoleKey.Home).Then(() => Assert.That(_terminal.Row, Is.EqualTo("hang> 0123456789abcdefghijklm")))
            .Then(() => Assert.That(_terminal.Column, Is.EqualTo("hang> ".Length))).Type("\n");

        Assert.That(Read(), Is.EqualTo(text));
        Assert.That(_terminal.Rows, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_wide_character_takes_two_columns_and_is_deleted_whole()
    {
        _terminal.Type("한글").Then(() => Assert.That(_terminal.Column, Is.EqualTo("hang> ".Length + 4)))
            .Press(ConsoleKey.Backspace).Type("x😀").Press(ConsoleKey.Backspace).Type("\n");

        Assert.That(Read(), Is.EqualTo("한x"));
    }

    [Test]
    public void Tab_completes_one_word_extends_to_what_several_share_and_lists_them()
    {
        Words words = new("!owners", "!us", "!usage");
        _terminal.Type("ow").Press(ConsoleKey.Tab).Then(Shows("!owners"))
            .Control(ConsoleKey.U).Type("!").Press(ConsoleKey.Tab)
            .Then(() => Assert.That(_terminal.Text, Does.Contain("  !owners\n  !us\n  !usage\nhang> !")))
            .Type("u").Press(ConsoleKey.Tab).Then(Shows("!us")).Type("x").Press(ConsoleKey.Tab).Then(Shows("!usx")).Type("\n");

        Assert.That(Read(words), Is.EqualTo("!usx"));
    }

    [Test]
    public void Tab_completes_at_the_cursor_and_leaves_what_follows()
    {
        _terminal.Type("ow -k").Press(ConsoleKey.Home, ConsoleKey.RightArrow, ConsoleKey.RightArrow, ConsoleKey.Tab).Type("\n");

        Assert.That(Read(new Words("!owners")), Is.EqualTo("!owners -k"));
    }

    private string? Read(ICompleter? completer = null) =>
        new LineEditor(_terminal, _history, completer ?? new Words()).ReadLine("hang> ");

    private void Remember(params string[] lines)
    {
        foreach (string line in lines)
            _history.Add(line);
    }

    private Action Shows(string line) => () => Assert.That(_terminal.Row, Is.EqualTo($"hang> {line}"));

    /// <summary>Knows words that hold what is typed.</summary>
    private sealed class Words(params string[] words) : ICompleter
    {
        public Completion Complete(string typed) =>
            new(0, [.. words.Where(w => w.Contains(typed)).Select(w => new Candidate(w))]);
    }
}
