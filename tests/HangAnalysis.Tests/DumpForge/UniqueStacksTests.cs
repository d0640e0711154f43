using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>The forged process of 100 threads against the stacks and threads of the published article.</summary>
internal sealed class UniqueStacksTests
{
    private const ulong Process = 0xffffad8ad052a080;

    [Test]
    public void Threads_have_the_published_stacks_and_those_without_any_are_twenty(
        [Values("6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.22000")] string version)
    {
        SystemBuilder system = ScenarioSet.Build("unique-stacks", KernelLayout.BuiltIn(version));
        system.Finish();
        ForgedWalk walk = new(system);
        ulong now = system.Kernel.ReadUInt64(0xfffff78000000320);
        List<(ulong Address, ulong Age, string Stack)> shown = [];
        int absent = 0;
        ProcessBuilder process = system.Processes.Single(one => one.Address == Process);
        foreach (ThreadBuilder thread in system.Threads.Where(thread => thread.Process == process))
        {
            // Terminated, not started, or with its stack in the page file.
            if (thread.Struct.Get("Tcb.State") is 4 or 0 || thread.Struct.Get("Tcb.KernelStackResident") == 0)
                absent++;
            else
                shown.Add((thread.Address, now - thread.Struct.Get("Tcb.WaitTime"),
                    string.Join(' ', walk.WalkToNowhere(thread).Select(address => $"{address:x16}"))));
        }
        Assert.That((shown.Count, absent), Is.EqualTo((80, 20)));
        Assert.That(ForgedSystemTests.Ring(system.Kernel, process.Struct.At("ThreadListHead")), Has.Count.EqualTo(100));
        List<string> forged = [];
        foreach (IGrouping<string, (ulong Address, ulong Age, string Stack)> group in shown.GroupBy(one => one.Stack))
        {
            IEnumerable<string> threads = group.OrderByDescending(one => one.Age).Take(10).Select(one => $"{one.Address:x16}");
            forged.Add($"{group.Count()}: {string.Join(' ', threads)}: {group.Key}");
        }
        Assert.That(forged, Is.EquivalentTo(Published()));
    }

    private static List<string> Published()
    {
        List<string> groups = [];
        string frames = "", head = "";
        IEnumerable<string> output = Article.Output("!us -p ffffad8ad052a080")
            .TakeWhile(line => !line.StartsWith("8 stack(s) with 80", StringComparison.Ordinal));
        foreach (string line in output.Append("0 thread "))
        {
            if (!line.Contains(" thread", StringComparison.Ordinal))
            {
                frames += (frames.Length > 0 ? " " : "") + line[..16];
                continue;
            }
            if (head.Length > 0)
                groups.Add($"{head}: {frames}");
            int names = line.IndexOf("]: ", StringComparison.Ordinal);
            head = names < 0 ? "" : $"{line.Split(' ')[0]}: {line[(names + 3)..].Replace(" ...", "", StringComparison.Ordinal)}";
            frames = "";
        }
        Assert.That(groups, Has.Count.EqualTo(8));
        return groups;
    }
}
