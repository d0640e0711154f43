using HangAnalysis.Analysis;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis;

/// <summary>Waits that a system itself reports when they last, and processors that its watchdog minds.</summary>
public class OverdueWaitTests
{
    private static readonly ObjectReference s_lock = new(ObjectKind.Lock, 0x10);

    [Test]
    public void An_overdue_wait_is_told_though_nobody_waits_for_the_thread()
    {
        FakeSystem system = new();
        system.AddThread(1, overdue: true);

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.Multiple(() =>
        {
            Assert.That(verdict.Class, Is.EqualTo(VerdictClass.OwnerUnknown));
            Assert.That(verdict.Confidence, Is.EqualTo(Confidence.Low));
            Assert.That(verdict.Summary, Does.Contain("1m:00.000").And.Contain("no signal ends"));
        });
    }

    [Test]
    public void Memory_that_is_exhausted_says_more_than_a_wait_of_which_nothing_is_known()
    {
        FakeSystem system = new() { Memory = new MemoryFacts(1_000_000, 1, null, null) };
        system.AddThread(1, overdue: true);

        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.MemoryExhausted));
    }

    [Test]
    public void A_dump_that_lacks_threads_does_not_say_that_nothing_hangs()
    {
        FakeSystem system = new() { MissingThreads = 34 };
        system.AddThread(1);

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Class, Is.EqualTo(VerdictClass.NotEnoughData));
        Assert.That(verdict.Summary, Does.StartWith("34 threads of 35"));
    }

    [Test]
    public void A_wait_that_is_not_overdue_is_no_evidence_by_itself()
    {
        FakeSystem system = new();
        system.AddThread(1);

        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.NoHang));
    }

    [Test]
    public void An_owner_that_runs_is_told_where_a_wait_for_its_lock_is_overdue([Values] bool overdue)
    {
        FakeSystem system = new();
        ThreadFacts waiter = system.AddThread(1, overdue: overdue);
        ThreadFacts owner = system.AddThread(2, WaitRole.None, 1, activity: ThreadActivity.Running);
        system.Processors = [new ProcessorFacts(0, owner, false, false)];
        system.AddWait(ObjectReference.To(waiter.Address), s_lock);
        system.AddWait(s_lock, ObjectReference.To(owner.Address));

        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(overdue ? VerdictClass.OwnerRunning : VerdictClass.NoHang));
    }

    [Test]
    public void A_processor_that_stands_still_is_told_with_and_without_waiters([Values] bool awaited)
    {
        FakeSystem system = new();
        ThreadFacts owner = system.AddThread(2, WaitRole.None, 23, activity: ThreadActivity.Running);
        StallFacts stall = new(TimeSpan.FromSeconds(23), null);
        system.Processors = [new ProcessorFacts(3, owner, false, false) { Stall = stall }];
        if (awaited)
        {
            system.AddWait(ObjectReference.To(system.AddThread(1).Address), s_lock);
            system.AddWait(s_lock, ObjectReference.To(owner.Address));
        }

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.Multiple(() =>
        {
            Assert.That(verdict.Class, Is.EqualTo(VerdictClass.ProcessorStuck));
            Assert.That(verdict.Confidence, Is.EqualTo(Confidence.Medium));
            Assert.That(verdict.Summary, Does.Contain("processor 3").And.Contain("23s.000"));
            Assert.That(verdict.BlockedThreads, Is.EqualTo(awaited ? 1 : 0));
        });
    }

    [Test]
    public void A_spin_that_the_watchdog_minds_has_lasted()
    {
        FakeSystem system = new();
        ThreadFacts spinner = system.AddThread(1, WaitRole.None, 30, activity: ThreadActivity.Running);
        ThreadFacts holder = system.AddThread(2, WaitRole.None, 1, activity: ThreadActivity.Running);
        system.Processors =
        [
            new ProcessorFacts(0, spinner, false, false) { Spin = new SpinFacts(s_lock, "spin") { HasLasted = true } },
            new ProcessorFacts(1, holder, false, false),
        ];
        system.AddWait(ObjectReference.To(spinner.Address), s_lock);
        system.AddWait(s_lock, ObjectReference.To(holder.Address), Certainty.Inferred);

        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.Spinning));
    }
}
