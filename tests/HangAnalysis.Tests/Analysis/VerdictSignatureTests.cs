using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis;

/// <summary>Dumps of one problem have one signature, whatever else differs; other problems have others.</summary>
public class VerdictSignatureTests
{
    [Test]
    public void One_problem_on_several_builds_of_windows_is_one_bucket()
    {
        HashSet<string> hashes = [];
        foreach (string version in (string[])["10.0.14393", "10.0.17763", "10.0.19041"])
        {
            using ForgedFolder forged = new("logoff-hang", KernelLayout.BuiltIn(version));
            using CommandSession session = forged.Open();
            JsonElement signature = SignatureOf(session);
            Assert.That(signature.GetProperty("title").GetString(), Does.StartWith("stuck-in-driver: ").And.Contain("TmXPFlt"));
            hashes.Add(signature.GetProperty("hash").GetString()!);
        }
        Assert.That(hashes, Has.Count.EqualTo(1));
        Assert.That(hashes.Single(), Does.Match("^[0-9a-f]{12}$"));
    }

    /// <summary>Builds have other layouts; a seed moves objects to other addresses and lists into another order.</summary>
    [TestCase("logoff-hang"), TestCase("mutant-deadlock"), TestCase("mutant-orphan"), TestCase("eresource-filter"), TestCase("spinlock-deadlock"),
        TestCase("lazy-writer-cycle"), TestCase("stuck-io"), TestCase("fastmutex-self"), TestCase("long-dpc"), TestCase("server-silent")]
    public void A_hang_has_one_signature_whatever_the_build_the_addresses_and_the_order(string scenario)
    {
        string[] hashes =
        [
            .. ((string[])["10.0.14393", "10.0.17763", "10.0.19041"]).SelectMany(version => ((ulong[])[0, 3, 17]).Select(seed =>
            {
                KernelLayout layout = KernelLayout.BuiltIn(version);
                using ForgedFolder forged = new(ScenarioSet.Build(scenario, layout, seed));
                using CommandSession session = forged.Open();
                return SignatureOf(session).GetProperty("hash").GetString()!;
            })),
        ];

        Assert.That(hashes.Distinct().Count(), Is.EqualTo(1), string.Join(' ', hashes));
    }

    [TestCase("crash-triage", "badflt"), TestCase("smb1-attack", "srv, srv!SrvOs2FeaToNt, srv!SrvOs2FeaListToNt, srv!SrvSmbOpen2")]
    public void A_crash_has_one_signature_on_every_build_and_names_stop_and_functions(string scenario, string names)
    {
        HashSet<string> hashes = [];
        foreach (string version in (string[])["10.0.14393", "10.0.17763", "10.0.19041"])
        {
            using ForgedFolder forged = new(scenario, version);
            using CommandSession session = forged.Open();
            JsonElement signature = SignatureOf(session);
            hashes.Add(signature.GetProperty("hash").GetString()!);
            Assert.That(signature.GetProperty("title").GetString(),
                Does.StartWith($"crash: SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, {names}").And.Not.Contain("+0x"));
        }
        Assert.That(hashes, Has.Count.EqualTo(1));
    }

    [Test]
    public void All_evidence_tells_the_signature_in_one_line()
    {
        using ForgedFolder forged = new("logoff-hang", "10.0.14393");
        using CommandSession session = forged.Open();
        JsonElement signature = SignatureOf(session);

        Assert.That(ForgedFolder.Run(session, "!hangwhy -v").ReplaceLineEndings(" "), Does.Contain(
            $"signature {signature.GetProperty("hash").GetString()}: stuck-in-driver: TmXPFlt"));
        Assert.That(ForgedFolder.Run(session, "!hangwhy"), Does.Not.Contain("signature "));
    }

    [Test]
    public void One_deadlock_on_several_kernels_of_linux_however_forced_is_one_bucket()
    {
        HashSet<string> hashes = [];
        foreach (LinuxLayout layout in LinuxLayout.All)
            foreach (string scenario in (string[])["mutex-deadlock", "sysrq-forced"])
                hashes.Add(HashOf(scenario, layout)!);

        Assert.That(hashes, Has.Count.EqualTo(1));
    }

    [Test]
    public void One_deadlock_in_real_dumps_of_two_kernels_is_one_bucket()
    {
        string[] hashes = [.. ((string[])["a-abba-mutex", "k612-a-abba-mutex-la57"]).Select(name =>
        {
            using CommandSession session = new(DumpFiles.Open(
                Path.Combine(SharedMaterial.Require($"corpus/vmcore/{name}"), "vmcore")));
            return SignatureOf(session).GetProperty("hash").GetString()!;
        })];

        Assert.That(hashes[0], Is.EqualTo(hashes[1]));
    }

    [Test]
    public void Other_problems_are_in_other_buckets_and_no_problem_is_in_none()
    {
        string[] scenarios = ["mutex-deadlock", "rwsem-writer-stuck", "stuck-disk", "workqueue-flush", "spinlock-cpu", "null-oops",
            "mutex-orphan", "mutex-self", "rt-mutex-pi", "fuse-server-dead"];

        Assert.That(scenarios.Select(s => HashOf(s, LinuxLayout.Linux61)), Is.Unique.And.All.Not.Null);
        Assert.That(HashOf("healthy-idle", LinuxLayout.Linux61), Is.Null);
    }

    private static JsonElement SignatureOf(CommandSession session) =>
        ForgedFolder.RunJson(session, "!hangwhy").GetProperty("verdict").GetProperty("signature");

    private static string? HashOf(string scenario, LinuxLayout layout)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("signature-");
        try
        {
            using CommandSession session = new(DumpFiles.Open(ForgedVmcore.Make(scenario, layout).Write(folder.FullName, scenario)));
            JsonElement signature = SignatureOf(session);
            return signature.ValueKind == JsonValueKind.Null ? null : signature.GetProperty("hash").GetString();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
