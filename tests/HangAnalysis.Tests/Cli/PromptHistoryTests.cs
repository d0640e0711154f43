using System.Runtime.Versioning;
using HangAnalysis.Cli.Prompting;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>The history outlives sessions, is bounded, and never ends anybody's work.</summary>
public class PromptHistoryTests
{
    private DirectoryInfo _folder = null!;
    private string _path = null!;

    [SetUp]
    public void Begin()
    {
        _folder = Directory.CreateTempSubdirectory("hangwhy-history-");
        _path = Path.Combine(_folder.FullName, "state", "hangwhy", "history");
    }

    [TearDown]
    public void End() => _folder.Delete(recursive: true);

    [Test]
    public void The_next_session_has_the_lines_of_this_one_without_repetitions_blanks_and_private_lines()
    {
        PromptHistory first = new(_path);
        foreach (string line in new[] { "us -k", "us -k", "", "   ", " secret", "owners", "us -k" })
            first.Add(line);

        Assert.That(new PromptHistory(_path).Lines, Is.EqualTo(new[] { "us -k", "owners", "us -k" }));
    }

    [Test]
    public void Two_sessions_at_a_time_lose_nothing()
    {
        PromptHistory a = new(_path), b = new(_path);
        a.Add("from a");
        b.Add("from b");
        a.Add("from a again");

        Assert.That(new PromptHistory(_path).Lines, Is.EqualTo(new[] { "from a", "from b", "from a again" }));
    }

    [Test]
    public void A_long_history_is_cut_to_its_latest_lines_on_disk_too()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        File.WriteAllLines(_path, Enumerable.Range(1, 2 * PromptHistory.MostLines + 1).Select(i => $"line {i}"));

        PromptHistory history = new(_path);

        Assert.That(history.Lines, Has.Count.EqualTo(PromptHistory.MostLines));
        Assert.That(history.Lines[^1], Is.EqualTo("line 2001"));
        Assert.That(File.ReadAllLines(_path), Is.EqualTo(history.Lines));
        history.Add("one more");
        Assert.That(history.Lines, Has.Count.EqualTo(PromptHistory.MostLines).And.No.Member("line 1002"));
    }

    [Test]
    public void Lines_that_could_drive_the_terminal_are_not_taken()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        File.WriteAllText(_path, "us -k\n\u001b]0;title\u0007\nowners\n");

        Assert.That(new PromptHistory(_path).Lines, Is.EqualTo(new[] { "us -k", "owners" }));
    }

    [Test]
    public void Where_no_file_can_be_written_the_session_still_remembers()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "state"), "a file where a folder should be");

        PromptHistory history = new(_path);
        history.Add("us -k");

        Assert.That(history.Lines, Is.EqualTo(new[] { "us -k" }));
    }

    [Test]
    [UnsupportedOSPlatform("windows")]
    [Platform("Linux,MacOsX")]
    public void Only_the_user_may_read_it()
    {
        new PromptHistory(_path).Add("us -k");

        Assert.That(File.GetUnixFileMode(_path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Test]
    [Platform("Linux,MacOsX")]
    public void It_lies_where_the_XDG_specification_says()
    {
        string? before = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        try
        {
            Environment.SetEnvironmentVariable("XDG_STATE_HOME", "/var/state");
            Assert.That(PromptHistory.DefaultPath(), Is.EqualTo("/var/state/hangwhy/history"));
            Environment.SetEnvironmentVariable("XDG_STATE_HOME", "not/absolute");
            Assert.That(PromptHistory.DefaultPath(), Is.EqualTo($"{home}/.local/state/hangwhy/history"));
            Environment.SetEnvironmentVariable("XDG_STATE_HOME", null);
            Assert.That(PromptHistory.DefaultPath(), Is.EqualTo($"{home}/.local/state/hangwhy/history"));
        }
        finally
        {
            Environment.SetEnvironmentVariable("XDG_STATE_HOME", before);
        }
    }
}
