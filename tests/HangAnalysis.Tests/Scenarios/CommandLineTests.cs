using System.Text.Json;
using HangAnalysis.Cli;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>The program as people and scripts call it.</summary>
public class CommandLineTests
{
    private static readonly string s_sample =
        Path.Combine(SharedMaterial.RepositoryRoot, "samples", "logoff-hang", "memory.dmp");

    [Test]
    public void Without_a_command_the_verdict_is_printed_and_the_exit_code_is_0()
    {
        (int exitCode, string output, string error) = Run(s_sample);

        Assert.That(exitCode, Is.Zero);
        Assert.That(output, Does.StartWith("HANG  log-off cannot finish"));
        Assert.That(error, Is.Empty);
    }

    [Test]
    public void Json_is_one_object_in_the_shape_of_the_contract()
    {
        (int exitCode, string output, string error) = Run(s_sample, "--json");
        JsonElement report = JsonDocument.Parse(output).RootElement;

        Assert.Multiple(() =>
        {
            Assert.That(exitCode, Is.Zero);
            Assert.That(error, Is.Empty);
            Assert.That(Names(report), Is.EqualTo(new[]
            {
                "schema", "dump", "verdict", "chains", "stacks", "knownIssues", "ruledOut", "unknown", "timings",
            }));
            Assert.That(Names(report.GetProperty("dump")), Is.EqualTo(new[]
            {
                "path", "kind", "os", "architecture", "processors", "bugcheck", "time", "uptime",
            }));
            Assert.That(Names(report.GetProperty("verdict")), Is.EqualTo(new[]
            {
                "class", "confidence", "summary", "culprit", "blockedThreads", "signature",
            }));
            Assert.That(Names(report.GetProperty("verdict").GetProperty("culprit")), Is.EqualTo(new[]
            {
                "module", "company", "version", "frame",
            }));
            JsonElement link = report.GetProperty("chains")[0].GetProperty("links")[0];
            Assert.That(Names(link), Is.EqualTo(new[]
            {
                "kind", "address", "name", "process", "pid", "tid", "waitsFor", "age", "certainty", "evidence",
            }));
            Assert.That(link.GetProperty("address").GetString(), Is.EqualTo("0xffffab06b1b28800"));
            Assert.That(link.GetProperty("age").GetString(), Is.EqualTo("1m:25.406"));
            Assert.That(link.GetProperty("pid").GetInt32(), Is.EqualTo(0x3a4));
            Assert.That(report.GetProperty("dump").GetProperty("os").GetString(), Is.EqualTo("Windows 10.0.14393"));
            Assert.That(report.GetProperty("dump").GetProperty("bugcheck").GetProperty("name").GetString(),
                Is.EqualTo("MANUALLY_INITIATED_CRASH"));
            Assert.That(report.GetProperty("dump").GetProperty("time").GetDateTimeOffset(),
                Is.EqualTo(new DateTimeOffset(2018, 3, 18, 2, 0, 0, TimeSpan.Zero)));
            Assert.That(report.GetProperty("dump").GetProperty("uptime").GetString(), Is.EqualTo("1d.00:48:53.796"));
            JsonElement frame = report.GetProperty("stacks")[0].GetProperty("frames")[0];
            Assert.That(frame.GetRawText(), Does.Contain("0xfffff8035d17e576").And.Contain("nt!KiSwapContext\\u002B0x76"));
        });
    }

    [Test]
    public void Json_of_several_commands_is_one_array()
    {
        (_, string output, _) = Run(s_sample, "!hangwhy", "!us -cpu", "!mods -3", "!lpcchain", "--json");

        Assert.That(JsonDocument.Parse(output).RootElement.GetArrayLength(), Is.EqualTo(4));
    }

    [Test]
    public void Q_prints_addresses_one_a_line_and_nothing_else()
    {
        (_, string output, _) = Run(s_sample, "!us /q -p c1c");
        Assert.That(output, Is.EqualTo("ffffab06b8121080\n"));

        (_, output, _) = Run(s_sample, "!hangwhy /q");
        Assert.That(output, Is.EqualTo("ffffab06b1b28800\nffffab06b8121080\n"));
    }

    [TestCase("!nonsense", "unknown command '!nonsense'; there are !hangwhy, !crashwhy, !why")]
    [TestCase("!us -zzz", "unknown option -zzz")]
    [TestCase("!us -p 12345678", "no process has the address or the identifier 12345678")]
    [TestCase("!us -p zz", "is no address")]
    [TestCase("!lpcchain 1 2", "one thread or process at a time")]
    public void A_wrong_command_is_one_line_and_exit_code_2(string command, string expected)
    {
        (int exitCode, string output, string error) = Run(s_sample, command);

        Assert.That(exitCode, Is.EqualTo(CommandLine.ExitUsage));
        Assert.That(output, Is.Empty);
        Assert.That(error, Does.StartWith("hangwhy: ").And.Contain(expected));
        Assert.That(error.Trim(), Does.Not.Contain("\n"));
    }

    [Test]
    public void What_a_dump_does_not_hold_for_one_command_does_not_keep_the_others_from_being_answered()
    {
        using ForgedFolder small = new("crash-triage");

        (int exitCode, string output, string error) = Run(small.DumpPath, "!poolwho", "!t zzz", "!mods -3");

        Assert.That(exitCode, Is.EqualTo(CommandLine.ExitUnreadable), "that of the first refusal");
        Assert.That(error.Trim().Split('\n'), Has.Length.EqualTo(2).And.All.StartsWith("hangwhy: "));
        Assert.That(output, Does.Contain("badflt.sys"));

        (_, string json, _) = Run(small.DumpPath, "--json", "!poolwho", "!mods -3");
        JsonElement both = JsonDocument.Parse(json).RootElement;
        Assert.That(both.EnumerateArray().Select(e => e.ValueKind), Is.EqualTo(new[] { JsonValueKind.Null, JsonValueKind.Object }));
    }

    [Test]
    public void Wrong_options_of_the_program_are_exit_code_2_with_the_usage()
    {
        (int exitCode, _, string error) = Run(s_sample, "--nonsense");
        Assert.That(exitCode, Is.EqualTo(CommandLine.ExitUsage));
        Assert.That(error, Does.Contain("usage: hangwhy DUMP"));

        Assert.That(Run().ExitCode, Is.EqualTo(CommandLine.ExitUsage));
    }

    [Test]
    public void A_file_that_is_no_dump_is_exit_code_3_and_one_line()
    {
        (int exitCode, string output, string error) = Run(typeof(CommandLineTests).Assembly.Location);

        Assert.That(exitCode, Is.EqualTo(CommandLine.ExitUnreadable));
        Assert.That(output, Is.Empty);
        Assert.That(error, Does.Contain("not a kernel dump: begins with 4d 5a").And.Contain("a Windows executable"));
    }

    [Test]
    public void Help_is_printed_for_the_program_and_for_each_command()
    {
        Assert.That(Run("--help").Output, Does.Contain("DUMP").And.Contain("--symbols"));
        Assert.That(Run(s_sample, "!us /?").Output, Does.Contain("Usage: !us").And.Contain("/q").And.Contain("/json"));
        Assert.That(Run(s_sample, "!hahelp").Output, Does.Contain("!hangwhy").And.Contain("!lpcchain"));
    }

    [TestCase(DumpKind.Full)]
    [TestCase(DumpKind.Bitmap)]
    [TestCase(DumpKind.KernelBitmap)]
    [TestCase(DumpKind.KernelRanges)]
    [TestCase(DumpKind.ActiveRanges)]
    [TestCase(DumpKind.CompleteRanges)]
    public void The_same_system_in_every_kind_of_dump_gets_the_same_verdict(DumpKind kind)
    {
        using ForgedFolder forged = new("small", kind: kind);

        (int exitCode, string output, _) = Run(forged.DumpPath, "--json");

        Assert.That(exitCode, Is.Zero);
        VerdictMatrixTests.AssertTruth(JsonDocument.Parse(output).RootElement, forged.Truth);
    }

    [Test]
    public void Names_chosen_to_drive_a_terminal_stay_text()
    {
        using ForgedFolder forged = new("hostile-names");

        foreach (string[] command in new string[][] { ["!hangwhy"], ["!us -k"], ["!mods"], ["!lpcchain"], ["!hangwhy", "--json"] })
        {
            (int exitCode, string output, _) = Run([forged.DumpPath, .. command]);

            Assert.That(exitCode, Is.Zero);
            Assert.That(output.Where(c => c != '\n' && (char.IsControl(c) || c is >= '\u202a' and <= '\u202e' or >= '\u2066' and <= '\u2069')),
                Is.Empty, command[0]);
        }
        Assert.That(Run(forged.DumpPath).Output, Does.Contain("\\u{1b}"));
    }

    [Test]
    public void Symbols_of_another_build_are_refused_and_the_refusal_is_told()
    {
        using ForgedFolder forged = new("small", "10.0.14393");
        using ForgedFolder other = new("small", "10.0.17763");
        File.Copy(Path.Combine(other.Folder, "ntkrnlmp.pdb"), Path.Combine(forged.Folder, "ntkrnlmp.pdb"), overwrite: true);

        (int exitCode, string output, _) = Run(forged.DumpPath);

        Assert.That(exitCode, Is.Zero);
        Assert.That(output, Does.Contain("NOT ENOUGH DATA").And.Contain("no symbols of the kernel were found"));
        Assert.That(output.Replace("\n", "", StringComparison.Ordinal), Does.Contain("mismatch"));
    }

    [Test]
    public void Symbols_are_found_along_the_path_that_is_named()
    {
        using ForgedFolder forged = new("small");
        DirectoryInfo symbols = Directory.CreateTempSubdirectory("hangwhy-symbols-");
        try
        {
            foreach (string pdb in Directory.EnumerateFiles(forged.Folder, "*.pdb"))
                File.Move(pdb, Path.Combine(symbols.FullName, Path.GetFileName(pdb)));

            Assert.That(Run(forged.DumpPath).Output, Does.Contain("NOT ENOUGH DATA"));
            Assert.That(Run(forged.DumpPath, "--symbols", symbols.FullName).Output, Does.StartWith("HANG"));
        }
        finally
        {
            symbols.Delete(recursive: true);
        }
    }

    [Test]
    public void A_real_small_dump_names_its_faulting_driver_with_the_kernels_symbols_from_a_table()
    {
        string dump = SharedMaterial.Require("corpus/dumps/triage_x64.dmp");
        string symbols = SharedMaterial.Require("corpus/isf");

        (int exitCode, string output, _) = Run(dump, "--symbols", symbols, "--json");
        JsonElement report = JsonDocument.Parse(output).RootElement;

        Assert.Multiple(() =>
        {
            Assert.That(exitCode, Is.Zero);
            Assert.That(report.GetProperty("verdict").GetProperty("class").GetString(), Is.EqualTo("crash"));
            Assert.That(report.GetProperty("verdict").GetProperty("culprit").GetProperty("module").GetString(),
                Is.EqualTo("amdppm.sys"));
            Assert.That(report.GetProperty("dump").GetProperty("bugcheck").GetProperty("code").GetString(), Is.EqualTo("0x7e"));
            Assert.That(report.GetProperty("dump").GetProperty("bugcheck").GetProperty("rawCode").GetString(),
                Is.EqualTo("0x1000007e"));
            string stack = report.GetProperty("stacks")[0].GetProperty("frames").GetRawText();
            foreach (string function in new[] { "nt!IofCallDriver", "nt!PipProcessDevNodeTree", "nt!ExpWorkerThread",
                "nt!PspSystemThreadStartup", "nt!KiStartSystemThread" })
                Assert.That(stack, Does.Contain(function));
            Assert.That(report.GetProperty("unknown").GetRawText(), Does.Contain("this kind of dump holds one thread"));
        });
    }

    private static (int ExitCode, string Output, string Error) Run(params string[] arguments)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int exitCode = CommandLine.RunAsync(arguments, new ConsoleStreams(output, error, true, true)).GetAwaiter().GetResult();
        return (exitCode, output.ToString(), error.ToString());
    }

    private static IEnumerable<string> Names(JsonElement element) => element.EnumerateObject().Select(p => p.Name);
}
