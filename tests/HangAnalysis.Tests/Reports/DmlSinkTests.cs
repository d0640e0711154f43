using HangAnalysis.Reports;
using NUnit.Framework;

namespace HangAnalysis.Tests.Reports;

public class DmlSinkTests
{
    [Test]
    public void The_four_special_characters_are_escaped_in_text_and_in_commands() =>
        Assert.That(Render(new Span("a<b> & \"c\"", Tone.Normal, "dt \"x\" <&>")), Is.EqualTo(
            "<exec cmd=\"dt &quot;x&quot; &lt;&amp;&gt;\">a&lt;b&gt; &amp; &quot;c&quot;</exec>\n"));

    [TestCase("!us -p 1", "!Family.us -p 1")]
    [TestCase("!us", "!Family.us")]
    [TestCase("!thread 1", "!thread 1")]
    [TestCase("dt nt!_IRP 1", "dt nt!_IRP 1")]
    public void Only_own_commands_are_qualified(string command, string expected) =>
        Assert.That(Render(new Span("x", Tone.Normal, command)), Is.EqualTo($"<exec cmd=\"{expected}\">x</exec>\n"));

    [TestCase("!us; .shell calc")]
    [TestCase("!us\n.shell calc")]
    public void A_command_that_holds_a_second_one_is_no_link(string command) =>
        Assert.That(Render(new Span("x", Tone.Normal, command)), Is.EqualTo("x\n"));

    [TestCase(Tone.Bad, "<col fg=\"errfg\">x</col>\n")]
    [TestCase(Tone.Strong, "<b>x</b>\n")]
    [TestCase(Tone.Normal, "x\n")]
    public void Tones_are_roles_and_not_colours(Tone tone, string expected) =>
        Assert.That(Render(new Span("x", tone)), Is.EqualTo(expected));

    [Test]
    public void A_document_is_laid_out_as_in_plain_text()
    {
        StringWriter text = new();
        new TextLayout(new DmlSink(text, "Family", name => name == "us")).Write(
            new Document().Add(new Span("operator<", Tone.Strong), " ", new Span("f", Tone.Normal, "!us")));
        Assert.That(text.ToString(), Is.EqualTo("<b>operator&lt;</b> <exec cmd=\"!Family.us\">f</exec>\n"));
    }

    private static string Render(Span span)
    {
        StringWriter text = new();
        DmlSink sink = new(text, "Family", name => name == "us");
        sink.Write(span);
        sink.EndLine();
        return text.ToString();
    }
}
