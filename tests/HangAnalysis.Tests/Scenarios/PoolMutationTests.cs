using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Tests.Matrix;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>
/// Seeded damage to the tables of pool and the counters of memory: both commands end soon, with what is left and with lines on
/// what is not. A failing case names its seed.
/// </summary>
[Parallelizable(ParallelScope.All)]
public class PoolMutationTests
{
    private const int Mutations = 300;

    private static readonly string[] s_variables =
    [
        "PoolTrackTable", "PoolTrackTableSize", "PoolTrackTableExpansion", "PoolTrackTableExpansionSize", "ExPoolTagTables",
        "PoolBigPageTable", "PoolBigPageTableSize",
    ];

    [TestCase("6.1.7601"), TestCase("10.0.14393"), TestCase("10.0.22000"), TestCase("x86:6.1.7601"), TestCase("arm64:22000")]
    public void Damaged_tables_are_read_as_far_as_they_go(string layout)
    {
        SystemBuilder system = ScenarioSet.Build("pool-leak", KernelLayout.BuiltIn(layout));
        using ForgedFolder forged = new(system);
        using KernelDumpTarget dump = KernelDumpTarget.Open(forged.DumpPath);
        ulong[] variables = [.. s_variables.Select(v => system.Variables[v])];
        (ulong Start, int Size) counters = system.Variables.HasPartition
            ? (system.Variables["MiState"], system.Layout.Size("_MI_SYSTEM_INFORMATION")) : (system.Variables["MmPagingFile"], 0x400);
        for (int seed = 0; seed < Mutations; seed++)
        {
            Random random = new(seed);
            OverlaidTarget damaged = new(dump);
            for (int blows = random.Next(1, 12); blows > 0; blows--)
            {
                ulong at = random.Next(4) switch
                {
                    0 => variables[random.Next(variables.Length)],
                    1 => system.PoolTables.GlobalTable + 8 * (ulong)random.Next(0x800),
                    2 => variables[4] + 8 * (ulong)random.Next(8),
                    _ => (counters.Start & ~7ul) + 8 * (ulong)random.Next(counters.Size / 8),
                };
                damaged.Words[at] = random.Next(5) switch
                {
                    0 => 0,
                    1 => ulong.MaxValue,
                    2 => 1ul << random.Next(64),
                    3 => at,
                    _ => (ulong)random.NextInt64(),
                };
            }
            using CommandSession session = new(damaged);
            foreach (string line in new[] { "!poolwho", "!mem" })
                Assert.That(Answer(session, line), Is.Not.Empty.And.Length.LessThan(30_000), $"{layout} seed {seed} {line}");
        }
    }

    [TestCase(ulong.MaxValue), TestCase(0ul), TestCase(0x10000000ul)]
    public void A_count_that_cannot_be_costs_one_line(ulong count)
    {
        SystemBuilder system = ScenarioSet.Build("pool-leak", KernelLayout.BuiltIn("10.0.19041"));
        using ForgedFolder forged = new(system);
        using KernelDumpTarget dump = KernelDumpTarget.Open(forged.DumpPath);
        OverlaidTarget damaged = new(dump);
        damaged.Words[system.Variables["PoolBigPageTableSize"]] = count;
        using CommandSession session = new(damaged);

        Assert.That(Answer(session, "!poolwho"), Does.Contain("Leak 184.08 MB").And.Contain("not known: PoolBigPageTableSize says"));

        damaged.Words[system.Variables["PoolTrackTableSize"]] = count;
        using CommandSession without = new(damaged);
        Assert.That(Answer(without, "!poolwho"), Does.Contain("PoolTrackTableSize says"));
    }

    private static string Answer(CommandSession session, string line)
    {
        try
        {
            return ForgedFolder.Run(session, line);
        }
        catch (CommandDeclinedException declined)
        {
            Assert.That(declined.Message, Does.Not.Contain("\n"));
            return declined.Message;
        }
    }
}
