using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>
/// Seeded damage to small vmcores: every command ends, soon, with an answer or with one line that says what is wrong. A
/// failing case names its seed, which makes it again.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public class VmcoreMutationTests
{
    private const int Mutations = 2000;
    private const int TruncationSteps = 200;
    private const int Batches = 8;

    private static readonly string[] s_commands =
        ["!hangwhy", "!us", "!lt", "!mods", "!log", "!mem", "!running", "!owners", "!t", "!tl", "!workers -v", "!crashwhy",
            "!sys"];

    // Pages that are not packed are hit where it hurts; packed ones only break their check sum.
    private static readonly string[] s_scenarios = ["mutex-deadlock", "stuck-disk", "null-oops", "fuse-server-dead"];

    private static IEnumerable<int> BatchNumbers() => Enumerable.Range(0, Batches);

    [TestCaseSource(nameof(BatchNumbers))]
    public void Damaged_vmcores_are_answered_or_refused_in_one_line(int batch)
    {
        string folder = Directory.CreateTempSubdirectory("vmcore-damage").FullName;
        try
        {
            string scenario = s_scenarios[batch % s_scenarios.Length];
            byte[] original = Forge(folder, scenario, isPacked: batch % 3 == 2);
            string path = Path.Combine(folder, "damaged");
            for (int seed = batch; seed < Mutations; seed += Batches)
            {
                File.WriteAllBytes(path, MutationTests.Mutate(original, new Random(seed)));
                AssertAnswered(path, $"{scenario}, seed {seed}", seed);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void A_vmcore_cut_anywhere_is_answered_or_refused_in_one_line([Values] bool isPacked)
    {
        string folder = Directory.CreateTempSubdirectory("vmcore-cut").FullName;
        try
        {
            byte[] original = Forge(folder, "mutex-deadlock", isPacked);
            Random random = new(1);
            string path = Path.Combine(folder, "cut");
            for (int i = 0; i < TruncationSteps; i++)
            {
                int length = i % 2 == 0 ? random.Next(0x4000) : random.Next(original.Length);
                File.WriteAllBytes(path, original[..length]);
                AssertAnswered(path, $"cut at {length}", i);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static byte[] Forge(string folder, string scenario, bool isPacked) =>
        File.ReadAllBytes(ForgedVmcore.Make(scenario, LinuxLayout.All[0],
            new VmcoreForm { Pages = isPacked ? VmcorePages.Zlib : VmcorePages.Raw }).Write(folder, "whole"));

    private static void AssertAnswered(string dump, string what, int seed) =>
        MutationTests.AssertAnswered(dump, what, "!hangwhy", s_commands[seed / Batches % s_commands.Length]);
}
