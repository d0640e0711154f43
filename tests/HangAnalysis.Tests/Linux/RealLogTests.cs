using System.Text;
using HangAnalysis.Linux;
using HangAnalysis.Linux.Log;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>The logs of real dumps are those that crash prints, line by line.</summary>
public class RealLogTests
{
    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void The_log_is_that_of_crash(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        KernelLog log = KernelLog.Read(core.Memory, core.Target.Info, core.Symbols);
        List<string> found = [];
        foreach (LogRecord record in log.Records)
            foreach (string line in record.ToString().Split('\n'))
                found.Add(line.Trim());
        string[] expected = File.ReadAllLines(Path.Combine(core.Folder, "crash-log.txt"), Encoding.UTF8);
        Assert.That(found, Is.EqualTo(expected.Select(line => line.Trim())));
        Assert.That((log.Damaged, log.Problem), Is.EqualTo((0, (string?)null)));
    }

    [Test]
    public void Levels_facilities_and_callers_are_those_of_the_kernels_source()
    {
        RealVmcore core = RealVmcore.Open("c-null-oops");
        KernelLog log = KernelLog.Read(core.Memory, core.Target.Info, core.Symbols);
        // show_fault_oops() uses pr_alert, die() printk(KERN_DEFAULT ...) and panic() pr_emerg; insmod has PID 97
        // (NOTES.md).
        LogRecord fault = log.Records.First(r => r.Text.StartsWith("BUG: kernel NULL", StringComparison.Ordinal));
        LogRecord panic = log.Records.First(r => r.Text.StartsWith("Kernel panic", StringComparison.Ordinal));
        Assert.That((fault.Level, fault.Facility, fault.Caller?.Pid), Is.EqualTo((1, 0, (int?)97)));
        Assert.That((panic.Level, panic.Facility, panic.Caller?.Pid), Is.EqualTo((0, 0, (int?)97)));
    }

    [Test]
    public void Hung_tasks_are_tied_to_their_pids()
    {
        RealVmcore core = RealVmcore.Open("f-kdump-hungtask-panic");
        List<LogEvent> events = LogEvents.Find(KernelLog.Read(core.Memory, core.Target.Info, core.Symbols).Records);
        Assert.That(events.Where(e => e.Kind == LogEventKind.HungTask).Select(e => (e.Task, e.Pid)),
            Is.EqualTo(new (string?, int?)[]
        {
            ("rwhold-writer", 99), ("rw-reader1", 100), ("rw-reader2", 102), ("rw-reader3", 104), ("rw-reader4", 106),
            ("rw-reader5", 108),
        }));
        Assert.That(events[^1],
            Has.Property("Kind").EqualTo(LogEventKind.Panic).And.Property("Subject").EqualTo("hung_task: blocked tasks"));
    }
}
