using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Linux.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>Locks whose memory does not prove an owner: none is named, and what is recorded is said as it is.</summary>
public class LinuxDoubtfulOwnerTests
{
    // Of the writer of rwsem-writer-stuck.
    private const uint Writer = 1201;

    [TestCaseSource(typeof(LinuxLayout), nameof(LinuxLayout.All))]
    public void A_task_is_not_gone_where_the_list_of_tasks_is_damaged(LinuxLayout layout)
    {
        ForgedVmcore core = ForgedVmcore.Make("mutex-orphan", layout, prepare: machine =>
            machine.Tasks.AddProcess(2999, "last", null).Object.Set("tasks.next", 0xffff_8123_dead_0000ul));
        (Verdict verdict, ISystemFacts system) = Analyze(core);

        Assert.That(verdict.Class, Is.Not.EqualTo(VerdictClass.OrphanedLock), verdict.Summary.ToString());
        Assert.That(State(core, system), Does.Contain("not among those that could be read"));
    }

    [TestCaseSource(typeof(LinuxLayout), nameof(LinuxLayout.All))]
    public void A_writer_by_count_is_not_the_reader_that_owner_names(LinuxLayout layout)
    {
        // RWSEM_READER_OWNED beside the task, while bit 0 of count says that a writer has it.
        (ForgedVmcore core, ISystemFacts system) = Change(layout, semaphore => semaphore.Set("owner", semaphore.Get("owner") | 1));

        Assert.That(Owners(core, system), Is.Empty);
        Assert.That(State(core, system), Does.Contain("not recorded"));
    }

    [TestCaseSource(typeof(LinuxLayout), nameof(LinuxLayout.All))]
    public void More_readers_than_there_can_be_tasks_are_damage(LinuxLayout layout)
    {
        (ForgedVmcore core, ISystemFacts system) = Change(layout, semaphore => semaphore.Set("count", 0x7fff_ffff_ffff_ff00ul));

        Assert.That(Owners(core, system), Is.Empty);
        Assert.That(State(core, system), Does.Contain("damaged"));
    }

    [TestCaseSource(typeof(LinuxLayout), nameof(LinuxLayout.All))]
    public void The_same_semaphore_unchanged_names_its_writer(LinuxLayout layout)
    {
        (ForgedVmcore core, ISystemFacts system) = Change(layout, _ => { });

        Assert.That(Owners(core, system), Is.EqualTo([(core.Machine.Tasks.Find(Writer).Address, Certainty.Proven)]));
    }

    private static (ForgedVmcore Core, ISystemFacts System) Change(LinuxLayout layout, Action<LinuxObject> change)
    {
        ForgedVmcore core = ForgedVmcore.Make("rwsem-writer-stuck", layout,
            prepare: machine => change(machine.Object("rw_semaphore", LockOf(machine.Truth))));
        return (core, Analyze(core).System);
    }

    private static (Verdict Verdict, ISystemFacts System) Analyze(ForgedVmcore core)
    {
        string folder = Directory.CreateTempSubdirectory("forged-owner").FullName;
        try
        {
            using CommandSession session = new(DumpFiles.Open(core.Write(folder, "forged")));
            return (session.Verdict, session.System);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ulong LockOf(LinuxTruth truth) =>
        truth.Waits.First(wait => wait.Kind is "mutex" or "rwsem-read").Object;

    private static IEnumerable<(ulong Task, Certainty Certainty)> Owners(ForgedVmcore core, ISystemFacts system) =>
        from edge in system.Edges
        where edge.From.Address == LockOf(core.Truth)
        select ((ulong)edge.To.Address, edge.Certainty);

    private static string State(ForgedVmcore core, ISystemFacts system) =>
        system.FindObject(new(ObjectKind.Lock, LockOf(core.Truth)))?.State?.ToString() ?? "";
}
