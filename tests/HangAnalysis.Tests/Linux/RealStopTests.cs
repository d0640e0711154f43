using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.Analysis;
using HangAnalysis.Linux;
using HangAnalysis.Linux.Log;
using HangAnalysis.Linux.Stops;
using HangAnalysis.Model;
using NUnit.Framework;
using HangAnalysis.Targets.Code;

namespace HangAnalysis.Tests.Linux;

/// <summary>How real dumps came to be: their NOTES.md, and what crash printed, tell the truth.</summary>
public class RealStopTests
{
    [Test]
    public void A_write_to_address_zero_is_taken_apart()
    {
        LinuxSystem system = new(RealVmcore.Open("c-null-oops").Target);
        LinuxStop stop = system.StopDetails!;
        Assert.That((stop.Kind, stop.Facts.IsForced, stop.Facts.Title),
            Is.EqualTo((StopKind.Oops, false, "Oops 0002: NULL pointer dereference")));
        Assert.That((stop.ErrorCode, stop.BadAddress, stop.Processor, stop.Thread?.Id, stop.Thread?.Process.Name),
            Is.EqualTo(((ulong?)2, (ulong?)0, (int?)0, (ulong?)97, "insmod")));
        // crash bt: [exception RIP: nullptr_poke+5], and the registers below it.
        Assert.That(stop.FaultAddress, Is.EqualTo(0xffffffffc0596005));
        Assert.That(system.DescribeAddress(stop.FaultAddress).Text, Is.EqualTo("nullptr_poke+0x5 [nullptr]"));
        const int Rax = 0, Rdi = 7, R11 = 11;
        Assert.That(stop.Registers!.Value.Context.Registers[Rax], Is.EqualTo(0x4d));
        Assert.That(stop.Registers!.Value.Context.Registers[Rdi], Is.Zero);
        Assert.That(stop.Registers!.Value.Context.Registers[R11], Is.EqualTo(0xffffffffa3cd2328));
        Assert.That(stop.Registers!.Value.Flags, Is.EqualTo(0x246));
        // NOTES.md: it writes *(int*)0 = 1.
        Assert.That(stop.Code.Single(c => c.IsFault).Text, Is.EqualTo("movl $0x1,(%rdi)"));
        Assert.That(stop.Accesses, Is.EqualTo(new CodeAccess[] { new(0, true, 4) }));
        Assert.That(stop.Stack.Frames.Select(f => f.Function).Take(4),
            Is.EqualTo(["nullptr_poke [nullptr]", "nullptr_init [nullptr]", "do_one_initcall", "do_init_module"]));
    }

    /// <summary>A death that the kernel survived is told by its log alone: here it must say what the stack says.</summary>
    [Test]
    public void The_log_alone_tells_the_same()
    {
        LinuxSystem system = new(RealVmcore.Open("c-null-oops").Target);
        LinuxStop stop = system.StopDetails!;
        LinuxStop logged = system.DescribeOops(system.Oopses.Single());
        Assert.That((logged.ErrorCode, logged.BadAddress, logged.FaultAddress, logged.Processor, logged.Thread?.Id),
            Is.EqualTo((stop.ErrorCode, stop.BadAddress, stop.FaultAddress, stop.Processor, stop.Thread?.Id)));
        for (int i = 0; i < 16; i++)
            Assert.That(logged.Registers!.Value.Context.Registers[i],
                Is.EqualTo(stop.Registers!.Value.Context.Registers[i]), $"{i}");
        Assert.That(logged.Accesses, Is.EqualTo(stop.Accesses));
        Assert.That(logged.Stack.Frames.Select(f => f.Text),
            Is.EqualTo(stop.Stack.Frames.Where(f => f.Module is { IsUserMode: false }).Select(f => f.Text)));
        Assert.That(logged.Stack.Frames.Select(f => f.Certainty), Is.All.EqualTo(Certainty.Inferred));
    }

    [Test]
    public void The_module_that_wrote_there_is_named()
    {
        Verdict verdict = HangAnalyzer.Analyze(new LinuxSystem(RealVmcore.Open("c-null-oops").Target));
        Assert.That(verdict.Class, Is.EqualTo(VerdictClass.Crash));
        Assert.That(verdict.Culprit?.Module.Name, Is.EqualTo("nullptr"));
        Assert.That(verdict.Culprit?.Module.Remark, Is.EqualTo("out of tree, unsigned (OE)"));
        Assert.That(verdict.Summary, Does.Contain("insmod 97 wrote to address 0x0"));
    }

    [Test]
    public void A_panic_over_hung_tasks_leads_to_the_hang()
    {
        LinuxSystem system = new(RealVmcore.Open("f-kdump-hungtask-panic").Target);
        LinuxStop stop = system.StopDetails!;
        Assert.That((stop.Kind, stop.Facts.IsForced, stop.Facts.Title, stop.Thread?.Process.Title, stop.Processor),
            Is.EqualTo((StopKind.HungTask, true, "panic: hung_task: blocked tasks", "khungtaskd 29", (int?)0)));
        Assert.That(system.LogEvents.Where(e => e.Kind == LogEventKind.HungTask).Select(e => system.FindTask(e)?.Id),
            Is.EqualTo(new ulong?[] { 99, 100, 102, 104, 106, 108 }));
        Verdict verdict = HangAnalyzer.Analyze(system);
        Assert.That(verdict.Culprit?.Module.Name, Is.EqualTo("rwhold"));
        string[] log = [.. verdict.Evidence.Where(e => e.Label == "Log").Select(e => e.Text.ToString())];
        Assert.That(log[0], Is.EqualTo("[   16.303941] INFO: task rwhold-writer:99 blocked for more than 10 seconds."));
        Assert.That(log[^1], Is.EqualTo("[   16.334891] Kernel panic - not syncing: hung_task: blocked tasks"));
        Assert.That(log, Has.None.Contains(":102 "), "it is not on the chain");
    }

    [TestCase("a-abba-mutex"), TestCase("k612-a-abba-mutex-la57")]
    public void A_dump_from_outside_has_no_stop(string name)
    {
        LinuxSystem system = new(RealVmcore.Open(name).Target);
        Assert.That((system.StopDetails, system.Stop, system.GetStopStack()), Is.EqualTo(((LinuxStop?)null, (StopFacts?)null,
            ((ThreadFacts?, StackFacts)?)null)));
        Assert.That(system.Origin, Is.Not.Null);
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void The_system_says_of_itself_what_crash_shows(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        LinuxSystem system = new(core.Target);
        Dictionary<string, string> crash = [];
        foreach (string line in File.ReadLines(Path.Combine(core.Folder, "crash-sys.txt")))
            if (line.IndexOf(": ", StringComparison.Ordinal) is > 0 and var colon)
                crash[line[..colon].Trim()] = line[(colon + 2)..].Trim();
        LinuxIdentity own = system.Identity;
        Assert.That((own.NodeName, own.Release, own.Version, own.Machine),
            Is.EqualTo((crash["NODENAME"], crash["RELEASE"], crash["VERSION"], crash["MACHINE"].Split(' ')[0])));
        Assert.That(string.Join(", ", own.LoadAverage!.Select(l => l.ToString("0.00", CultureInfo.InvariantCulture))),
            Is.EqualTo(crash["LOAD AVERAGE"]));
        Assert.That((core.Target.Description.Time ?? system.Time)!.Value.ToString("ddd MMM dd HH:mm:ss 'UTC' yyyy",
            CultureInfo.InvariantCulture),
            Is.EqualTo(crash["DATE"]));
        // crash reckons the other one from jiffies without knowing their frequency: 3:49 where the log ends after 12 s.
        if (name != "k612-a-abba-mutex-la57")
            Assert.That(system.Uptime!.Value.ToString(@"hh\:mm\:ss", CultureInfo.InvariantCulture),
                Is.EqualTo(crash["UPTIME"]));
        Assert.That(system.Uptime!.Value.TotalSeconds,
            Is.GreaterThanOrEqualTo(system.Log.Records[^1].Nanoseconds / 1e9 - 0.1).And.LessThan(60));
        string commandLine = File.ReadLines(Path.Combine(core.Folder, "crash-log.txt")).First(l =>
            l.Contains("Command line: ", StringComparison.Ordinal));
        Assert.That(own.CommandLine, Is.EqualTo(Regex.Replace(commandLine, ".*Command line: ", "").Trim()));
    }
}
