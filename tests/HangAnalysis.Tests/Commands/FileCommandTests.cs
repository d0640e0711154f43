using HangAnalysis.Commands;
using HangAnalysis.Reports;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Commands;

/// <summary><c>!hangwhy -file</c>: another dump beside the one that is open.</summary>
public class FileCommandTests
{
    [Test]
    public void A_command_runs_on_the_file_and_the_open_dump_stays_as_it_is()
    {
        using ForgedFolder file = new("mutant-deadlock");
        using ForgedFolder open = new("idle");
        using CommandSession session = WithOpener(open);
        using CommandSession directly = file.Open();
        string before = ForgedFolder.Run(session, "!hangwhy");

        Assert.That(ForgedFolder.Run(session, $"!hangwhy -file {file.DumpPath}"), Is.EqualTo(ForgedFolder.Run(directly, "!hangwhy")));
        Assert.That(ForgedFolder.Run(session, $"!hangwhy -file {file.DumpPath} !us -k -l 3"),
            Is.EqualTo(ForgedFolder.Run(directly, "!us -k -l 3")));
        Assert.That(ForgedFolder.Run(session, $"!hangwhy -v -file {file.DumpPath}"),
            Is.EqualTo(ForgedFolder.Run(directly, "!hangwhy -v")));
        Assert.That(ForgedFolder.Run(session, "!hangwhy"), Is.EqualTo(before));
    }

    [Test]
    public void The_form_is_that_of_the_line_that_ran()
    {
        using ForgedFolder file = new("mutant-deadlock");
        using CommandSession session = WithOpener(file);

        Assert.That(Run(session, $"!hangwhy -file {file.DumpPath} !us /json -k").Form!.Has("json"), Is.True);
        Assert.That(Run(session, $"!hangwhy /q -file {file.DumpPath}").Form!.Has("q"), Is.True);
        Assert.That(Run(session, $"!hangwhy -file {file.DumpPath}").Form!.Has("json"), Is.False);
    }

    [Test]
    public void Links_lead_to_the_file_and_those_of_a_debugger_are_gone()
    {
        using OtherOpener opener = new();
        using ForgedFolder open = new("idle");
        using CommandSession session = new(KernelDumpTarget.Open(open.DumpPath)) { Opener = opener };
        string path = Path.GetFullPath("a folder/vmcore");

        CommandOutput output = Run(session, "!hangwhy -file \"a folder/vmcore\" !hangwhy -v");
        string[] commands = [.. output.Document.Blocks.SelectMany(Spans).Select(s => s.Command).OfType<string>()];

        Assert.That(commands, Has.Some.EqualTo($"!hangwhy -file \"{path}\" !deadlocks"));
        Assert.That(commands, Has.All.StartsWith($"!hangwhy -file \"{path}\" !"));
        foreach (string command in commands)
            Assert.That(CommandTable.Linux.Has(CommandArguments.Parse(command).Rest!), Is.True, command);
    }

    [Test]
    public void Commands_are_those_of_the_file_s_system()
    {
        using OtherOpener opener = new();
        using ForgedFolder open = new("idle");
        using CommandSession session = new(KernelDumpTarget.Open(open.DumpPath)) { Opener = opener };

        Assert.That(ForgedFolder.Run(session, "!hangwhy -file vmcore !why 96"), Does.Contain("abba-ka 96"));
        Assert.That(() => ForgedFolder.Run(session, "!hangwhy -file vmcore !lpcports"),
            Throws.TypeOf<CommandDeclinedException>().With.Message.Contains("which Linux does not have"));
        Assert.That(() => ForgedFolder.Run(session, "!hangwhy -file vmcore !hangwhy -file vmcore"),
            Throws.TypeOf<CommandUsageException>().With.Message.Contains("opens no other file"));
        Assert.That(() => ForgedFolder.Run(session, "!fems -k a !hangwhy -file vmcore"), Throws.TypeOf<CommandUsageException>());
    }

    [TestCase("!hangwhy -file \"\"", "needs the path")]
    [TestCase("!hangwhy -file", "needs PATH")]
    [TestCase("!hangwhy now", "'now' is not understood")]
    public void Lines_that_are_wrong_are_refused(string line, string expected)
    {
        using ForgedFolder open = new("idle");
        using CommandSession session = WithOpener(open);

        Assert.That(() => ForgedFolder.Run(session, line), Throws.TypeOf<CommandUsageException>().With.Message.Contains(expected));
    }

    [Test]
    public void A_file_stays_open_until_another_is_asked_for_or_it_has_changed()
    {
        using ForgedFolder file = new("mutant-deadlock");
        using ForgedFolder other = new("idle");
        using DumpOpener opener = new(new DumpOpenOptions());
        CommandSession first = opener.Open(file.DumpPath, CancellationToken.None);
        int threads = first.System.Threads.Count;

        Assert.That(opener.Open(file.DumpPath, CancellationToken.None), Is.SameAs(first));
        File.SetLastWriteTimeUtc(file.DumpPath, DateTime.UtcNow.AddHours(1));
        CommandSession again = opener.Open(file.DumpPath, CancellationToken.None);
        Assert.That(again, Is.Not.SameAs(first));
        Assert.That(again.System.Threads, Has.Count.EqualTo(threads));
        Assert.That(opener.Open(other.DumpPath, CancellationToken.None).Description.Path, Is.EqualTo(other.DumpPath));
        Assert.That(() => opener.Open(file.DumpPath + ".gone", CancellationToken.None), Throws.TypeOf<DumpFormatException>());
        Assert.That(opener.Opened, Is.Null);
    }

    [Test]
    public void What_was_cancelled_is_read_anew()
    {
        using ForgedFolder file = new("threads-2000");
        using DumpOpener opener = new(new DumpOpenOptions());
        using CancellationTokenSource cancelled = new();
        CommandSession session = opener.Open(file.DumpPath, cancelled.Token);
        ITarget target = session.Source.WindowsTarget!;
        target.GetSymbols(target.KernelModules[0]);
        cancelled.Cancel();

        Assert.That(session.System.WasInterrupted, Is.True);
        Assert.That(opener.Open(file.DumpPath, CancellationToken.None).System.WasInterrupted, Is.False);
    }

    private static CommandSession WithOpener(ForgedFolder folder) =>
        new(KernelDumpTarget.Open(folder.DumpPath)) { Opener = new DumpOpener(new DumpOpenOptions()) };

    private static CommandOutput Run(CommandSession session, string line)
    {
        CommandArguments arguments = session.Parse(line);
        return session.Commands.Require(arguments).Run(session, arguments);
    }

    private static IEnumerable<Span> Spans(Block block) => block switch
    {
        LineBlock line => line.Left.Concat(line.Right),
        TableBlock table => table.Rows.SelectMany(r => r),
        DeferredBlock deferred => deferred.Blocks.SelectMany(Spans),
        _ => [],
    };

    /// <summary>Opens a system that is not Windows, whatever the path.</summary>
    private sealed class OtherOpener : IDumpOpener
    {
        public CommandSession? Opened { get; private set; }

        public CommandSession Open(string path, CancellationToken cancellation) => Opened ??= new OtherSystem().Open();

        public void Dispose() => Opened?.Dispose();
    }
}
