using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>
/// Vmcores of real kernels: verdict, cycle or chain, owners and victims are those that the guests' own messages name. Task and
/// lock addresses were printed by the modules that made the hang.
/// </summary>
public class RealVerdictTests
{
    private static CommandSession Open(string name) =>
        new(DumpFiles.Open(Path.Combine(SharedMaterial.Require($"corpus/vmcore/{name}"), "vmcore")));

    [TestCase("a-abba-mutex", 0xffff89e08290b000, 0xffff89e0827cea88, 0xffff89e08290c800, 0xffffffffc04de0a0, "96", "97")]
    [TestCase("k612-a-abba-mutex-la57", 0xff1c2834822ba100, 0xff1c283481d85288, 0xff1c2834822bc200, 0xffffffffc02a4100, "147", "148")]
    public void Two_tasks_that_take_two_mutexes_in_opposite_order_are_the_cycle(
        string name, ulong first, ulong lockB, ulong second, ulong lockA, string firstId, string secondId)
    {
        using CommandSession session = Open(name);

        Verdict verdict = session.Verdict;

        Assert.Multiple(() =>
        {
            Assert.That(verdict.Class, Is.EqualTo(VerdictClass.Deadlock));
            Assert.That(verdict.Confidence, Is.EqualTo(Confidence.High));
            Assert.That(verdict.Summary, Does.Contain($"abba-ka ({firstId})").And.Contain($"abba-kb ({secondId})"));
            Assert.That(verdict.BlockedThreads, Is.EqualTo(5), "the two and three victims");
            Assert.That(verdict.Chains, Has.Count.EqualTo(1));
            Assert.That(verdict.Chains[0].Links.SkipWhile(l => l.Reference.Address != first).Select(l => l.Reference.Address),
                Is.EqualTo(new[] { first, lockB, second, lockA }));
            Assert.That(session.System.FindObject(new ObjectReference(ObjectKind.Lock, lockA))!.Name, Is.EqualTo("abba_lock_a [abba]"));
        });
    }

    [TestCase("a-abba-mutex", 0xffff89e08290b000, 0xffffffffc04de0a0)]
    [TestCase("k612-a-abba-mutex-la57", 0xff1c2834822ba100, 0xffffffffc02a4100)]
    public void The_victims_wait_for_the_mutex_that_the_first_task_owns(string name, ulong owner, ulong lockA)
    {
        using CommandSession session = Open(name);
        ObjectReference mutex = new(ObjectKind.Lock, lockA);

        List<WaitEdge> waits = [.. session.System.Edges.Where(e => e.To == mutex)];

        Assert.Multiple(() =>
        {
            Assert.That(waits.Select(e => session.System.FindThread(e.From.Address)!.Process.Name),
                Is.EquivalentTo(new[] { "abba-kb", "abba-reader", "abba-writer", "abba-ioctl" }));
            Assert.That(session.System.Edges.Single(e => e.From == mutex).To.Address, Is.EqualTo(owner));
            Assert.That(session.System.Edges.Select(e => e.Certainty), Is.All.EqualTo(Certainty.Proven));
        });
    }

    [Test]
    public void Readers_behind_a_writer_that_sleeps_in_a_module_lead_to_that_module()
    {
        using CommandSession session = Open("f-kdump-hungtask-panic");
        const ulong Semaphore = 0xffffffffc0380080, Writer = 0xffff89e418f71800;

        Verdict verdict = session.Verdict;

        Assert.Multiple(() =>
        {
            Assert.That(verdict.Class, Is.EqualTo(VerdictClass.StuckInDriver));
            Assert.That(verdict.Culprit?.Module.Name, Is.EqualTo("rwhold"));
            Assert.That(verdict.BlockedThreads, Is.EqualTo(6), "five readers and the writer");
            Assert.That(verdict.Chains[0].Links.Select(l => l.Reference.Address), Does.Contain(Semaphore).And.Contain(Writer));
            Assert.That(session.System.Edges.Where(e => e.To.Address == Semaphore)
                    .Select(e => session.System.FindThread(e.From.Address)!.Address.Value),
                Is.EquivalentTo(new[]
                {
                    0xffff89e418f74800, 0xffff89e401fac800, 0xffff89e418f70000, 0xffff89e401fab000, 0xffff89e418f73000,
                }));
            Assert.That(session.System.DescribeWait(session.System.FindThread(Writer)!)!.ToString(),
                Does.Contain("ffffffffc03800a8"), "the completion that the module's own message names");
        });
    }
}
