using System.Text.Json;
using HangAnalysis.Cli;
using HangAnalysis.Cli.Prompting;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>Commands from a file or a pipe: <c>-c FILE</c>, <c>-c -</c>, and <c>-i</c> without a terminal.</summary>
public class CommandScriptTests
{
    private const string MainThread = "ffffab06b8121080", Service = "ffffab06b1b28800";

    private const string Lines = "# the threads of explorer\n\nus -p c1c /q\n  !hangwhy /q\n";

    private const string Printed = $"hang> us -p c1c /q\n{MainThread}\n\nhang> !hangwhy /q\n{Service}\n{MainThread}\n";

    private string _script = "";

    [SetUp]
    public void Begin() =>
        _script = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"script-{TestContext.CurrentContext.Test.ID}.txt");

    [Test]
    public void Each_commands_output_stands_after_the_command_and_comments_and_blank_lines_do_nothing()
    {
        File.WriteAllText(_script, Lines);

        Assert.That(Run("", "-c", _script), Is.EqualTo((CommandLine.ExitAnalysed, Printed, "")));
    }

    [TestCase("-c", "-")]
    [TestCase("-i")]
    [TestCase("--interactive")]
    public void The_standard_input_is_a_script_too(params string[] options)
    {
        Assert.That(Run(Lines, options), Is.EqualTo((CommandLine.ExitAnalysed, Printed, "")));
    }

    [Test]
    public void Windows_line_ends_and_a_last_line_without_end_are_understood()
    {
        Assert.That(Run(Lines.ReplaceLineEndings("\r\n").TrimEnd(), "-c", "-").Output, Is.EqualTo(Printed));
    }

    [Test]
    public void An_error_tells_file_and_line_the_rest_is_run_and_the_exit_code_is_2()
    {
        File.WriteAllText(_script, "nonsense\n# comment\nus -zz\nus -p c1c /q\nus -p 12345678\nus >\n");

        (int exitCode, string output, string error) = Run("", "-c", _script);

        Assert.That(exitCode, Is.EqualTo(CommandLine.ExitUsage));
        Assert.That(error.TrimEnd().Split('\n'), Is.EqualTo(new[]
        {
            $"hangwhy: {_script}:1: unknown command 'nonsense'; help lists the commands",
            $"hangwhy: {_script}:3: !us: unknown option -zz; see !us /?",
            $"hangwhy: {_script}:5: no process has the address or the identifier 12345678",
            $"hangwhy: {_script}:6: '>' needs the name of a file",
        }));
        Assert.That(output, Does.Contain($"\nhang> us -p c1c /q\n{MainThread}\n"));
    }

    [Test]
    public void Errors_in_the_standard_input_name_it()
    {
        Assert.That(Run("\nnonsense\n", "-i").Error, Does.StartWith("hangwhy: standard input:2: unknown command"));
    }

    [Test]
    public void Json_is_one_array_with_an_element_for_each_command()
    {
        (int exitCode, string output, string error) =
            Run("# c\nus -p c1c\nnonsense\nus /?\n\nhangwhy\n.process explorer\n", "-c", "-", "--json");

        JsonElement[] elements = [.. JsonDocument.Parse(output).RootElement.EnumerateArray()];
        Assert.That(exitCode, Is.EqualTo(CommandLine.ExitUsage));
        Assert.That(error, Does.StartWith("hangwhy: standard input:3: "));
        Assert.That(elements.Select(e => e.ValueKind), Is.EqualTo(new[]
        {
            JsonValueKind.Object, JsonValueKind.Null, JsonValueKind.Null, JsonValueKind.Object, JsonValueKind.Null,
        }));
        Assert.That(elements[0].GetProperty("schema").GetString(), Is.EqualTo("hanganalysis-us/1"));
        Assert.That(elements[3].GetProperty("verdict").GetProperty("class").GetString(), Is.EqualTo("stuck-in-driver"));
    }

    [TestCase("us -p c1c\n", 1)]
    [TestCase("# nothing\n", 0)]
    public void Json_is_an_array_however_few_commands_there_are(string lines, int elements)
    {
        Assert.That(JsonDocument.Parse(Run(lines, "-c", "-", "--json").Output).RootElement.GetArrayLength(),
            Is.EqualTo(elements));
    }

    [Test]
    public void Quit_ends_a_script_and_links_can_be_followed_in_it()
    {
        (int exitCode, string output, _) = Run("hangwhy\ngo 4\nquit\nnonsense\n", "-i");

        Assert.That(exitCode, Is.Zero);
        Assert.That(output, Does.Contain("\nhang> go 4\nhang> !mods TmXPFlt\nAddress ").And.EndWith("\nhang> quit\n"));
        Assert.That(output, Does.Not.Contain("go 1 !us"), "the line of links is for people");
        Assert.That(output, Does.Not.Contain("\e"));
    }

    [Test]
    public void Commands_of_the_command_line_come_before_those_that_are_piped_in()
    {
        Assert.That(Run("!hangwhy /q\n", "us -p c1c /q", "-i").Output, Is.EqualTo(Printed));
    }

    [Test]
    public void Output_of_a_script_goes_into_files_where_a_line_says_so()
    {
        string file = _script + ".out";

        (_, string output, _) = Run($"us -p c1c /q > \"{file}\"\n", "-c", "-");

        Assert.That(File.ReadAllText(file), Is.EqualTo($"{MainThread}\n"));
        Assert.That(output, Is.EqualTo($"hang> us -p c1c /q > \"{file}\"\n1 line written to {file}\n"));
    }

    [TestCase(new[] { "-c", "-", "!us" }, "-c takes the place of commands and of -i")]
    [TestCase(new[] { "-c", "-", "-i" }, "-c takes the place of commands and of -i")]
    [TestCase(new[] { "-c" }, "-c")]
    [TestCase(new[] { "-c", "/no/such/file" }, "/no/such/file")]
    public void Options_that_exclude_each_other_and_files_that_are_not_there_are_exit_code_2(string[] options, string told)
    {
        (int exitCode, string output, string error) = Run("us\n", options);

        Assert.That((exitCode, output), Is.EqualTo((CommandLine.ExitUsage, "")));
        Assert.That(error, Does.StartWith("hangwhy: ").And.Contain(told));
    }

    [Test]
    public void A_dump_that_cannot_be_read_is_exit_code_3_before_any_command()
    {
        using StringWriter output = new(), error = new();
        ConsoleStreams streams = new(output, error, true, true) { Input = () => new StringReader("us\n") };

        Assert.That(CommandLine.RunAsync([typeof(CommandScriptTests).Assembly.Location, "-i"], streams).GetAwaiter().GetResult(),
            Is.EqualTo(CommandLine.ExitUnreadable));
        Assert.That(output.ToString(), Is.Empty);
    }

    [Test]
    public void Control_C_ends_the_script_and_says_where()
    {
        using PromptFixture prompt = new();
        using PressingWriter output = new(prompt.Interruption);
        using StringWriter error = new();

        int exitCode = new CommandScript(prompt.Dump, new ConsoleStreams(output, error, true, true), json: false)
            .Run(new StringReader("# c\nhangwhy\nus /q\n"), "hang.txt");

        Assert.That(exitCode, Is.EqualTo(CommandLine.ExitInterrupted));
        Assert.That(error.ToString(),
            Is.EqualTo("hangwhy: hang.txt:2: interrupted: what is shown is what was read until then\n"));
        Assert.That(output.ToString(), Does.Contain("HANG").And.Not.Contain("Next ").And.Not.Contain("us /q"));
    }

    /// <summary>Presses Ctrl+C when the verdict's second part is printed.</summary>
    private sealed class PressingWriter(Interruption interruption) : StringWriter
    {
        public override void Write(string? value)
        {
            base.Write(value);
            if (value?.StartsWith("Ruled out", StringComparison.Ordinal) == true)
                interruption.Press();
        }
    }

    private static (int ExitCode, string Output, string Error) Run(string input, params string[] options)
    {
        using StringWriter output = new(), error = new();
        ConsoleStreams streams = new(output, error, true, true) { Input = () => new StringReader(input) };
        int exitCode = CommandLine.RunAsync([PromptFixture.Sample, .. options], streams).GetAwaiter().GetResult();
        return (exitCode, output.ToString(), error.ToString());
    }
}
