using System.Text.RegularExpressions;
using HangAnalysis.Commands;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>One forged dump, opened once in the engine and once by the library's own reader: both say the same.</summary>
/// <remarks>
/// Everything that the tests look at is asked in one run of the engine, before the first test: starting it costs seconds. The
/// other files of this class: what the engine itself says of the dump, and golden files.
/// </remarks>
[TestFixtureSource(typeof(ForgedCase), nameof(ForgedCase.All))]
[Parallelizable(ParallelScope.Self)]
public partial class ScenarioTests(ForgedCase forged)
{
    private const string AsText = "text ", AsDml = "dml ", Before = "before", After = "after", OfCurrent = "of current",
        Script = "script";

    /// <summary>What a link may hold, as a pattern.</summary>
    private const string LinkedCommand = @"!HangAnalysis\.(us -p|t|p|lt|lpcchain|lpcwait|lpcports|msg|why|owners|stor) ADDRESS" +
        @"|!HangAnalysis\.us -stats ADDRESS (-k|-p ADDRESS)( -(w|b|(wr|s) [A-Za-z,]+))*" +
        @"|!HangAnalysis\.(us -k|us -cpu|running|deadlocks|cpus|irps|workers|mods \w+)|!HangAnalysis\.hangwhy( -v| -all)?" +
        @"|!HangAnalysis\.(crashwhy( -v)?|mem|stor( ADDRESS)?|dumpcheck( /q)?|poolwho( ""[^""]{1,4}"")?|rules( -m| [a-z0-9-]+)?)" +
        @"|!process ADDRESS [17]" +
        @"|(dt nt!_[A-Z_]+[0-9]?|lm v a) (0x(ffffffff)?)?ADDRESS( [A-Za-z]+)*|dq 0x(ffffffff)?ADDRESS L1|dt ntdll!_RTL_CRITICAL_SECTION 0xADDRESS";

    /// <summary>A command of WinDbg's own extensions, which the engine's package does not hold.</summary>
    private const string OfKdexts = "!process ";

    /// <summary>Links to the same command that are followed; thousands of threads are alike.</summary>
    private const int MostOfAKind = 12;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hangwhy-engine-case-");
    private CommandSession _session = null!;
    private IReadOnlyList<string> _lines = [];
    private Dictionary<string, string> _answers = [];

    /// <summary>The commands of the links in what all commands print, and those of them that are followed.</summary>
    private List<string> _links = [], _followed = [];

    [OneTimeSetUp]
    public void RunTheEngine()
    {
        Engine.Require();
        string dump = forged.Write(_folder.FullName);
        _session = new CommandSession(KernelDumpTarget.Open(dump)) { Evaluator = _ => null };
        _lines = [.. CommandLines.For(_session).Concat(GoldenFiles.Of(forged).Select(g => g.Line)).Distinct()];
        _links = [.. _lines.Where(l => !IsHelp(l)).SelectMany(l => DmlReader.Read(Expectation.Dml(_session, l)).Commands)
            .Distinct()];
        _followed = [.. _links.Where(l => !l.StartsWith(OfKdexts, StringComparison.Ordinal)).GroupBy(l => l.Split(' ')[0])
            .SelectMany(g => g.Take(MostOfAKind))];
        EngineScript script = new();
        AddState(script, Before);
        foreach (string line in _lines)
            script.Add(AsText + line, line);
        script.Add("%dml on");
        foreach (string line in _lines)
            script.Add(AsDml + line, line);
        script.Add(Script, ".foreach (t {!lt /q -a -z}) {!lpcchain ${t}}");
        script.Add("%dml off");
        foreach (string link in _followed)
            script.Add(link);
        script.Add(OfCurrent, "!us -p @$proc /q");
        AddState(script, After);
        AddQuestions(script);
        _answers = script.Run(dump);
    }

    [OneTimeTearDown]
    public void CleanUp()
    {
        _session?.Dispose();
        _folder.Delete(recursive: true);
    }

    [Test]
    public void Every_command_and_option_is_tried()
    {
        foreach (ICommand command in CommandTable.All)
            foreach (string option in command.Help.Options.Select(o => o.Name).Append("?"))
                Assert.That(_lines, Has.Some.Matches($"^!{command.Help.Name} (.* )?[-/]{Regex.Escape(option)}( |$)"),
                    $"!{command.Help.Name} /{option}");
    }

    [Test]
    public void Commands_print_the_text_of_the_command_line()
    {
        foreach (string line in _lines)
            if (IsJson(line))
                Assert.That(WithoutFolder(Expectation.Comparable(_answers[AsText + line])),
                    Is.EqualTo(InEngine(Expectation.Comparable(Expectation.Text(_session, line)))), line);
            else
                Assert.That(WithoutFolder(_answers[AsText + line]), Is.EqualTo(InEngine(Expectation.Text(_session, line))), line);
    }

    [Test]
    public void Commands_print_well_formed_dml_whose_text_is_the_plain_text()
    {
        foreach (string line in _lines)
        {
            (string text, _) = DmlReader.Read(_answers[AsDml + line]);
            if (IsJson(line))
            {
                Assert.That(Expectation.Comparable(text), Is.EqualTo(Expectation.Comparable(_answers[AsText + line])), line);
                continue;
            }
            Assert.That(WithoutFolder(_answers[AsDml + line]), Is.EqualTo(InEngine(Expectation.Dml(_session, line))), line);
            Assert.That(text, Is.EqualTo(_answers[AsText + line]), line);
        }
    }

    [Test]
    public void Lines_have_120_columns_at_most()
    {
        // An error is one line, however long what was typed is that it repeats.
        foreach (string line in _lines.Where(l => !IsJson(l)))
            foreach (string printed in _answers[AsText + line].Split('\n'))
                if (!printed.StartsWith($"{Expectation.Family}: ", StringComparison.Ordinal))
                    Assert.That(printed, Has.Length.LessThanOrEqualTo(120), line);
    }

    [Test]
    public void A_script_gets_every_thread_and_nothing_else()
    {
        string expected = string.Concat(_session.System.Threads.Select(t =>
            Expectation.Dml(_session, $"!lpcchain {Hex(t.Address.Value)}")));

        Assert.That(_answers[Script], Is.EqualTo(expected));
    }

    [Test]
    public void Links_are_commands_that_answer()
    {
        foreach (string link in _followed)
            if (link.StartsWith($"!{Expectation.Family}.", StringComparison.Ordinal))
                Assert.That(WithoutFolder(_answers[link]), Is.EqualTo(InEngine(Expectation.Text(_session, link)))
                    .And.Not.StartsWith($"{Expectation.Family}: "), link);
            else
                Assert.That(_answers[link], Does.Match(link.StartsWith("lm ", StringComparison.Ordinal)
                    ? "Image name: " : link.StartsWith("dq ", StringComparison.Ordinal) ? "(?m)^[0-9a-f]{8}(`[0-9a-f]{8})? " : @"(?m)^   \+0x[0-9a-f]{3} ").And.Not.Match(@"\?{5}| error |Couldn't|Unable"), link);
        Assert.That(_links, Has.Count.GreaterThan(0));
    }

    [Test]
    public void Links_are_commands_of_ours_or_show_an_object_and_hold_no_name_that_could_be_a_command() =>
        Assert.That(_links, Has.All.Match($"^({LinkedCommand.Replace("ADDRESS", IsX86 ? "[0-9a-f]{8}" : "[0-9a-f]{16}", StringComparison.Ordinal)})$"));

    [Test]
    public void The_debugger_is_left_as_it_was() =>
        Assert.That(_answers[After], Is.EqualTo(Missing().Replace(_answers[Before], "")));

    [Test]
    public void Registers_of_the_debugger_are_evaluated()
    {
        ulong process = _session.System.Processors is [{ Current: { } current }, ..] ? current.Process.Address.Value
            : _session.System.GetStopStack()!.Value.Thread!.Process.Address.Value;

        Assert.That(_answers[OfCurrent], Is.EqualTo(Expectation.Text(_session, $"!us -p {process:x} /q")));
    }

    private void AddState(EngineScript script, string key) =>
        script.Add(key, "? @$thread; ? @$proc", "n", ".effmach", forged.Kernel.Architecture switch
        {
            DumpForge.Layouts.Architecture.X86 => "r eip, esp",
            DumpForge.Layouts.Architecture.Arm64 => "r pc, sp",
            _ => "r rip, rsp",
        }, ".frame");

    private static bool IsHelp(string line) =>
        line.Contains("/?", StringComparison.Ordinal) || line.StartsWith("!hahelp", StringComparison.Ordinal);

    private static bool IsJson(string line) => line.Contains("json", StringComparison.Ordinal);

    /// <summary>What the engine has to print, where it says something else of the dump than the library's reader.</summary>
    private string InEngine(string text)
    {
        // Of a small dump, which lists the kernel by no name, the engine tells that under which it was linked.
        if (!_session.Description.HoldsPages)
            text = text.Replace("ntoskrnl.exe", GoldenFiles.LinkedName(forged), StringComparison.Ordinal);
        return WithoutFolder(text);
    }

    /// <summary>
    /// A text with a placeholder for the dump's folder, which the engine writes in lower case, and without what the engine
    /// says when a command was declined and no other extension has it.
    /// </summary>
    private string WithoutFolder(string text)
    {
        string folder = Path.GetDirectoryName(_session.Description.Path)!;
        return AskedNext().Replace(text, "").Replace(folder + "/", "{folder}", StringComparison.Ordinal)
            .Replace(Engine.WindowsPath(folder) + "\\", "{folder}", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Said once of each image that is asked for.</summary>
    [GeneratedRegex(@"(?m)^Unable to load image .*\n")]
    private static partial Regex Missing();

    [GeneratedRegex(@"(?m)^\w+ is not extension gallery command\nNo export \w+ found\n")]
    private static partial Regex AskedNext();
}
