using System.Text.Json;
using HangAnalysis.Analysis.Rules;
using HangAnalysis.Cli;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis.Rules;

/// <summary>Known issues from the bytes of a dump to what is printed.</summary>
public class RuleScenarioTests
{
    private static readonly string s_sample = Path.Combine(SharedMaterial.RepositoryRoot, "samples", "logoff-hang", "memory.dmp");

    [TestCase("logoff-hang", "10.0.14393", "trend-real-time-scan", "held by TmXPFlt.sys: TmXPFlt+0x1bce3 in thread ")]
    [TestCase("logoff-hang", "10.0.19041", "trend-real-time-scan", "held by TmXPFlt.sys: TmXPFlt+0x1bce3 in thread ")]
    [TestCase("lazy-writer-cycle", "10.0.17763", "winfsp-cache-deadlock", "frame nt!CcCanIWriteStream+0x4a8 of the thread in the circle ")]
    [TestCase("rundown-filter", "10.0.14393", "minifilter-unregister-rundown", "frame FLTMGR!FltUnregisterFilter+0x1c2 of the root thread ")]
    [TestCase("smb1-attack", "10.0.14393", "ms17-010", "frame srv!SrvOs2FeaToNt+0x48 of the faulting thread")]
    public void A_known_issue_is_told_with_what_shows_it(string scenario, string layout, string id, string found)
    {
        using ForgedFolder forged = new(scenario, layout);
        using CommandSession session = forged.Open();

        JsonElement issue = ForgedFolder.RunJson(session, "!hangwhy").GetProperty("knownIssues").EnumerateArray().Single();
        Assert.That(issue.GetProperty("id").GetString(), Is.EqualTo(id));
        Assert.That(issue.GetProperty("found").EnumerateArray().Select(f => f.GetString()), Has.Some.StartsWith(found));
        Assert.That(ForgedFolder.Run(session, "!hangwhy"), Does.Contain($"Known       {id} ("));
        Assert.That(ForgedFolder.Run(session, "!rules -m"), Does.Contain($"Known       {id} (").And.Contain("1 of "));
    }

    [Test]
    public void An_attack_by_smb1_is_none_on_a_system_that_has_no_such_error_any_more()
    {
        using ForgedFolder forged = new("smb1-attack", "10.0.19041");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.RunJson(session, "!hangwhy").GetProperty("knownIssues").GetArrayLength(), Is.Zero);
    }

    /// <summary>The drivers that most rules speak of, in dumps whose reason is another or none.</summary>
    [TestCase("idle"), TestCase("mutant-deadlock"), TestCase("crash-triage"), TestCase("stuck-io"), TestCase("spinlock-held"),
        TestCase("memory-exhausted")]
    public void Drivers_that_are_only_loaded_are_not_accused(string scenario)
    {
        SystemBuilder system = ScenarioSet.Build(scenario, KernelLayout.BuiltIn("10.0.14393"));
        foreach (string driver in (string[])["srv.sys", "csagent.sys", "TmXPFlt.sys", "npcap.sys", "aswSnx.sys", "SbieDrv.sys", "vioscsi.sys",
            "viostor.sys", "netkvm.sys", "nvlddmkm.sys", "iaStorA.sys", "winfsp-x64.sys", "dokan1.sys", "btrfs.sys", "vgk.sys", "mfehidk.sys",
            "SysmonDrv.sys", "picadm.sys", "wcifs.sys", "Ndu.sys", "cmdguard.sys", "SystemInformer.sys", "Win10Pcap.sys", "afwcore.sys"])
            if (!system.Modules.Has(Path.GetFileNameWithoutExtension(driver)))
                system.Modules.AddThirdParty(driver, "Somebody", "1.2.3.4");
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.RunJson(session, "!hangwhy").GetProperty("knownIssues").EnumerateArray()
            .Select(i => i.GetProperty("id").GetString()), Is.Empty);
        Assert.That(ForgedFolder.Run(session, "!hangwhy"), Does.Not.Contain("Known  "));
    }

    /// <summary>
    /// Small dumps of real machines: those of two with a processor that lacks POPCNT may be found by their rule, the others have
    /// nothing that is published.
    /// </summary>
    [TestCase("real-1e.dmp"), TestCase("real-3b_0.dmp"), TestCase("real-50_0.dmp"), TestCase("real-7e_1.dmp"), TestCase("real-7e_2.dmp")]
    [TestCase("triage_x64.dmp"), TestCase("triage_arm64.dmp")]
    public void A_real_dump_has_no_known_issue_but_its_own(string name)
    {
        using CommandSession session = new(KernelDumpTarget.Open(SharedMaterial.Require($"corpus/dumps/{name}")));
        string[] own = name.StartsWith("real-7e", StringComparison.Ordinal) ? ["nvidia-popcnt"] : [];

        Assert.That(session.FindKnownIssues(session.Verdict).Select(m => m.Issue.Id), Is.SubsetOf(own));
    }

    [Test]
    public void Rules_of_ones_own_are_added_by_the_command_line_and_by_the_command()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("rules-");
        try
        {
            string file = Path.Combine(folder.FullName, "mine.json");
            File.WriteAllText(file, Rules("explorer-in-filter", "\"stackAll\": [\"TmPreFlt!*\", \"FLTMGR!Fltp*\"]"));

            (int exitCode, string output, string error) = Run(s_sample, "!rules -m", "--rules", file);
            Assert.That((exitCode, error), Is.EqualTo((0, "")));
            Assert.That(output, Does.Contain("explorer-in-filter (high confidence)").And.Contain($"2 of {IssueSet.BuiltIn.All.Count + 1} rules fit this dump")
                .And.Contain($"rule of {file}"));
            Assert.That(output.IndexOf("explorer-in-filter", StringComparison.Ordinal),
                Is.LessThan(output.IndexOf("trend-real-time-scan", StringComparison.Ordinal)), "the surer one first");

            using CommandSession session = new(KernelDumpTarget.Open(s_sample));
            Assert.That(ForgedFolder.Run(session, "!hangwhy"), Does.Not.Contain("explorer-in-filter"));
            Assert.That(ForgedFolder.Run(session, $"!rules -add \"{folder.FullName}\" -m"), Does.Contain("explorer-in-filter")
                .And.Contain("added 1 rule of"));
            Assert.That(ForgedFolder.Run(session, "!hangwhy"), Does.Contain("Known       explorer-in-filter"), "also after a verdict was made");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void A_wrong_file_of_rules_is_one_line_and_exit_code_2()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, Rules("a", "\"moduleLoaded\": [{ \"name\": [\"TmXPFlt\"] }]"));

            (int exitCode, string output, string error) = Run(s_sample, "--rules", file);
            Assert.That((exitCode, output), Is.EqualTo((CommandLine.ExitUsage, "")));
            Assert.That(error.TrimEnd(), Does.StartWith($"hangwhy: {file}(8): rules[0].when: that a module is loaded is no evidence")
                .And.Not.Contain("\n"));

            (exitCode, output, error) = Run(s_sample, $"!rules -add {file}");
            Assert.That((exitCode, output), Is.EqualTo((CommandLine.ExitUsage, "")));
            Assert.That(error.TrimEnd(), Does.StartWith($"hangwhy: {file}(8): ").And.Not.Contain("\n"));

            Assert.That(Run(s_sample, "--rules", file + ".none").ExitCode, Is.EqualTo(CommandLine.ExitUsage));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void The_list_has_every_rule_on_a_line_of_its_own_and_no_address()
    {
        (_, string output, _) = Run(s_sample, "!rules");
        string[] lines = output.Split('\n');

        Assert.That(lines.Count(l => l.StartsWith("npcap-", StringComparison.Ordinal)), Is.EqualTo(5));
        Assert.That(lines, Has.All.Length.LessThanOrEqualTo(120));
        Assert.That(Run(s_sample, "!rules /q").Output, Is.Empty);
        Assert.That(JsonDocument.Parse(Run(s_sample, "!rules /json").Output).RootElement.GetProperty("rules").GetArrayLength(),
            Is.EqualTo(IssueSet.BuiltIn.All.Count));
        Assert.That(Run(s_sample, "!rules nosuchrule").Error, Does.Contain("no rule is called 'nosuchrule'"));
        Assert.That(Run(s_sample, "!rules a b").ExitCode, Is.EqualTo(CommandLine.ExitUsage));
    }

    private static string Rules(string id, string when) => $$"""
        {
          "schema": "hanganalysis-rules/1",
          "rules": [
            {
              "id": "{{id}}",
              "kind": "hang",
              "confidence": "high",
              "when": { {{when}} },
              "says": "It is so.",
              "advice": "Do this.",
              "refs": ["https://example.com/1"],
              "checked": "2026-01-31"
            }
          ]
        }
        """;

    private static (int ExitCode, string Output, string Error) Run(params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        int exitCode = CommandLine.RunAsync(arguments, new ConsoleStreams(output, error, true, true)).GetAwaiter().GetResult();
        return (exitCode, output.ToString(), error.ToString());
    }
}
