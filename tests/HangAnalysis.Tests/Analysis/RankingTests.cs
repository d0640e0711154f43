using System.Diagnostics;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis;

/// <summary>Which end of the waits is told first, what is one story, and what a guess may do.</summary>
public class RankingTests
{
    private static ObjectReference Thread(ulong address) => new(ObjectKind.Thread, address);

    private static ObjectReference Lock(ulong address) => new(ObjectKind.Lock, address);

    [Test]
    public void All_waiters_of_one_lock_are_one_chain_with_their_number_and_the_longest()
    {
        FakeSystem system = new();
        AddStuck(system, 1, "avflt");
        system.AddWait(Lock(5), Thread(1));
        for (ulong i = 0; i < 769; i++)
        {
            system.AddThread(100 + i, seconds: 1000 + (int)i);
            system.AddWait(Thread(100 + i), Lock(5));
        }

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Chains, Has.Count.EqualTo(1));
        ChainLink first = verdict.Chains[0].Links[0];
        Assert.That(first.Reference, Is.EqualTo(Thread(100 + 768)), "who has waited longest stands for all");
        Assert.That((first.AlikeThreads, first.AlikeLongest), Is.EqualTo((768, (TimeSpan?)TimeSpan.FromSeconds(1000 + 767))));
        Assert.That(verdict.BlockedThreads, Is.EqualTo(770));
    }

    [Test]
    public void Locks_at_one_address_of_two_processes_are_two_locks()
    {
        const ulong Address = 0x7ff6_0000_1000;
        ObjectReference first = new(ObjectKind.Lock, Address, 1), second = new(ObjectKind.Lock, Address, 2);
        FakeSystem system = new();
        foreach (ulong thread in new ulong[] { 1, 2, 3, 11, 12 })
            system.AddThread(thread);
        system.AddWait(first, Thread(1));
        system.AddWait(second, Thread(2));
        system.AddWait(first, Thread(3));
        system.AddWait(Thread(12), second);
        system.AddWait(Thread(11), first);

        IReadOnlyList<ContendedLock> locks = new LockOverview(system).Contended;

        Assert.That(locks.Select(l => l.Reference), Is.EquivalentTo(new[] { first, second }));
        ContendedLock Of(ObjectReference reference) => locks.Single(l => l.Reference == reference);
        Assert.Multiple(() =>
        {
            Assert.That(Of(first).Owners.Select(o => o.Reference), Is.EquivalentTo(new[] { Thread(1), Thread(3) }));
            Assert.That(Of(first).Waiters.Select(w => w.Reference), Is.EqualTo(new[] { Thread(11) }));
            Assert.That(Of(second).Owners.Select(o => o.Reference), Is.EqualTo(new[] { Thread(2) }));
            Assert.That(Of(second).Waiters.Select(w => w.Reference), Is.EqualTo(new[] { Thread(12) }));
        });
    }

    [Test]
    public void Chains_that_merge_are_counted_once()
    {
        FakeSystem system = new();
        AddStuck(system, 1, "avflt");
        foreach (ulong address in new ulong[] { 2, 3, 4 })
            system.AddThread(address);
        AddOwned(system, 2, 10, 1);
        AddOwned(system, 3, 10, 1);
        AddOwned(system, 4, 11, 2);
        system.AddWait(Lock(11), Thread(3));

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Chains, Has.Count.EqualTo(1));
        Assert.That(verdict.BlockedThreads, Is.EqualTo(4));
    }

    [Test]
    public void Every_independent_root_is_told_the_one_with_more_waiters_first()
    {
        FakeSystem system = new();
        string[] drivers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"];
        for (int i = 0; i < drivers.Length; i++)
        {
            ulong owner = 1000UL * ((ulong)i + 1);
            AddStuck(system, owner, drivers[i]);
            for (ulong w = 1; w <= (ulong)i + 1; w++)
            {
                system.AddThread(owner + w);
                AddOwned(system, owner + w, owner + 500, owner);
            }
        }

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Chains.Select(c => c.Links[^1].Name), Is.EqualTo(drivers.Reverse().Select(d => d + ".sys")));
        Assert.That(verdict.Chains.Select(c => c.BlockedThreads), Is.EqualTo(Enumerable.Range(2, drivers.Length).Reverse()));
    }

    [Test]
    public void Chains_that_are_alike_link_by_link_are_one_with_a_count()
    {
        FakeSystem system = new();
        for (ulong i = 1; i <= 300; i++)
        {
            AddStuck(system, 10 * i, "avflt");
            system.AddThread(10 * i + 1);
            AddOwned(system, 10 * i + 1, 10 * i + 2, 10 * i);
        }

        Verdict verdict = HangAnalyzer.Analyze(system, judgesAll: true);

        Assert.That(verdict.Chains, Has.Count.EqualTo(1));
        Assert.That((verdict.Chains[0].Similar, verdict.BlockedThreads), Is.EqualTo((299, 600)));
        Verdict bounded = HangAnalyzer.Analyze(system);
        Assert.That(bounded.Chains[0].Similar, Is.EqualTo(HangAnalyzer.MostEnds - 1));
        Assert.That(bounded.Unknown.Select(u => u.What), Has.Some.EqualTo($"{300 - HangAnalyzer.MostEnds} further ends of waits"));
    }

    [Test]
    public void One_vital_victim_outranks_nine_ordinary_ones_and_not_a_hundred_and_one()
    {
        foreach ((int ordinary, string expected) in new[] { (9, "small.sys"), (101, "big.sys") })
        {
            FakeSystem system = new();
            ProcessFacts csrss = system.AddProcess(2, "csrss.exe", Importance.Vital);
            AddStuck(system, 1, "big");
            AddStuck(system, 2, "small");
            system.AddThread(3, process: csrss, seconds: 60);
            AddOwned(system, 3, 20, 2);
            for (int i = 0; i < ordinary; i++)
            {
                system.AddThread(100 + (ulong)i, seconds: 600);
                AddOwned(system, 100 + (ulong)i, 21, 1);
            }

            Assert.That(HangAnalyzer.Analyze(system).Culprit!.Module.FileName, Is.EqualTo(expected), $"{ordinary}");
        }
    }

    [Test]
    public void Of_equal_weight_the_longer_wait_is_first_then_the_lower_address()
    {
        FakeSystem system = new();
        foreach ((ulong owner, string driver, int seconds) in new[] { (0x30UL, "later", 50), (0x20UL, "first", 90), (0x10UL, "sooner", 50) })
        {
            AddStuck(system, owner, driver, seconds);
            system.AddThread(owner + 1, seconds: seconds);
            AddOwned(system, owner + 1, owner + 2, owner);
        }

        Assert.That(HangAnalyzer.Analyze(system).Chains.Select(c => c.Links[^1].Name),
            Is.EqualTo(new[] { "first.sys", "sooner.sys", "later.sys" }));
    }

    [Test]
    public void A_proof_stands_before_a_guess_of_the_same_weight_even_if_the_guess_is_older()
    {
        FakeSystem system = new();
        AddStuck(system, 1, "guessed", 900);
        AddStuck(system, 2, "proven", 50);
        system.AddThread(3, seconds: 900);
        system.AddThread(4, seconds: 50);
        system.AddWait(Thread(3), Lock(30), Certainty.Candidate);
        system.AddWait(Lock(30), Thread(1));
        AddOwned(system, 4, 31, 2);

        Assert.That(HangAnalyzer.Analyze(system).Culprit!.Module.FileName, Is.EqualTo("proven.sys"));
    }

    [Test]
    public void The_way_that_is_recorded_is_told_before_a_shorter_one_that_is_a_guess()
    {
        FakeSystem system = new();
        AddStuck(system, 1, "avflt");
        system.AddThread(2);
        system.AddWait(Thread(2), Thread(1), Certainty.Candidate);
        AddOwned(system, 2, 30, 1);

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Chains[0].Links.Select(l => l.Reference).Take(3), Is.EqualTo(new[] { Thread(2), Lock(30), Thread(1) }));
        Assert.That(verdict.Confidence, Is.EqualTo(Confidence.High));
    }

    [Test]
    public void Of_two_records_of_one_step_the_surer_counts()
    {
        FakeSystem system = new();
        AddStuck(system, 1, "avflt");
        system.AddThread(2);
        system.AddWait(Thread(2), Thread(1), Certainty.Candidate);
        system.AddWait(Thread(2), Thread(1));

        Assert.That(HangAnalyzer.Analyze(system).Confidence, Is.EqualTo(Confidence.High));
    }

    [Test]
    public void A_guess_that_leads_to_no_evidence_does_not_hide_the_thread_that_others_wait_for()
    {
        FakeSystem system = new();
        AddStuck(system, 1, "avflt");
        system.AddThread(2);
        AddOwned(system, 2, 30, 1);
        system.AddThread(3, WaitRole.None, activity: ThreadActivity.Running);
        system.AddWait(Thread(1), Thread(3), Certainty.Candidate);

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Class, Is.EqualTo(VerdictClass.StuckInDriver));
        Assert.That(verdict.Chains[0].Links[0].Reference, Is.EqualTo(Thread(2)));
    }

    [Test]
    public void What_waits_for_each_other_by_guesses_only_is_neither_a_deadlock_nor_lost()
    {
        FakeSystem system = new();
        AddStuck(system, 1, "avflt");
        system.AddThread(2);
        system.AddThread(3);
        AddOwned(system, 3, 30, 2);
        AddOwned(system, 2, 31, 1);
        system.AddWait(Thread(1), Thread(2), Certainty.Candidate);

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Class, Is.EqualTo(VerdictClass.StuckInDriver));
        Assert.That(verdict.BlockedThreads, Is.EqualTo(3));
    }

    [Test]
    public void A_chain_too_long_to_read_loses_its_middle_and_says_so()
    {
        FakeSystem system = new();
        system.AddThread(1);
        const int Count = 100_000;
        for (ulong i = 1; i < Count; i++)
            system.AddWait(i == 1 ? Thread(1) : Lock(i), Lock(i + 1));

        Chain chain = HangAnalyzer.Analyze(system).Chains[0];

        Assert.That(chain.Links[0].Reference, Is.EqualTo(Thread(1)));
        Assert.That(chain.Links[^1].Reference, Is.EqualTo(Lock(Count)), "the end that is told is the end");
        Assert.That(chain.Links.Count + chain.Links.Sum(l => l.Omitted), Is.EqualTo(Count));
        Assert.That(chain.Links.Count(l => l.Omitted > 0), Is.EqualTo(1));
        Assert.That(chain.End!.ToString(), Is.EqualTo("its owner is not recorded"));
    }

    [Test]
    public void A_circle_of_a_hundred_thousand_is_found_and_cut()
    {
        FakeSystem system = new();
        const ulong Count = 100_000;
        for (ulong i = 0; i < Count; i++)
            system.AddWait(Lock(i), Lock((i + 1) % Count));

        Verdict verdict = HangAnalyzer.Analyze(system);

        Assert.That(verdict.Class, Is.EqualTo(VerdictClass.Deadlock));
        Assert.That(verdict.Chains[0].Links[0].Reference, Is.EqualTo(verdict.Chains[0].Links[^1].Reference));
    }

    [Test]
    public void Every_circle_of_many_is_found_with_what_waits_behind_it()
    {
        FakeSystem system = new();
        for (ulong i = 1; i <= 50; i++)
        {
            ulong a = 100 * i, b = a + 1, behind = a + 2;
            system.AddThread(a);
            system.AddThread(b);
            system.AddThread(behind);
            AddOwned(system, a, a + 10, b);
            AddOwned(system, b, a + 11, a);
            AddOwned(system, behind, a + 10, b);
        }

        LockOverview locks = new(system);

        Assert.That(locks.Deadlocks, Has.Count.EqualTo(50));
        Assert.That(locks.Deadlocks.Select(d => d.BlockedThreads), Is.All.EqualTo(3));
        Assert.That(locks.Deadlocks.Select(d => d.Links.Count), Is.All.EqualTo(5), "drawn once, without the one behind");
    }

    [Test]
    [NonParallelizable]
    public void Twenty_thousand_threads_and_five_thousand_contended_locks_are_ranked_in_a_tenth_of_a_second()
    {
        FakeSystem system = new();
        Random random = new(4);
        for (ulong i = 0; i < 20_000; i++)
            system.AddThread(1000 + i, i % 4 == 0 ? WaitRole.Blocked : WaitRole.Idle, seconds: 10 + (int)(i % 500));
        for (ulong i = 0; i < 5_000; i++)
            AddOwned(system, 1000 + 4 * i, 100_000 + i, 1000 + 4 * (ulong)random.Next((int)i + 1) + (i % 50 == 0 ? 1UL : 0));
        RootCause.FindAll(new WaitGraph(system.Edges), system);

        TimeSpan best = TimeSpan.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            long start = Stopwatch.GetTimestamp();
            RootCause.FindAll(new WaitGraph(system.Edges), system);
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            best = took < best ? took : best;
        }

        Assert.That(best.TotalMilliseconds, Is.LessThan(100));
    }

    private static void AddStuck(FakeSystem system, ulong address, string driver, int seconds = 60) =>
        system.SetStack(system.AddThread(address, seconds: seconds), ("nt", ModuleOrigin.Core, true), (driver, ModuleOrigin.ThirdParty, false));

    private static void AddOwned(FakeSystem system, ulong waiter, ulong held, ulong owner)
    {
        system.AddWait(Thread(waiter), Lock(held));
        system.AddWait(Lock(held), Thread(owner));
    }
}
