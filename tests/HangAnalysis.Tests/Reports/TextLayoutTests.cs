using HangAnalysis.Reports;
using NUnit.Framework;

namespace HangAnalysis.Tests.Reports;

public class TextLayoutTests
{
    [TestCase("plain name.exe", "plain name.exe")]
    [TestCase("\u001b[31mred", "\\u{1b}[31mred")]
    [TestCase("two\r\nlines", "two\\u{d}\\u{a}lines")]
    [TestCase("\u009bcsi", "\\u{9b}csi")]
    [TestCase("\u202egpj.exe", "\\u{202e}gpj.exe")]
    [TestCase("\u2066isolate\u2069", "\\u{2066}isolate\\u{2069}")]
    [TestCase("a\u2028b", "a\\u{2028}b")]
    [TestCase("한글.exe", "한글.exe")]
    [TestCase("\U0001F600", "\U0001F600")]
    public void Text_of_a_dump_cannot_drive_a_terminal(string text, string expected) =>
        Assert.That(DumpText.Clean(text), Is.EqualTo(expected));

    [Test]
    public void A_lone_surrogate_is_shown_as_its_code() =>
        Assert.That(DumpText.Clean("x" + (char)0xd83d), Is.EqualTo("x\\u{d83d}"));

    [Test]
    public void Every_span_goes_through_the_cleaning()
    {
        Document document = new();
        document.Add("\u001b]0;title\u0007");
        document.Add(new LineBlock(["left\n"], ["\u001b[2J"]));
        document.Add(new TableBlock([new("\u001bT")], [["\u001bC"]]));

        Assert.That(Render(document), Does.Not.Contain('\u001b').And.Not.Contain('\u0007'));
        Assert.That(Render(document).Split('\n'), Has.Length.EqualTo(6));
    }

    [Test]
    public void The_right_part_ends_at_the_margin_and_the_left_part_wraps_under_itself()
    {
        string words = string.Join(' ', Enumerable.Repeat("word", 40));
        Document document = new();
        document.Add(new LineBlock([words], ["proven"], 2, 3));

        string[] lines = Render(document).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Multiple(() =>
        {
            Assert.That(lines[0], Does.EndWith("proven"));
            Assert.That(lines[0], Has.Length.EqualTo(120));
            Assert.That(lines[1], Does.StartWith("     word"));
            Assert.That(string.Concat(lines).Replace("proven", "", StringComparison.Ordinal).Split("word"), Has.Length.EqualTo(41));
        });
    }

    [Test]
    public void A_word_longer_than_the_line_is_broken_and_nothing_is_lost()
    {
        string word = string.Concat(Enumerable.Range(0, 100).Select(i => $"{i:000}"));
        Document document = new();
        document.Add(word);

        string text = Render(document);

        Assert.That(text.Replace("\n", "", StringComparison.Ordinal), Is.EqualTo(word));
        Assert.That(text.Split('\n'), Has.All.Property("Length").LessThanOrEqualTo(120));
    }

    [Test]
    public void A_table_that_is_too_wide_cuts_long_names_in_the_middle()
    {
        Document document = new();
        document.Add(new TableBlock(
            [new("Address"), new("Name", CanShrink: true), new("N", Align.Right)],
            [["ffffab06b8137800", new string('a', 100) + new string('z', 100), "7"]]));

        string[] lines = Render(document).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.That(lines, Has.All.Property("Length").LessThanOrEqualTo(120));
        Assert.That(lines[2], Does.Match("^ffffab06b8137800 a+~z+ 7$"));
    }

    [Test]
    public void A_sentence_in_a_table_goes_on_below_itself_and_loses_no_word()
    {
        string words = string.Join(' ', Enumerable.Range(0, 40).Select(i => $"word{i:00}"));
        Document document = new();
        document.Add(new TableBlock([new("In it"), new("Detail", Wraps: true), new("N", Align.Right)], [["partly", words, "7"], ["no", "none", "8"]]));

        string[] lines = Render(document).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Multiple(() =>
        {
            Assert.That(lines, Has.All.Property("Length").LessThanOrEqualTo(120));
            Assert.That(lines[2], Does.StartWith("partly word00 ").And.EndsWith(" 7"));
            Assert.That(lines[3], Does.StartWith("       word"));
            Assert.That(string.Join(' ', lines[2..^1].Select(l => l.PadRight(120)[7..118].Trim())), Is.EqualTo(words));
            Assert.That(lines[^1], Does.Match("^no     none +8$"));
        });
    }

    /// <summary>Beside the first line it stands in the middle of a sentence that goes on: "does not tell   candidate / which".</summary>
    [Test]
    public void A_right_part_may_stand_at_the_end_of_what_it_is_said_of()
    {
        string words = string.Join(' ', Enumerable.Repeat("word", 40));
        Document document = new();
        document.Add(new LineBlock([words], ["candidate"]) { IsRightLast = true });
        document.Add(new LineBlock(["short"], ["proven"]) { IsRightLast = true });

        string[] lines = Render(document).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.That(lines, Has.Length.EqualTo(3));
        Assert.That(lines[0], Does.EndWith("word"));
        Assert.That(lines[1], Does.Match("word +candidate$").And.Length.EqualTo(120));
        Assert.That(lines[2], Does.Match("^short +proven$").And.Length.EqualTo(120));
    }

    private static string Render(Document document)
    {
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(document);
        return writer.ToString();
    }
}
