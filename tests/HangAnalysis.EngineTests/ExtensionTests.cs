using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>The extension inside the engine says what the command line says of the same dump.</summary>
public class ExtensionTests
{
    private static readonly string s_sample = Path.Combine(Engine.Root, "samples", "logoff-hang", "memory.dmp");

    [Test]
    public void Commands_print_the_same_as_on_the_command_line()
    {
        string[] lines = ["!hangwhy", "!us -p ffffab06b8137800", "!us -cpu", "!lpcchain", "!us -k"];
        string[] answers = Split(Engine.Run(s_sample, [], Marked(lines)), lines.Length);

        using CommandSession session = new(KernelDumpTarget.Open(s_sample));
        for (int i = 0; i < lines.Length; i++)
            Assert.That(answers[i], Is.EqualTo(Expected(session, lines[i])), lines[i]);
    }

    [Test]
    public void Foreach_gets_one_address_a_line_and_links_are_commands_that_answer()
    {
        string output = Engine.Run(s_sample, ["--dml"],
        [
            ".foreach (t {!us /q -p ffffab06b8137800}) {.echo got ${t}}", "!hangwhy",
            "!HangAnalysis.lpcchain ffffab06b1b28800",
        ]);

        Assert.Multiple(() =>
        {
            Assert.That(output, Does.Contain("got ffffab06b8121080"));
            Assert.That(output, Does.Contain("<exec cmd=\"!HangAnalysis.us -p ffffab06b8137800\">"));
            Assert.That(output, Does.Contain("<exec cmd=\"!HangAnalysis.lpcchain ffffab06b1b28800\">"));
            Assert.That(output, Does.Contain("1 chain(s)"));
        });
    }

    [Test]
    public void A_name_from_the_dump_that_is_markup_stays_text()
    {
        Engine.Require();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("hangwhy-hostile-");
        try
        {
            ForgedDump.Write(ScenarioSet.Build("hostile-names", KernelLayout.BuiltIn("10.0.19041")), folder.FullName);

            string output = Engine.Run(Path.Combine(folder.FullName, "memory.dmp"), ["--dml"], ["!hangwhy"]);

            Assert.That(output, Does.Contain("&lt;exec").And.Not.Contain("<exec cmd=\".shell"));
            Assert.That(output, Does.Not.Contain('\u001b'));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void Every_command_of_the_table_is_an_export_that_answers_to_help()
    {
        string[] lines = [.. CommandTable.All.Select(c => $"!HangAnalysis.{c.Help.Name} /?")];

        string[] answers = Split(Engine.Run(s_sample, [], Marked(lines)), lines.Length);

        for (int i = 0; i < lines.Length; i++)
            Assert.That(answers[i], Does.StartWith($"!{CommandTable.All[i].Help.Name}  {CommandTable.All[i].Help.Summary[..20]}"));
    }

    private static IEnumerable<string> Marked(string[] lines) => lines.SelectMany(l => new[] { ".echo ANSWER", l });

    private static string[] Split(string output, int count)
    {
        string[] parts = output.Replace("\r", "", StringComparison.Ordinal).Split("ANSWER\n");
        Assert.That(parts, Has.Length.EqualTo(count + 1), output);
        return parts[1..];
    }

    private static string Expected(CommandSession session, string line)
    {
        CommandArguments arguments = CommandArguments.Parse(line);
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(CommandTable.Require(arguments).Run(session, arguments).Document);
        return writer.ToString();
    }
}
