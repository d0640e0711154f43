using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios.Crashes;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios.Crashes;

/// <summary>
/// Seeded damage to the records that stops lead to, and to the parameters that lead there: there is always an answer, soon. A
/// failing case names its seed, which makes it again.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public class StopMutationTests
{
    private const int Seeds = 40, Parameters = 0x40, ParameterBytes = 0x20;

    [Test]
    public void Damaged_records_are_read_as_far_as_they_make_sense([Values("stop-124-cache", "stop-124-memory", "stop-124-pcie", "stop-116",
        "stop-7a-file", "stop-154", "stop-139-list", "stop-7f", "stop-19", "stop-c4-unload", "stop-7b", "stop-f7")] string name)
    {
        ForgedStop stop = StopScenarios.Build(name, KernelLayout.BuiltIn("10.0.19041"));
        using ForgedFolder forged = new(stop.System, DumpKind.Triage);
        byte[] original = File.ReadAllBytes(forged.DumpPath);
        for (int seed = 0; seed < Seeds; seed++)
        {
            Random random = new(seed);
            byte[] damaged = [.. original];
            // A third of the blows goes to the parameters, the others to what lies at the end of the dump: the records in pool.
            int records = Math.Min(0x4000, original.Length / 2);
            for (int blow = 0; blow < 12; blow++)
            {
                int at = blow % 3 == 0 ? Parameters + random.Next(ParameterBytes) : original.Length - records + random.Next(records);
                damaged[at] = (byte)(random.Next(3) switch { 0 => 0xff, 1 => 0, _ => damaged[at] ^ 1 << random.Next(8) });
            }
            File.WriteAllBytes(forged.DumpPath, damaged);
            MutationTests.AssertAnswered(forged.DumpPath, $"{name} seed {seed}", "!crashwhy", "!crashwhy /json");
        }
    }
}
