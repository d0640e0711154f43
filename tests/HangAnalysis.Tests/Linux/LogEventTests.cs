using HangAnalysis.Linux.Log;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>Lines as kernels of different versions write them, and whom they name.</summary>
public class LogEventTests
{
    [TestCase("INFO: task kworker/u8:3:77 blocked for more than 120 seconds.", LogEventKind.HungTask, 77, "kworker/u8:3",
        null, null)]
    [TestCase("INFO: task dd:812 blocked in I/O wait for more than 122 seconds.", LogEventKind.HungTask, 812, "dd", null,
        null)]
    [TestCase("watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kworker/3:1:77]", LogEventKind.SoftLockup, 77,
        "kworker/3:1", 3, null)]
    [TestCase("BUG: soft lockup - CPU#0 stuck for 67s! [java:4711]", LogEventKind.SoftLockup, 4711, "java", 0, null)]
    [TestCase("NMI watchdog: Watchdog detected hard LOCKUP on cpu 12", LogEventKind.HardLockup, null, null, 12, null)]
    [TestCase("watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 2", LogEventKind.HardLockup, null, null, 2, null)]
    [TestCase("INFO: rcu_sched self-detected stall on CPU { 3}  (t=60000 jiffies g=1 c=0 q=9)", LogEventKind.RcuStall, null,
        null, 3, null)]
    [TestCase("kernel BUG at fs/ext4/inode.c:2721!", LogEventKind.Bug, null, null, null, "fs/ext4/inode.c:2721")]
    [TestCase("BUG: unable to handle page fault for address: ffffc90000451000", LogEventKind.BadAccess, null, null, null,
        null)]
    [TestCase("BUG: unable to handle kernel NULL pointer dereference at 0000000000000008", LogEventKind.BadAccess, null,
        null, null, null)]
    [TestCase("Oops: 0002 [#1] PREEMPT SMP NOPTI", LogEventKind.Oops, null, null, null, "Oops")]
    [TestCase("invalid opcode: 0000 [#1] SMP PTI", LogEventKind.Oops, null, null, null, "invalid opcode")]
    [TestCase("general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#2] SMP",
        LogEventKind.Oops, null,
        null, null, "general protection fault, probably for non-canonical address 0xdead000000000108")]
    [TestCase("WARNING: CPU: 1 PID: 22 at kernel/softirq.c:362 __local_bh_enable_ip+0x6c/0x90", LogEventKind.Warning, 22,
        null, 1,
        "kernel/softirq.c:362 __local_bh_enable_ip+0x6c/0x90")]
    [TestCase("Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009", LogEventKind.Panic, null, null,
        null,
        "Attempted to kill init! exitcode=0x00000009")]
    [TestCase("sysrq: Trigger a crash", LogEventKind.SysRq, null, null, null, "Trigger a crash")]
    [TestCase("SysRq : Trigger a crash", LogEventKind.SysRq, null, null, null, "Trigger a crash")]
    [TestCase("Out of memory: Killed process 1234 (my (odd) name) total-vm:2kB", LogEventKind.OutOfMemory, 1234,
        "my (odd) name", null, null)]
    [TestCase("Uhhuh. NMI received for unknown reason 2c on CPU 5.", LogEventKind.UnknownNmi, null, null, 5, null)]
    [TestCase("mce: [Hardware Error]: Machine check events logged", LogEventKind.HardwareError, null, null, null, null)]
    [TestCase("blk_update_request: I/O error, dev sdb, sector 2048 op 0x0:(READ)", LogEventKind.DiskError, null, null, null,
        "sdb")]
    [TestCase("Buffer I/O error on dev nvme0n1p1, logical block 0, async page read", LogEventKind.DiskError, null, null,
        null, "nvme0n1p1")]
    public void A_line_names(string line, LogEventKind kind, int? pid, string? task, int? cpu, string? subject)
    {
        LogEvent found = LogEvents.Find([Line(line)]).Single();
        Assert.That((found.Kind, found.Pid, found.Task, found.Processor, found.Subject),
            Is.EqualTo((kind, pid, task, cpu, subject)));
    }

    [TestCase("---[ end Kernel panic - not syncing: Fatal exception ]---")]
    [TestCase("INFO: task without a number blocked for more than 120 seconds.")]
    [TestCase("INFO: task  blocked")]
    [TestCase(" [#1]")]
    [TestCase("")]
    public void Other_lines_report_nothing(string line) => Assert.That(LogEvents.Find([Line(line)]), Is.Empty);

    [Test]
    public void A_program_cannot_report_a_hung_task()
    {
        const int User = 1;
        Assert.That(LogEvents.Find([Line("INFO: task init:1 blocked for more than 120 seconds.") with { Facility = User }]),
            Is.Empty);
    }

    /// <summary>The lines of print_cpu_stall_info() and rcu_print_task_stall() of 6.1.</summary>
    [Test]
    public void The_lines_behind_a_stall_name_the_processors_and_tasks()
    {
        List<LogEvent> events = LogEvents.Find(
        [
            Line("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"),
            Line("rcu: \t3-...!: (1 GPs behind) idle=6a4/1/0x4000000000000000 softirq=9/9 fqs=0"),
            Line("rcu: \tTasks blocked on level-0 rcu_node (CPUs 0-3): P142/1:b..l"),
            Line("rcu: \t(detected by 1, t=5252 jiffies, g=17, q=12 ncpus=4)"),
            Line("rcu: \t7-...!: not of it"),
        ]);
        Assert.That(events.Select(e => (e.Kind, e.Processor, e.Pid)), Is.EqualTo(new (LogEventKind, int?, int?)[]
        {
            (LogEventKind.RcuStall, null, null), (LogEventKind.RcuStall, 3, null), (LogEventKind.RcuStall, null, 142),
        }));
    }

    private static LogRecord Line(string text) => new(0, 0, 0, 6, null, text);
}
