using HangAnalysis.Analysis;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis;

public class HangAnalyzerTests
{
    private static ObjectReference Thread(ulong address) => new(ObjectKind.Thread, address);

    private static ObjectReference Lock(ulong address) => new(ObjectKind.Lock, address);

    [Test]
    public void Two_threads_that_wait_for_each_others_locks_are_a_deadlock_drawn_once()
    {
        FakeSystem system = new();
        system.AddThread(1);
        system.AddThread(2);
        AddCycle(system, 1, 2);

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.Multiple(() =>
        {
            Assert.That(verdict.Class, Is.EqualTo(VerdictClass.Deadlock));
            Assert.That(verdict.Confidence, Is.EqualTo(Confidence.High));
            Assert.That(verdict.BlockedThreads, Is.EqualTo(2));
            Assert.That(verdict.Chains, Has.Count.EqualTo(1));
            Assert.That(verdict.Chains[0].IsCycle, Is.True);
            Assert.That(verdict.Chains[0].Links.Select(l => l.Reference),
                Is.EqualTo(new[] { Thread(1), Lock(0x12), Thread(2), Lock(0x21), Thread(1) }));
        });
    }

    [Test]
    public void A_thread_that_waits_for_its_own_lock_is_a_deadlock()
    {
        FakeSystem system = new();
        system.AddThread(1);
        system.AddWait(Thread(1), Lock(9));
        system.AddWait(Lock(9), Thread(1));

        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.Deadlock));
    }

    [Test]
    public void Two_ways_to_one_root_are_a_diamond_and_no_cycle()
    {
        FakeSystem system = new();
        foreach (ulong address in new ulong[] { 1, 2, 3, 4 })
            system.AddThread(address);
        system.AddWait(Thread(1), Thread(2));
        system.AddWait(Thread(1), Thread(3));
        system.AddWait(Thread(2), Thread(4));
        system.AddWait(Thread(3), Thread(4));

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Class, Is.Not.EqualTo(VerdictClass.Deadlock));
        Assert.That(verdict.BlockedThreads, Is.EqualTo(4));
    }

    [Test]
    public void A_cycle_that_rests_on_a_guess_is_no_deadlock()
    {
        FakeSystem system = new();
        system.AddThread(1);
        system.AddThread(2);
        system.AddWait(Thread(1), Thread(2));
        system.AddWait(Thread(2), Thread(1), Certainty.Candidate);

        Assert.That(HangAnalyzer.Analyze(system).Class, Is.Not.EqualTo(VerdictClass.Deadlock));
    }

    [Test]
    public void A_chain_of_a_hundred_thousand_waits_neither_overflows_nor_floods()
    {
        FakeSystem system = new();
        system.AddThread(1);
        const ulong Count = 100_000;
        for (ulong i = 1; i < Count; i++)
            system.AddWait(i == 1 ? Thread(1) : Lock(i), Lock(i + 1));

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Class, Is.EqualTo(VerdictClass.OwnerUnknown));
        Assert.That(verdict.Chains[0].Links, Has.Count.LessThanOrEqualTo(66));
    }

    [Test]
    public void The_first_module_of_others_above_the_wait_is_named()
    {
        FakeSystem system = new();
        system.AddThread(1);
        ThreadFacts root = system.AddThread(2);
        system.AddWait(Thread(1), Thread(2));
        system.SetStack(root, ("nt", ModuleOrigin.Core, true), ("ntfs", ModuleOrigin.System, false),
            ("avflt", ModuleOrigin.ThirdParty, false), ("other", ModuleOrigin.ThirdParty, false));

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Class, Is.EqualTo(VerdictClass.StuckInDriver));
        Assert.That(verdict.Culprit!.Module.Name, Is.EqualTo("avflt"));
        Assert.That(verdict.Confidence, Is.EqualTo(Confidence.High));
    }

    [Test]
    public void Short_waits_are_no_hang()
    {
        FakeSystem system = new();
        system.AddThread(1, seconds: 1);
        ThreadFacts root = system.AddThread(2, seconds: 2);
        system.AddWait(Thread(1), Thread(2));
        system.SetStack(root, ("avflt", ModuleOrigin.ThirdParty, false));

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Class, Is.EqualTo(VerdictClass.NoHang));
        Assert.That(verdict.Summary, Does.Contain("short wait"));
    }

    [Test]
    public void An_owner_that_runs_is_slow_and_not_stuck()
    {
        FakeSystem system = new();
        system.AddThread(1);
        system.AddThread(2, WaitRole.None, activity: ThreadActivity.Running);
        system.AddWait(Thread(1), Lock(5));
        system.AddWait(Lock(5), Thread(2));

        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.NoHang));
    }

    [Test]
    public void A_lock_whose_owner_has_ended_is_orphaned()
    {
        FakeSystem system = new();
        system.AddThread(1);
        system.AddThread(2, WaitRole.None, exited: true, activity: ThreadActivity.NotRunnable);
        system.AddWait(Thread(1), Lock(5));
        system.AddWait(Lock(5), Thread(2));

        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.OrphanedLock));
    }

    [Test]
    public void A_stop_that_nobody_forced_is_a_crash_and_a_forced_one_is_not()
    {
        FakeSystem system = new() { Stop = new StopFacts("stop 0x7e SYSTEM_THREAD_EXCEPTION_NOT_HANDLED", false, null, 0) };
        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.Crash));

        system.Stop = new StopFacts("stop 0xe2 MANUALLY_INITIATED_CRASH", true, null, 0);
        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.NoHang));
    }

    [Test]
    public void Figures_of_what_is_in_order_stand_in_the_ruled_out_lines()
    {
        FakeSystem system = new()
        {
            Memory = new MemoryFacts(4194156UL << 12, 3479978UL << 12, 792925UL << 12, 4456300UL << 12),
            Locks = [new LockCount("ERESOURCE", 89274, 0)],
        };

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.RuledOut, Has.Some.EqualTo(
            new RuledOut("memory", "13.3 GB of 16.0 GB available, commit 3.0 GB of 17.0 GB")));
        Assert.That(verdict.RuledOut, Has.Some.EqualTo(new RuledOut("locks", "0 of 89,274 ERESOURCEs contended")));
    }

    [Test]
    public void Kinds_of_locks_without_waiters_or_with_short_waits_are_ruled_out_in_one_line()
    {
        FakeSystem system = new()
        {
            Locks =
            [
                new LockCount("ERESOURCE", 60, 1), new LockCount("push lock", null, 0) { Waiters = 0 },
                new LockCount("fast mutex", null, 2) { Waiters = 3, OldestWait = TimeSpan.FromSeconds(4) },
                new LockCount("guarded mutex", null, 1) { Waiters = 1, OldestWait = TimeSpan.FromSeconds(6) },
                new LockCount("gate", null, 0) { Waiters = 0 },
            ],
        };

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.RuledOut.Where(r => r.What == "locks"), Is.EqualTo(
            new[] { new RuledOut("locks", "no push lock or gate waiter; no fast mutex waiter older than 5 s") }));
    }

    [Test]
    public void What_was_broken_off_before_the_end_is_neither_healthy_nor_ruled_out()
    {
        FakeSystem system = new()
        {
            WasInterrupted = true, Locks = [new LockCount("ERESOURCE", 60, 0)], PendingRequests = (0, null),
        };
        system.AddThread(0x1000, WaitRole.Idle);

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Class, Is.EqualTo(VerdictClass.NotEnoughData));
        Assert.That(verdict.Summary, Does.Contain("interrupted"));
        Assert.That(verdict.RuledOut, Is.Empty);
    }

    [Test]
    public void That_the_end_of_a_process_is_awaited_is_no_hang()
    {
        FakeSystem system = new();
        system.AddThread(1, WaitRole.Ordinary);
        system.AddWait(Thread(1), ObjectReference.To(system.Processes[0].Address));

        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.NoHang));
    }

    [Test]
    public void A_thread_parked_in_a_driver_matters_only_if_somebody_waits_for_it()
    {
        FakeSystem system = new();
        ThreadFacts parked = system.AddThread(2, WaitRole.Parked);
        system.SetStack(parked, ("avflt", ModuleOrigin.ThirdParty, false));
        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.NoHang));

        system.AddThread(1);
        system.AddWait(Thread(1), Lock(5));
        system.AddWait(Lock(5), Thread(2));
        Assert.That(HangAnalyzer.Analyze(system).Class, Is.EqualTo(VerdictClass.StuckInDriver));
    }

    private static void AddCycle(FakeSystem system, ulong a, ulong b)
    {
        ObjectReference wanted = Lock(a << 4 | b);
        ObjectReference held = Lock(b << 4 | a);
        system.AddWait(Thread(a), wanted);
        system.AddWait(wanted, Thread(b));
        system.AddWait(Thread(b), held);
        system.AddWait(held, Thread(a));
    }
}
