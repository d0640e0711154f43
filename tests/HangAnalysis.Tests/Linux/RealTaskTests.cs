using System.Text.RegularExpressions;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary><c>!t</c> prints stacks and registers as <c>crash bt</c> does.</summary>
public partial class RealTaskTests
{
    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void The_stack_of_a_task_off_cpu_is_that_of_crash_line_by_line(string name)
    {
        LinuxRun run = LinuxRun.Open(name);
        HashSet<ulong> running = [.. run.System.Threads.Where(t => t.Processor is not null).Select(t => t.Address.Value)];
        Dictionary<string, List<string>> stacks = Stacks(run.Crash("foreach-bt"));
        int compared = 0;
        foreach ((string task, List<string> expected) in stacks)
        {
            if (running.Contains(Convert.ToUInt64(task, 16)))
                continue;
            Assert.That(StackLines(run.Lines($"!t {task}")), Is.EqualTo(expected), task);
            compared++;
        }
        Assert.That(compared, Is.GreaterThan(50));
    }

    [Test]
    public void An_oops_shows_the_registers_of_the_fault_and_of_the_program_with_its_system_call()
    {
        LinuxRun run = LinuxRun.Open("c-null-oops");
        List<string> crash = Stacks(run.Crash("bt-a"))["ffff8d0181fd0000"];
        string[] lines = run.Lines("!t 97");
        List<string> own = StackLines(lines);
        int fault = crash.FindIndex(l => l.Contains("nullptr_poke")), user = crash.FindIndex(l => l.Contains("ORIG_RAX: 0000000000000139"));
        // Without the line that names the place: crash counts its displacement in decimal.
        foreach (string line in crash[(fault + 1)..(fault + 8)].Concat(crash[(user - 6)..(user + 1)]))
            Assert.That(own, Does.Contain(line));
        Assert.That(own, Does.Contain("    [exception RIP: nullptr_poke] [nullptr]"));
        Assert.That(lines, Does.Contain("    system call finit_module (313)"));
    }

    [Test]
    public void The_processors_stacks_begin_with_their_registers_and_name_the_stack_they_leave()
    {
        string[] lines = LinuxRun.Open("f-kdump-hungtask-panic").Lines("!t");
        string[] crash = LinuxRun.Open("f-kdump-hungtask-panic").Crash("bt-a");
        Assert.That(LinuxRun.Open("c-null-oops").Lines("!t"), Does.Contain("--- <IRQ stack> ---"));
        Assert.That(lines.Count(l => l.StartsWith("PID: ", StringComparison.Ordinal)), Is.EqualTo(2 + 6), "2 processors, 6 tasks in UN");
        foreach (string line in crash.Where(l => l.StartsWith("    R", StringComparison.Ordinal)))
            Assert.That(lines, Does.Contain(line));
    }

    [Test]
    public void The_owner_of_what_a_task_waits_for_is_named()
    {
        string text = string.Join('\n', LinuxRun.Open("f-kdump-hungtask-panic").Lines("!t rw-reader1"));
        Assert.That(text, Does.Contain("Waits for: rw_semaphore rw [rwhold] ffffffffc0380080"));
        Assert.That(text, Does.Contain("ffff89e418f71800 of rwhold-writer 99"));
    }

    /// <summary>Stacks as crash prints them, by task; a module's address is named as crash has it.</summary>
    private static Dictionary<string, List<string>> Stacks(string[] lines)
    {
        Dictionary<string, List<string>> stacks = [];
        List<string> current = [];
        foreach (string line in lines)
            if (TaskLine().Match(line) is { Success: true } task)
                stacks[task.Groups[1].Value] = current = [];
            else if (line.Length > 0)
                current.Add(line.TrimEnd());
        Assert.That(stacks, Is.Not.Empty);
        return stacks;
    }

    /// <summary>The lines of a stack without the displacements, which crash prints with -s only.</summary>
    private static List<string> StackLines(string[] lines) =>
        [.. lines.Where(l => StackLine().IsMatch(l)).Select(l => Displacement().Replace(l, "").TrimEnd())];

    [GeneratedRegex(@"^PID: \d+\s+TASK: (\w+)")]
    private static partial Regex TaskLine();

    [GeneratedRegex(@"^( *#\d+ |    \[exception|    *(RIP|R..|R.|ORIG_RAX|CS): |---)")]
    private static partial Regex StackLine();

    [GeneratedRegex(@"\+0x[0-9a-f]+")]
    private static partial Regex Displacement();
}
