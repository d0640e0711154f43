using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Linux.Systems;
using HangAnalysis.Linux;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>Log, figures of memory, clocks and what a kernel lacks, read from forged vmcores.</summary>
public class LinuxForgeFactsTests
{
    private static IEnumerable<LinuxLayout> Layouts => LinuxLayout.All;

    [TestCaseSource(nameof(Layouts))]
    public void The_log_has_the_forged_lines(LinuxLayout layout)
    {
        using Read read = new("null-oops", layout);
        IReadOnlyList<LogLine> truth = read.Core.Machine.Log.Kept;

        Assert.That(read.System.Log.Records.Select(record => record.Text), Is.EqualTo(truth.Select(line => line.Text)));
        Assert.That(read.System.Log.Records.Select(record => record.Nanoseconds / 1000),
            Is.EqualTo(truth.Select(line => (ulong)Math.Round(line.Seconds * 1e6))));
        Assert.That(read.System.Log.Records.Select(record => record.Level), Is.EqualTo(truth.Select(line => line.Level)));
    }

    /// <summary>The ring holds 16 KB and 256 records; blocks that reach the end begin again, the oldest are lost.</summary>
    [TestCase(3, 240), TestCase(1000, 9), TestCase(700, 60)]
    public void A_ring_that_has_gone_round_has_its_last_lines(int lines, int length)
    {
        using Read read = new("mutex-deadlock", LinuxLayout.Linux612, machine =>
        {
            for (int i = 0; i < lines; i++)
                machine.Log.Add(100 + i, $"{i} {new string((char)('a' + i % 26), length + i % 17)}");
        });
        IReadOnlyList<LogLine> truth = read.Core.Machine.Log.Kept;

        Assert.That(truth, Has.Count.LessThanOrEqualTo(256).And.Count.GreaterThan(2));
        Assert.That(read.System.Log.Records.Select(record => record.Text), Is.EqualTo(truth.Select(line => line.Text)));
        Assert.That(read.System.Log.Damaged, Is.Zero);
    }

    [TestCaseSource(nameof(Layouts))]
    public void Figures_of_memory_are_the_forged_ones(LinuxLayout layout)
    {
        using Read read = new("mutex-deadlock", layout);
        HangAnalysis.DumpForge.Linux.Systems.MemoryFigures truth = read.Core.Machine.Identity.Memory;
        HangAnalysis.Linux.MemoryFigures found = read.System.MemoryUse;

        Assert.That((found.Total, found.Free), Is.EqualTo(((ulong?)truth.Total, (ulong?)truth.Free)));
        Assert.That(found.Slab, Is.EqualTo(truth.SlabReclaimable + truth.SlabUnreclaimable));
        Assert.That((found.SwapTotal, found.SwapFree), Is.EqualTo(((ulong?)truth.SwapTotal, (ulong?)truth.SwapFree)));
        Assert.That(found.Committed, Is.EqualTo(truth.Committed));
        Assert.That((found.HugeTotal, found.HugeFree), Is.EqualTo(((ulong?)0, (ulong?)0)));
    }

    [Test]
    public void What_a_kernel_lacks_is_told()
    {
        LinuxOptions options = new(LinuxLayout.Linux61) { HasBtf = false, HasOrc = false };
        using Read read = new("mutex-deadlock", LinuxLayout.Linux61, null, options);

        KernelSymbols symbols = KernelSymbols.Read(read.Target.KernelMemory, read.Target.Info);

        Assert.That(symbols.Absent.Select(absent => absent.What), Does.Contain("BTF").And.Contain("ORC"));
        Assert.That(symbols.Find("init_task"), Is.EqualTo(read.Core.Machine.Symbols["init_task"]));
    }

    /// <summary>Kernels before 6.0 do not tell; the tables are known by their own form.</summary>
    [Test]
    public void Names_are_found_without_their_addresses_in_VMCOREINFO()
    {
        LinuxOptions options = new(LinuxLayout.Linux61) { HasKallsymsInfo = false, UnusedSymbols = 5000 };
        using Read read = new("mutex-deadlock", LinuxLayout.Linux61, null, options);

        Assert.That(read.Target.Info.TryGetSymbol("kallsyms_names", out _), Is.False);
        Assert.That(KernelSymbols.Read(read.Target.KernelMemory, read.Target.Info).Find("init_task"),
            Is.EqualTo(read.Core.Machine.Symbols["init_task"]));
    }

    /// <summary>A forged vmcore, open as a system.</summary>
    private sealed class Read : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("forged-facts").FullName;

        public Read(string scenario, LinuxLayout layout, Action<LinuxMachine>? prepare = null, LinuxOptions? options = null)
        {
            Core = ForgedVmcore.Make(scenario, layout, null, options, prepare);
            Target = VmcoreTarget.Open(Core.Write(_folder, "forged"));
            System = new LinuxSystem(Target);
        }

        public ForgedVmcore Core { get; }

        public VmcoreTarget Target { get; }

        public LinuxSystem System { get; }

        public void Dispose()
        {
            Target.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
    }
}
