using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>
/// What was read and found good on forged vmcores: a change of any character is a decision. HANGANALYSIS_UPDATE_GOLDEN=1
/// writes the files anew; they are read by eye before they are committed.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public class LinuxGoldenTests
{
    private static readonly string s_folder =
        Path.Combine(SharedMaterial.RepositoryRoot, "tests", "HangAnalysis.Tests", "Linux", "Golden");

    private static readonly (string Scenario, string File, string Line)[] s_cases =
    [
        ("mutex-deadlock", "hangwhy", "!hangwhy"), ("mutex-deadlock", "hangwhy-all-evidence", "!hangwhy -v"),
        ("mutex-deadlock", "deadlocks", "!deadlocks"), ("mutex-deadlock", "owners", "!owners"), ("mutex-deadlock", "lt", "!lt -s D"),
        ("mutex-deadlock", "mods", "!mods"), ("mutex-deadlock", "sys", "!sys"), ("mutex-deadlock", "hahelp", "!hahelp"),
        ("rwsem-writer-stuck", "hangwhy", "!hangwhy"), ("stuck-disk", "hangwhy", "!hangwhy"), ("stuck-disk", "us", "!us"),
        ("workqueue-flush", "hangwhy", "!hangwhy"), ("workqueue-flush", "workers", "!workers"),
        ("fuse-server-stopped", "hangwhy", "!hangwhy"), ("spinlock-cpu", "hangwhy", "!hangwhy"), ("spinlock-cpu", "cpus", "!cpus"),
        ("rcu-stall", "hangwhy", "!hangwhy"), ("rt-mutex-pi", "hangwhy", "!hangwhy"), ("percpu-rwsem", "hangwhy", "!hangwhy"),
        ("mutex-orphan", "hangwhy", "!hangwhy"), ("mutex-handed-over", "hangwhy", "!hangwhy"),
        ("null-oops", "hangwhy", "!hangwhy"), ("null-oops", "crashwhy", "!crashwhy"), ("null-oops", "log", "!log -n 30"),
        ("hung-task-panic", "hangwhy", "!hangwhy"), ("sysrq-forced", "hangwhy", "!hangwhy"),
        ("healthy-idle", "hangwhy", "!hangwhy"), ("healthy-idle", "tl", "!tl -u"), ("memory-exhausted", "hangwhy", "!hangwhy"),
        ("memory-exhausted", "mem", "!mem"),
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        s_cases.Select(c => new TestCaseData(c.Scenario, c.File, c.Line).SetArgDisplayNames(c.Scenario, c.File));

    [TestCaseSource(nameof(Cases))]
    public void What_is_printed_is_the_golden_file(string scenario, string file, string line)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("linux-golden-");
        try
        {
            string path = ForgedVmcore.Make(scenario, LinuxLayout.Linux61).Write(folder.FullName, scenario);
            using CommandSession session = new(DumpFiles.Open(path));
            string printed = ForgedFolder.Run(session, line)
                .Replace(folder.FullName + Path.DirectorySeparatorChar, "{folder}", StringComparison.Ordinal);
            string golden = Path.Combine(s_folder, scenario, file + ".txt");
            if (Environment.GetEnvironmentVariable("HANGANALYSIS_UPDATE_GOLDEN") == "1")
            {
                Directory.CreateDirectory(Path.GetDirectoryName(golden)!);
                File.WriteAllText(golden, printed);
            }
            Assert.That(printed, Is.EqualTo(File.ReadAllText(golden)));
            Assert.That(printed.Split('\n').Select(l => l.Length), Is.All.LessThanOrEqualTo(120));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
