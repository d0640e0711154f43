using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>Where the forged ready threads are, read from the processors' own structures.</summary>
internal sealed class ReadyThreadsTests
{
    // Identifier, priority, ticks since the thread is ready.
    private static readonly string[] s_ownOf0 = ["2000 10 16", "2004 10 6", "2008 4 160"];
    private static readonly string[] s_sharedOf0And1 = ["2018 9 3", "2010 8 40", "2014 8 12"];

    private SystemBuilder _system = null!;

    [TestCase("6.1.7601", false)]
    [TestCase("6.3.9600", true)]
    [TestCase("10.0.14393", true)]
    [TestCase("10.0.19041", true)]
    [TestCase("10.0.22000", true)]
    public void Threads_are_in_queues_lists_and_next(string version, bool hasShared)
    {
        _system = ScenarioSet.Build("ready-queues", KernelLayout.BuiltIn(version));
        _system.Finish();
        KernelStruct[] prcbs = [.. _system.ProcessorStates.Select(processor => _system.Struct("_KPRCB", processor.Kprcb))];
        string[][] own = [.. prcbs.Select(prcb => Queue(prcb, prcb.At("DispatcherReadyListHead")))];
        Assert.That(own[0].Where(thread => !s_sharedOf0And1.Contains(thread)), Is.EqualTo(s_ownOf0));
        Assert.That(own[2], Does.Contain("200c 15 2"));
        if (hasShared)
        {
            ulong[] queues = [.. prcbs.Select(prcb => prcb.Get("SharedReadyQueue"))];
            Assert.That(queues[0], Is.EqualTo(queues[1]).And.Not.EqualTo(queues[2]));
            Assert.That(queues[2], Is.EqualTo(queues[3]));
            Assert.That(Shared(queues[0]), Is.EqualTo(s_sharedOf0And1));
            Assert.That(Shared(queues[2]), Is.EqualTo((string[])["201c 8 96"]));
            Assert.That(own.Sum(queue => queue.Length), Is.EqualTo(4));
        }
        else
            Assert.That(own.Select(queue => queue.Length), Is.EqualTo((int[])[4, 2, 2, 0]));
        Assert.That(prcbs.Select(prcb => Deferred(prcb).Count), Is.EqualTo((int[])[0, 0, 2, 0]));
        Assert.That(Deferred(prcbs[2]), Is.EqualTo((string[])["2020 8 1", "2024 12 1"]));
        Assert.That(prcbs.Select(prcb => prcb.Get("NextThread")), Is.EqualTo((ulong[])[0, Thread(0x2028), 0, Thread(0x202c)]));
        // Standby and DeferredReady of KTHREAD_STATE.
        Assert.That(_system.Struct("_ETHREAD", Thread(0x2028)).Get("Tcb.State"), Is.EqualTo(3));
        Assert.That(_system.Struct("_ETHREAD", Thread(0x2020)).Get("Tcb.State"), Is.EqualTo(7));
    }

    private ulong Thread(uint tid) => _system.Threads.Single(thread => thread.Tid == tid).Address;

    private string[] Shared(ulong queue)
    {
        KernelStruct shared = _system.Struct("_KSHARED_READY_QUEUE", queue);
        return Queue(shared, shared.At("ReadyListHead"));
    }

    /// <summary>
    /// Threads of the 32 lists, the highest priority first; the summary has a bit for each list that is not empty.
    /// </summary>
    private string[] Queue(KernelStruct queue, ulong heads)
    {
        List<string> threads = [];
        for (int priority = 31; priority >= 0; priority--)
        {
            List<ulong> entries = ForgedSystemTests.Ring(_system.Kernel, heads + 16 * (ulong)priority);
            Assert.That(queue.Get("ReadySummary") >> priority & 1, Is.EqualTo(entries.Count > 0 ? 1 : 0), $"{priority}");
            foreach (ulong entry in entries)
                threads.Add(Describe(entry - (ulong)_system.Layout.Offset("_KTHREAD", "WaitListEntry"), priority));
        }
        return [.. threads];
    }

    private List<string> Deferred(KernelStruct prcb)
    {
        List<string> threads = [];
        for (ulong entry = prcb.Get("DeferredReadyListHead"); entry != 0; entry = _system.Kernel.ReadUInt64(entry))
            threads.Add(Describe(entry - (ulong)_system.Layout.Offset("_KTHREAD", "SwapListEntry"), null));
        return threads;
    }

    private string Describe(ulong address, int? priority)
    {
        KernelStruct thread = _system.Struct("_ETHREAD", address);
        if (priority is { } queued)
            Assert.That(thread.Get("Tcb.Priority"), Is.EqualTo((ulong)queued));
        ulong now = _system.Kernel.ReadUInt64(0xfffff78000000320);
        return $"{thread.Get("Cid.UniqueThread"):x} {thread.Get("Tcb.Priority")} {now - thread.Get("Tcb.WaitTime")}";
    }
}
