using System.Text.RegularExpressions;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>What happens around commands: another dump, another extension, unloading, a break.</summary>
public partial class SessionTests
{
    private const string Verdict = "!hangwhy", Json = "!hangwhy /json", Threads = "!us /q -k";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hangwhy-engine-session-");

    [OneTimeTearDown]
    public void CleanUp() => _folder.Delete(recursive: true);

    [Test]
    public void An_extension_that_was_unloaded_and_loaded_again_answers()
    {
        Engine.Require();
        EngineScript script = new();
        script.Add("first", Verdict);
        script.Add("unload", ".unload HangAnalysis");
        script.Add("unloaded", Verdict);
        script.Add("load", ".load HangAnalysis");
        script.Add("second", Verdict);
        script.Add("both", ".unload HangAnalysis", ".load HangAnalysis", Verdict);

        Dictionary<string, string> answers = script.Run(ForgedCase.SampleDump);

        using CommandSession session = new(KernelDumpTarget.Open(ForgedCase.SampleDump));
        string expected = Expectation.Text(session, Verdict);
        Assert.Multiple(() =>
        {
            Assert.That(answers["first"], Is.EqualTo(expected));
            Assert.That(answers["unloaded"], Does.Contain("No export hangwhy found"));
            Assert.That(answers["second"], Is.EqualTo(expected));
            Assert.That(answers["both"], Does.EndWith(expected));
        });
    }

    [Test]
    public void A_vmcore_is_told_of_inside_the_debugger_and_its_own_dump_after_it()
    {
        Engine.Require();
        string vmcore = ForgedVmcore.Make("mutex-deadlock", LinuxLayout.Linux61).Write(_folder.FullName, "linux");
        EngineScript script = new();
        script.Add("vmcore", $"!hangwhy -file {Engine.WindowsPath(vmcore)}");
        script.Add("tasks", $"!hangwhy -file {Engine.WindowsPath(vmcore)} !lt -s D /q");
        script.Add("own", Verdict);

        Dictionary<string, string> answers = script.Run(ForgedCase.SampleDump);

        using CommandSession own = new(KernelDumpTarget.Open(ForgedCase.SampleDump));
        using CommandSession linux = new(DumpFiles.Open(vmcore));
        Assert.Multiple(() =>
        {
            Assert.That(answers["vmcore"], Is.EqualTo(Expectation.Text(linux, Verdict)));
            Assert.That(answers["tasks"].Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(5),
                "two in the circle and three behind it");
            Assert.That(answers["own"], Is.EqualTo(Expectation.Text(own, Verdict)));
        });
    }

    [Test]
    public void The_next_session_is_about_its_own_dump()
    {
        Engine.Require();
        string other = Forge("mutant-deadlock");
        EngineScript script = new();
        script.Add("one", Verdict);
        script.Add("open", $"%open {Engine.WindowsPath(other)}");
        AddQuestions(script, "two ");
        script.Add("back", $"%open {Engine.WindowsPath(ForgedCase.SampleDump)}");
        AddQuestions(script, "three ");

        Dictionary<string, string> answers = script.Run(ForgedCase.SampleDump);

        AssertIsAbout(other, answers, "two ");
        AssertIsAbout(ForgedCase.SampleDump, answers, "three ");
    }

    [Test]
    public void Of_two_dumps_in_one_session_the_current_one_is_told_of()
    {
        Engine.Require();
        string other = Forge("mutant-deadlock");
        EngineScript script = new();
        script.Add("path", $".sympath+ {Engine.WindowsPath(Path.GetDirectoryName(other)!)}");
        AddQuestions(script, "one ");
        // Opening alone does not make the other dump the current one; running until it is read does.
        script.Add("opened", $".opendump {Engine.WindowsPath(other)}");
        AddQuestions(script, "still one ");
        script.Add("run", "g");
        AddQuestions(script, "two ");
        script.Add("switch", "||0s");
        AddQuestions(script, "one again ");
        script.Add("switch back", "||1s");
        AddQuestions(script, "two again ");

        Dictionary<string, string> answers = script.Run(ForgedCase.SampleDump);

        foreach (string part in new[] { "one ", "still one ", "one again " })
            AssertIsAbout(ForgedCase.SampleDump, answers, part);
        foreach (string part in new[] { "two ", "two again " })
            AssertIsAbout(other, answers, part);
    }

    [Test]
    public void Beside_an_extension_with_the_same_names_both_are_reached_and_links_lead_to_ours()
    {
        Engine.Require();
        string dll = Path.Combine(Engine.Root, "artifacts", "engine", "other", "OtherExtension.dll");
        Assert.That(dll, Does.Exist, "build/wine/engine.sh --prepare publishes it");
        using CommandSession session = new(KernelDumpTarget.Open(ForgedCase.SampleDump));
        string dml = Expectation.Dml(session, Verdict);
        string[] links = [.. DmlReader.Read(dml).Commands.Distinct()];
        EngineScript script = new();
        script.Add("load", $".load {Engine.WindowsPath(dll)}");
        script.Add("theirs", "!us -cpu");
        script.Add("their verdict", Verdict);
        script.Add("qualified", "!OtherExtension.us");
        script.Add("only ours", "!lpcchain");
        script.Add("dml", "%dml on", "!HangAnalysis.hangwhy", "%dml off");
        foreach (string link in links)
            script.Add(link);
        script.Add("load ours", ".unload HangAnalysis", ".load HangAnalysis");
        script.Add("ours", "!us -cpu");

        Dictionary<string, string> answers = script.Run(ForgedCase.SampleDump);

        Assert.Multiple(() =>
        {
            Assert.That(answers["theirs"], Is.EqualTo("us of the other extension\n"), "the last one loaded is asked first");
            Assert.That(answers["their verdict"], Is.EqualTo("hangwhy of the other extension\n"));
            Assert.That(answers["qualified"], Is.EqualTo("us of the other extension\n"));
            Assert.That(answers["only ours"], Is.EqualTo(Expectation.Text(session, "!lpcchain")));
            Assert.That(answers["dml"], Is.EqualTo(dml));
            Assert.That(links, Has.Some.StartsWith("!HangAnalysis.us "));
            foreach (string link in links.Where(l => l.StartsWith('!')))
                Assert.That(answers[link], Is.EqualTo(Expectation.Text(session, link)), link);
            Assert.That(answers["ours"], Is.EqualTo(Expectation.Text(session, "!us -cpu")), "now ours is the last one loaded");
        });
    }

    [Test]
    public void Where_ours_cannot_serve_it_says_why_and_the_other_extension_is_asked()
    {
        Engine.Require();
        string dll = Path.Combine(Engine.Root, "artifacts", "engine", "other", "OtherExtension.dll");
        EngineScript script = new();
        script.Add("load", $".load {Engine.WindowsPath(dll)}", ".unload HangAnalysis", ".load HangAnalysis");
        script.Add("!us -k");
        script.Add("!us /q -k");
        script.Add("!lpcchain");

        Dictionary<string, string> answers = script.Run(
            ForgedCase.SampleDump, "--symbols", Engine.WindowsPath(_folder.FullName));

        Assert.Multiple(() =>
        {
            Assert.That(answers["!us -k"], Does.StartWith("HangAnalysis: nt has no symbols").And.Contain(".sympath+ srv*")
                .And.Contain("HangAnalysis: !us needs threads").And.EndWith("us of the other extension\n"));
            Assert.That(answers["!us /q -k"], Is.EqualTo("us of the other extension\n"));
            Assert.That(answers["!lpcchain"], Does.Contain("HangAnalysis: !lpcchain needs threads"));
        });
    }

    [Test]
    public void A_break_ends_a_sweep_at_once_and_the_next_command_is_whole()
    {
        Engine.Require();
        string dump = Forge("threads-20000");
        // Reading 20,000 threads takes some tenths of a second: the breaks come in different parts of it.
        int[] delays = [10, 60, 120];
        EngineScript script = new();
        script.Add("list", "%break 10", ".foreach (t {!us /q -k}) {.echo word ${t}}");
        foreach (int delay in delays)
            script.Add($"{delay}", $"%break {delay}", Verdict);
        script.Add("whole", Verdict);
        script.Add("again", $"%break 30", ".foreach (t {!us /q -k}) {!lpcchain ${t}}");
        script.Add("threads", Threads);

        Dictionary<string, string> answers = script.Run(dump);

        using CommandSession session = new(KernelDumpTarget.Open(dump));
        Assert.Multiple(() =>
        {
            Assert.That(answers["list"], Does.Not.Contain("word "), "a part of a list is no list for a script");
            Assert.That(answers["10"], Does.Contain("interrupted").And.Not.Contain("NO HANG"));
            foreach (string key in delays.Select(d => $"{d}").Append("again"))
                if (Ended().Match(answers[key]) is { Success: true } ended)
                    // Promised are 250 ms; a busy machine may take more. The whole script takes four seconds on an idle one.
                    Assert.That(int.Parse(ended.Groups[1].Value, null), Is.LessThan(2000), key);
                else
                    Assert.That(answers[key], Does.Contain("ended before it was asked to"), key);
            Assert.That(answers["whole"], Is.EqualTo(Expectation.Text(session, Verdict)));
            Assert.That(answers["threads"], Is.EqualTo(Expectation.Text(session, Threads)));
        });
    }

    private string Forge(string scenario)
    {
        string folder = Path.Combine(_folder.FullName, scenario);
        return new ForgedCase(scenario, "10.0.19041.3570").Write(folder);
    }

    private static void AddQuestions(EngineScript script, string prefix)
    {
        foreach (string question in new[] { Verdict, Json, Threads })
            script.Add(prefix + question, question);
    }

    private static void AssertIsAbout(string dump, Dictionary<string, string> answers, string prefix)
    {
        using CommandSession session = new(KernelDumpTarget.Open(dump));
        Assert.Multiple(() =>
        {
            Assert.That(answers[prefix + Verdict], Is.EqualTo(Expectation.Text(session, Verdict)), prefix);
            Assert.That(Expectation.Comparable(answers[prefix + Json]),
                Is.EqualTo(Expectation.Comparable(Expectation.Text(session, Json))), prefix);
            Assert.That(answers[prefix + Threads], Is.EqualTo(Expectation.Text(session, Threads)), prefix);
        });
    }

    [GeneratedRegex(@"hangdbg: ended (\d+) ms after")]
    private static partial Regex Ended();
}
