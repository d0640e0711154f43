using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>The reader by which all DML is judged refuses what a name from a dump could do to it.</summary>
public class DmlReaderTests
{
    [TestCase("a < b")]
    [TestCase("a > b")]
    [TestCase("a & b")]
    [TestCase("&nbsp;")]
    [TestCase("say \"x\"")]
    [TestCase("<link cmd=\"!us\">x</link>")]
    [TestCase("<exec cmd=\"!us\">x")]
    [TestCase("x</exec>")]
    [TestCase("<b><col fg=\"errfg\">x</b></col>")]
    [TestCase("<exec cmd=\"!us\"><exec cmd=\"!quit\">x</exec></exec>")]
    [TestCase("<exec cmd=\"a\" onclick=\"b\">x</exec>")]
    [TestCase("<exec cmd=\"a<b\">x</exec>")]
    [TestCase("<exec cmd=\"a\nb\">x</exec>")]
    [TestCase("<b>x\n</b>")]
    [TestCase("x\u001b[2J")]
    [TestCase("x\u202ey")]
    public void What_is_no_tag_of_ours_is_refused(string dml) =>
        Assert.That(() => DmlReader.Read(dml), Throws.TypeOf<FormatException>());

    [Test]
    public void Text_and_commands_are_read_without_escapes()
    {
        (string text, IReadOnlyList<string> commands) = DmlReader.Read(
            "<exec cmd=\"!us -p &quot;a&amp;b&quot;\"><b>x &lt;y&gt;</b></exec>  <col fg=\"errfg\">z</col>\n");

        Assert.That(text, Is.EqualTo("x <y>  z\n"));
        Assert.That(commands, Is.EqualTo(["!us -p \"a&b\""]));
    }
}
