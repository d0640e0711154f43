using System.Text.RegularExpressions;
using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Linux.Scenarios;
using HangAnalysis.DumpForge.Linux.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>
/// The analysis finds in forged vmcores what is true of them: the class, the circle, who waits for what and who has it,
/// whatever the offsets of the kernel's structures.
/// </summary>
public partial class LinuxVerdictTests
{
    // Those whose object is a lock and so a node of the graph itself.
    private static readonly string[] s_locks =
        ["mutex", "rwsem-read", "rwsem-write", "semaphore", "rt-mutex", "percpu-rwsem", "futex", "spinlock"];

    private static IEnumerable<TestCaseData> Cases() =>
        from scenario in LinuxScenarioSet.All
        where scenario is not "many-tasks"
        from layout in LinuxLayout.All
        select new TestCaseData(scenario, layout).SetArgDisplayNames(scenario, layout.Name);

    [TestCaseSource(nameof(Cases))]
    public void The_verdict_is_the_forged_truth(string scenario, LinuxLayout layout)
    {
        ForgedVmcore core = ForgedVmcore.Make(scenario, layout);
        using Opened opened = new(core);
        Verdict verdict = opened.Session.Verdict;
        LinuxTruth truth = core.Truth;

        Assert.That(Kebab(verdict.Class), Is.EqualTo(truth.Class), verdict.Summary.ToString());
        if (truth.Class is "stuck-in-driver" or "crash")
            Assert.That(verdict.Culprit?.Module.Name, Is.EqualTo(truth.Culprit));
        foreach (TruthWait wait in truth.Waits)
        {
            HashSet<ulong> reached = Reach(opened.Session.System, opened.Task(wait.Pid));
            string what = $"{wait.Kind} of {wait.Pid}";
            if (s_locks.Contains(wait.Kind) && truth.Class != "no-hang")
                Assert.That(reached, Does.Contain(wait.Object), what);
            if (wait.OwnerPid != 0)
                Assert.That(reached, Does.Contain(opened.Task(wait.OwnerPid)), what);
            ObjectReference found = new(ObjectKind.Lock, wait.Object);
            ulong owner = wait.OwnerPid == 0 ? 0 : opened.Task(wait.OwnerPid);
            foreach (WaitEdge edge in opened.Session.System.Edges)
                if (edge.From == found && edge.Certainty == Certainty.Proven)
                    Assert.That((ulong)edge.To.Address, Is.EqualTo(owner), $"{what}: no other task is said to have it");
        }
        if (truth.Cycle.Count > 1)
            foreach (ulong task in truth.Cycle.Select(opened.Task))
                Assert.That(Reach(opened.Session.System, task), Does.Contain(task));
    }

    [TestCaseSource(typeof(LinuxLayout), nameof(LinuxLayout.All))]
    public void Every_wait_for_a_disk_names_it_and_its_requests_are_counted_once(LinuxLayout layout)
    {
        using Opened opened = new(ForgedVmcore.Make("stuck-disk", layout));
        ISystemFacts system = opened.Session.System;

        Assert.That(system.PendingRequests.Count, Is.EqualTo(15));
        foreach (uint pid in (uint[])[1600, 1650, 1651, 1652])
            Assert.That(Reach(system, opened.Task(pid)).Any(a => system.FindObject(new(ObjectKind.Device, a))?.Name == "sdb"),
                Is.True, $"{pid}");
    }

    [TestCaseSource(typeof(LinuxLayout), nameof(LinuxLayout.All))]
    public void A_writer_of_a_percpu_semaphore_does_not_wait_for_itself(LinuxLayout layout)
    {
        using Opened opened = new(ForgedVmcore.Make("percpu-rwsem-writer", layout));
        ulong writer = opened.Task(1550);

        Assert.That(Reach(opened.Session.System, writer), Has.Count.EqualTo(1).And.Not.Contains(writer));
    }

    [Test]
    public void A_grace_period_has_the_number_of_the_kernels_own_messages()
    {
        using Opened opened = new(ForgedVmcore.Make("rcu-stall", LinuxLayout.All[0]));

        Assert.That(opened.Session.System.Edges.Select(edge => edge.What.ToString()), Has.Some.EqualTo("RCU grace period 6085"));
    }

    /// <summary>Addresses that the graph leads to from a task; processes count by their tasks.</summary>
    private static HashSet<ulong> Reach(ISystemFacts system, ulong task)
    {
        HashSet<ulong> reached = [];
        Queue<ulong> queue = new([task]);
        while (queue.TryDequeue(out ulong from))
            foreach (WaitEdge edge in system.Edges)
                if (edge.From.Address == from && reached.Add(edge.To.Address))
                    queue.Enqueue(edge.To.Address);
        return reached;
    }

    private static string Kebab(VerdictClass value) =>
        Capital().Replace(value.ToString(), "-$0").TrimStart('-').ToLowerInvariant();

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Capital();

    private sealed class Opened : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("forged-verdict").FullName;
        private readonly ForgedVmcore _core;

        public Opened(ForgedVmcore core)
        {
            _core = core;
            Session = new CommandSession(DumpFiles.Open(core.Write(_folder, "forged")));
        }

        public CommandSession Session { get; }

        public ulong Task(uint pid) => _core.Machine.Tasks.Find(pid).Address;

        public void Dispose()
        {
            Session.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
    }
}
