using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.Linux;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>Tasks of real dumps are those that crash lists with the kernel's debuginfo, in every column.</summary>
public partial class RealTaskListTests
{
    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Every_column_of_every_task_is_that_of_crash_ps(string name)
    {
        LinuxRun run = LinuxRun.Open(name);
        Dictionary<string, string> expected = [];
        foreach (string line in run.Crash("ps").Skip(1))
            expected[Task().Match(line).Value] = string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.That(expected, Has.Count.GreaterThan(50));
        int compared = 0;
        foreach (string line in run.Lines("!lt"))
        {
            if (Task().Match(line) is not { Success: true } task)
                continue;
            List<string> words = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
            bool isRunning = words[0] == ">";
            // Behind RSS stands the age, which ps has no column for, and behind the name the function.
            words.RemoveAt(isRunning ? 9 : 8);
            int count = isRunning ? 10 : 9;
            Assert.That(string.Join(' ', words.Take(count)), Is.EqualTo(expected[task.Value]));
            compared++;
        }
        Assert.That(compared, Is.EqualTo(expected.Count));
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void The_time_since_a_task_last_ran_is_that_of_crash_ps_m(string name)
    {
        LinuxRun run = LinuxRun.Open(name);
        int compared = 0;
        foreach (string line in run.Crash("ps-m"))
        {
            if (Age().Match(line) is not { Success: true } match)
                continue;
            ThreadFacts task = run.System.FindThread(ulong.Parse(match.Groups[4].Value, NumberStyles.AllowHexSpecifier))!;
            // What has never been put on a processor by the scheduler's record has no age; crash counts from 0 then.
            if (LinuxSystem.IsIdleTask(task))
                continue;
            TimeSpan expected = TimeSpan.FromDays(int.Parse(match.Groups[1].Value)) + TimeSpan.Parse(match.Groups[2].Value)
                + TimeSpan.FromMilliseconds(int.Parse(match.Groups[3].Value));
            TaskDetails details = run.System.GetDetails(task);
            Assert.That((long)details.OwnAge!.Value.TotalMilliseconds, Is.EqualTo((long)expected.TotalMilliseconds), line);
            Assert.That(task.Age, Is.GreaterThanOrEqualTo(details.OwnAge), line);
            compared++;
        }
        Assert.That(compared, Is.GreaterThan(50));
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Filters_leave_the_tasks_that_crash_ps_shows_in_that_state(string name)
    {
        LinuxRun run = LinuxRun.Open(name);
        string[] expected = [.. run.Crash("ps").Where(l => l.Contains(" UN ")).Select(l => Task().Match(l).Value)];
        Assert.That(run.Run("!lt -s D").Addresses.Select(a => $"{a:x16}"), Is.EquivalentTo(expected));
        Assert.That(run.Run("!lt -s un").Addresses, Is.EqualTo(run.Run("!lt -s D").Addresses));
        int kernel = run.Run("!lt -k").Addresses.Count, programs = run.Run("!lt -u").Addresses.Count;
        Assert.That(programs, Is.EqualTo(run.Crash("ps").Skip(1).Count(l => !l.EndsWith(']'))));
        Assert.That(kernel + programs, Is.EqualTo(run.Crash("ps").Length - 1));
    }

    [GeneratedRegex("[0-9a-f]{16}")]
    private static partial Regex Task();

    [GeneratedRegex(@"^\[(\d+) (\S+)\.(\d+)\].*TASK: (\w+)")]
    private static partial Regex Age();
}
