using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
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
