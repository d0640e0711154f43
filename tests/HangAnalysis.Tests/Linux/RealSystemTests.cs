using System.Text.RegularExpressions;
using HangAnalysis.Linux;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>Memory and modules of real dumps are those that crash finds with the kernel's debuginfo.</summary>
public partial class RealSystemTests
{
    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Every_figure_of_memory_is_that_of_crash_kmem_i(string name)
    {
        LinuxRun run = LinuxRun.Open(name);
        string[] lines = [.. run.Lines("!mem").Select(Plain)];
        int compared = 0;
        foreach (string line in run.Crash("kmem-i").Skip(1).Where(l => l.Trim().Length > 0))
        {
            Assert.That(lines, Does.Contain(Plain(line)));
            compared++;
        }
        Assert.That(compared, Is.EqualTo(13));
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void The_machine_has_memory_left_and_no_limit_where_it_is_not_strict(string name)
    {
        LinuxRun run = LinuxRun.Open(name);
        MemoryFigures figures = run.System.MemoryUse;
        Assert.That(figures.Zones.Aggregate(0UL, (sum, z) => sum + z.Managed), Is.EqualTo(figures.Total));
        Assert.That(run.System.Memory.Available, Is.InRange(figures.Free!.Value / 2 * 4096, figures.Total!.Value * 4096));
        Assert.That(run.System.Memory.CommitLimit, Is.Null, "vm.overcommit_memory is 0");
        Assert.That(run.Lines("!hangwhy -v"), Has.Some.Contains("memory  "));
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Address_name_base_and_size_of_every_module_are_those_of_crash_mod(string name)
    {
        LinuxRun run = LinuxRun.Open(name);
        string[] lines = [.. run.Lines("!mods").Select(Plain)];
        string[] modules = [.. run.Crash("mod").Skip(1)];
        Assert.That(modules, Has.Length.EqualTo(2));
        foreach (string line in modules)
            Assert.That(lines, Has.Some.StartsWith(Plain(line[..line.IndexOf("(not", StringComparison.Ordinal)]) + " "));
        Assert.That(lines, Has.Some.Contains(" OE "), "the test module was built out of tree and not signed");
    }

    [Test]
    public void A_process_has_its_program_its_family_and_its_command_line_where_the_dump_has_it()
    {
        string text = string.Join('\n', LinuxRun.Open("k612-a-abba-mutex-la57").Lines("!p 1"));
        Assert.That(text, Does.Contain("Program:       /bin/busybox"));
        Assert.That(text, Does.Contain("Command line:  /bin/sh /init"));
        Assert.That(text, Does.Contain("abba-reader 150, abba-writer 152, abba-ioctl 154, sleep 159"));
        Assert.That(string.Join('\n', LinuxRun.Open("f-kdump-hungtask-panic").Lines("!p 100")),
            Does.Contain("Command line:  not known: memory of programs is not in the dump"), "makedumpfile -d 31 leaves it out");
    }

    private static string Plain(string line) => Blanks().Replace(line.Trim(), " ");

    [GeneratedRegex(" +")]
    private static partial Regex Blanks();
}
