using System.Buffers.Binary;
using System.Diagnostics;
using HangAnalysis.Cli;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>
/// Seeded damage to a small dump and its PDBs: <c>!hangwhy</c> always ends, soon, with an answer or with one line that says
/// what is wrong. A failing case names its seed, which makes it again.
/// </summary>
public class MutationTests
{
    private const int DumpMutations = 1800;
    private const int PdbMutations = 500;
    private const int TruncationSteps = 200;
    private const int Batches = 8;
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(10);

    private static IEnumerable<int> BatchNumbers() => Enumerable.Range(0, Batches);

    [TestCaseSource(nameof(BatchNumbers))]
    [Parallelizable(ParallelScope.Self)]
    public void Damaged_dumps_are_answered_or_refused_in_one_line(int batch)
    {
        using ForgedFolder forged = new("small");
        byte[] original = File.ReadAllBytes(forged.DumpPath);
        for (int seed = batch; seed < DumpMutations; seed += Batches)
        {
            byte[] damaged = Mutate(original, new Random(seed));
            File.WriteAllBytes(forged.DumpPath, damaged);
            AssertAnswered(forged.DumpPath, $"dump seed {seed}");
        }
    }

    [TestCaseSource(nameof(BatchNumbers))]
    [Parallelizable(ParallelScope.Self)]
    public void Damaged_dumps_of_x86_are_answered_or_refused_in_one_line(int batch) => AnswersDamaged("x86:6.1.7601", batch);

    [TestCaseSource(nameof(BatchNumbers))]
    [Parallelizable(ParallelScope.Self)]
    public void Damaged_dumps_of_arm64_are_answered_or_refused_in_one_line(int batch) => AnswersDamaged("arm64:22000", batch);

    [TestCaseSource(nameof(BatchNumbers))]
    [Parallelizable(ParallelScope.Self)]
    public void Damaged_pdbs_cost_names_and_never_the_answer(int batch)
    {
        using ForgedFolder forged = new("small");
        string[] pdbs = [.. Directory.EnumerateFiles(forged.Folder, "*.pdb").Order(StringComparer.Ordinal)];
        for (int seed = batch; seed < PdbMutations; seed += Batches)
        {
            Random random = new(seed);
            // The kernel's PDB decides everything, so that it takes every second blow.
            string pdb = random.Next(2) == 0 ? pdbs.First(p => p.EndsWith("ntkrnlmp.pdb", StringComparison.Ordinal))
                : pdbs[random.Next(pdbs.Length)];
            byte[] original = File.ReadAllBytes(pdb);
            File.WriteAllBytes(pdb, Mutate(original, random));
            AssertAnswered(forged.DumpPath, $"PDB seed {seed}, {Path.GetFileName(pdb)}");
            File.WriteAllBytes(pdb, original);
        }
    }

    [Test]
    [Parallelizable(ParallelScope.Self)]
    public void A_dump_cut_anywhere_is_answered_or_refused_in_one_line([Values(DumpKind.Full, DumpKind.Bitmap,
        DumpKind.ActiveRanges)] DumpKind kind)
    {
        using ForgedFolder forged = new("small", kind: kind);
        byte[] original = File.ReadAllBytes(forged.DumpPath);
        Random random = new(1);
        for (int i = 0; i < TruncationSteps; i++)
        {
            // Every byte of the headers is as likely as every page of the rest.
            int length = i % 2 == 0 ? random.Next(0x2100) : random.Next(original.Length);
            File.WriteAllBytes(forged.DumpPath, original[..length]);
            AssertAnswered(forged.DumpPath, $"{kind} cut at {length}");
        }
    }

    [Test]
    [Parallelizable(ParallelScope.Self)]
    public void A_damaged_small_dump_is_answered_or_refused_in_one_line()
    {
        using ForgedFolder forged = new("crash-triage");
        byte[] original = File.ReadAllBytes(forged.DumpPath);
        for (int seed = 0; seed < 400; seed++)
        {
            File.WriteAllBytes(forged.DumpPath, Mutate(original, new Random(seed)));
            AssertAnswered(forged.DumpPath, $"small dump seed {seed}");
        }
    }

    private static void AnswersDamaged(string layout, int batch)
    {
        const int Mutations = 2000;
        using ForgedFolder forged = new("small", layout);
        byte[] original = File.ReadAllBytes(forged.DumpPath);
        for (int seed = batch; seed < Mutations; seed += Batches)
        {
            File.WriteAllBytes(forged.DumpPath, Mutate(original, new Random(seed)));
            AssertAnswered(forged.DumpPath, $"{layout} seed {seed}");
        }
    }

    private static void AssertAnswered(string dump, string what) => AssertAnswered(dump, what, "!hangwhy", "!us -k");

    /// <summary>Runs commands on a damaged dump: they answer soon, or it is refused in one line.</summary>
    internal static void AssertAnswered(string dump, string what, params string[] commands)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        long start = Stopwatch.GetTimestamp();
        int exitCode;
        try
        {
            exitCode = CommandLine.RunAsync([dump, .. commands], new ConsoleStreams(output, error, true, true))
                .GetAwaiter().GetResult();
        }
        catch (Exception exception)
        {
            Assert.Fail($"{what}: {exception}");
            return;
        }
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(s_longest), what);
        if (exitCode == CommandLine.ExitUnreadable)
            Assert.That(error.ToString().Trim(), Is.Not.Empty.And.Not.Contain("\n"), what);
        else
        {
            Assert.That(exitCode, Is.EqualTo(CommandLine.ExitAnalysed), $"{what}: {error}");
            Assert.That(output.ToString(), Is.Not.Empty, what);
        }
    }

    /// <summary>One to eight blows of the kinds that disks, transfers and attackers deal.</summary>
    internal static byte[] Mutate(byte[] original, Random random)
    {
        byte[] bytes = [.. original];
        int blows = random.Next(1, 9);
        for (int i = 0; i < blows; i++)
            bytes = Strike(bytes, random);
        return bytes;
    }

    private static byte[] Strike(byte[] bytes, Random random)
    {
        if (bytes.Length < 64)
            return bytes;
        // A third of the blows hits headers, where one value decides most.
        int at = random.Next(3) == 0 ? random.Next(Math.Min(bytes.Length - 8, 0x2100)) : random.Next(bytes.Length - 8);
        int aligned = at & ~7;
        switch (random.Next(9))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                random.NextBytes(bytes.AsSpan(at, 8));
                break;
            case 2:
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(aligned), random.Next(5) switch
                {
                    0 => 0, 1 => ulong.MaxValue, 2 => 1UL << 63, 3 => 0x7fff_ffff, _ => 0xffff_f800_0000_0000,
                });
                break;
            case 3:
                // One pointer of the dump in the place of another: lists that loop, types that do not fit.
                bytes.AsSpan(random.Next(bytes.Length - 8) & ~7, 8).CopyTo(bytes.AsSpan(aligned));
                break;
            case 4:
                bytes.AsSpan(aligned, Math.Min(0x1000, bytes.Length - aligned)).Clear();
                break;
            case 5:
                int page = Math.Min(0x1000, bytes.Length / 2);
                bytes.AsSpan(random.Next(bytes.Length - page), page).CopyTo(bytes.AsSpan(random.Next(bytes.Length - page)));
                break;
            case 6:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(aligned), random.Next(2) == 0 ? 0xffff_ffff : (uint)random.Next());
                break;
            case 7 when random.Next(8) == 0:
                return bytes[..at];
            default:
                for (int n = 0; n < 64; n++)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                break;
        }
        return bytes;
    }
}
