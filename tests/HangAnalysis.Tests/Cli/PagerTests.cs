using HangAnalysis.Cli.Prompting;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>Output that is longer than the screen stops until a key is pressed.</summary>
public class PagerTests
{
    private const string Question = "-- more --  Space: a page, Enter: a line, a: all, q: stop";

    [Test]
    public void What_fits_is_printed_without_a_question()
    {
        FakeTerminal terminal = new(80, 10);

        Print(terminal, 8, out _);

        Assert.That(terminal.Rows, Is.EqualTo(Lines(8)));
    }

    [Test]
    public void A_page_a_line_and_all()
    {
        FakeTerminal terminal = new(80, 10);
        List<string> seen = [];
        terminal.Then(() => seen.Add(terminal.Text)).Type(" ").Then(() => seen.Add(terminal.Text)).Type("\n")
            .Then(() => seen.Add(terminal.Text)).Type("xa");

        Print(terminal, 50, out PagedWriter writer);

        Assert.That(seen, Is.EqualTo(new[] { 9, 18, 19 }.Select(n => string.Join('\n', [.. Lines(n)[..n], Question]))));
        Assert.That(terminal.Rows, Is.EqualTo(Lines(50)));
        Assert.That(writer.IsClosed, Is.False);
        Assert.That(terminal.ControlCIsKey, Is.False);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Q_and_control_C_stop_and_the_question_is_gone(bool withControl)
    {
        FakeTerminal terminal = new(80, 10);
        _ = withControl ? terminal.Control(ConsoleKey.C) : terminal.Type("q");

        Print(terminal, 50, out PagedWriter writer);

        Assert.That(terminal.Rows, Is.EqualTo(Lines(9)));
        Assert.That(writer.IsClosed, Is.True);
        Assert.That(terminal.ReadKeysOnlyAsKeys, Is.True);
    }

    [Test]
    public void A_line_counts_by_the_rows_that_it_takes_and_colours_take_none()
    {
        Assert.That(TerminalText.RowsOf("", 80), Is.EqualTo(1));
        Assert.That(TerminalText.RowsOf(new string('x', 80), 80), Is.EqualTo(1));
        Assert.That(TerminalText.RowsOf(new string('x', 81), 80), Is.EqualTo(2));
        Assert.That(TerminalText.RowsOf($"\e[38;5;8m{new string('x', 80)}\e[0m", 80), Is.EqualTo(1));
        Assert.That(TerminalText.RowsOf(new string('가', 41), 80), Is.EqualTo(2));
    }

    private static string[] Lines(int count) => [.. Enumerable.Range(1, count).Select(i => $"line {i}"), ""];

    private static void Print(FakeTerminal terminal, int lines, out PagedWriter writer)
    {
        writer = new PagedWriter(terminal, () => new ScreenPager(terminal));
        for (int i = 1; i <= lines && !writer.IsClosed; i++)
            writer.Write($"line {i}\n");
        writer.Finish();
    }
}
