using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!ready</c>: every queue of threads that could run, in the order in which they will.</summary>
[Parallelizable(ParallelScope.Children)]
public class ReadyThreadsTests
{
    private const string Layouts = "6.1.7601,6.3.9600,10.0.14393,10.0.17763,10.0.19041,10.0.22000";

    private static string[] LayoutNames => Layouts.Split(',');

    [Test]
    public void Threads_stand_in_their_queues_by_priority_and_arrival([ValueSource(nameof(LayoutNames))] string layout)
    {
        Machine machine = new(layout);
        using ForgedFolder forged = new(machine.System);
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, "!ready");

        List<string> found = [];
        foreach (JsonElement queue in report.GetProperty("queues").EnumerateArray())
            foreach (JsonElement thread in queue.GetProperty("threads").EnumerateArray())
                found.Add($"{queue.GetProperty("kind").GetString()} {string.Join(',', queue.GetProperty("processors").EnumerateArray())} " +
                    $"{thread.GetProperty("place").GetString()} {thread.GetProperty("tid").GetInt32():x} " +
                    $"{thread.GetProperty("priority").GetInt32()} {thread.GetProperty("readyFor").GetString()} " +
                    $"{thread.GetProperty("isAtMost").GetBoolean()}");
        string[] shared = machine.SharedQueue != 0
            ? ["shared 0,2,3 queued 9010 10 7s.000 False", "shared 0,2,3 queued 9014 9 8s.000 False"]
            : [];
        // Of threads that no queue holds nobody knows the turn: the highest priority first.
        string[] lost = machine.SharedQueue != 0
            ? ["none  none 901c 4 11s.000 True"]
            : ["none  none 9010 10 7s.000 True", "none  none 9014 9 8s.000 True", "none  none 901c 4 11s.000 True"];
        Assert.That(found, Is.EqualTo((string[])
        [
            $"processor 1 queued 9000 12 40s.000 False",
            $"processor 1 queued {machine.First.Tid:x} 8 1m:35.000 False",
            "processor 1 queued 9004 8 10s.000 False",
            "processor 2 next 9008 15 3s.000 True",
            "processor 3 deferred 900c 8 6s.000 True", "processor 3 deferred 9018 13 5s.000 True",
            .. shared, .. lost,
        ]));
        Assert.That(report.GetProperty("threads").GetInt32(), Is.EqualTo(found.Count));
        Assert.That(report.GetProperty("problems").GetArrayLength(), Is.Zero);
    }

    [Test]
    public void The_table_says_which_queue_and_the_summary_what_the_processors_run([Values("10.0.14393", "10.0.22000")] string layout)
    {
        Machine machine = new(layout);
        using ForgedFolder forged = new(machine.System);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!ready");

        Assert.Multiple(() =>
        {
            Assert.That(text, Does.Match(@"(?m)^CPU 1 +12 portal\.exe +c40 [0-9a-f]{16} 9000 Ready +40s\.000$"));
            Assert.That(text, Does.Match(@"(?m)^CPU 2 next +15 .* 9008 Standby +≤3s\.000$"));
            Assert.That(text, Does.Match(@"(?m)^CPU 3 deferred +8 .* 900c DeferredReady +≤6s\.000$"));
            Assert.That(text, Does.Match(@"(?m)^CPUs 0,2-3 shared +10 .* 9010 Ready +7s\.000$"));
            Assert.That(text, Does.Match(@"(?m)^no queue found +4 .* 901c Ready +≤11s\.000$"));
            Assert.That(text, Does.Contain("\nThread Count: 9\n"));
            Assert.That(text, Does.Contain("by priority: 15: 1, 13: 1, 12: 1, 10: 1, 9: 1, 8: 3, 4: 1"));
            Assert.That(text, Does.Contain($"the oldest has been ready for 1m:35.000: thread {machine.First.Address:x16} of portal.exe c40"));
            Assert.That(text, Does.Contain("CPU 1: 3 threads ready for 5 seconds or longer, while\n" +
                $"  CPU 1 runs thread {machine.Running.Address:x16} of rtaudio.exe c80 at priority 31\n"));
            Assert.That(text, Does.Contain("CPUs 0,2-3 shared: 2 threads ready for 5 seconds or longer, while\n" +
                "  CPU 0 is at IRQL 2 in its idle thread\n  CPU 2 runs its idle thread\n"));
        });
    }

    [Test]
    public void A_busy_machine_has_every_ready_thread_in_its_turn([ValueSource(nameof(LayoutNames))] string layout)
    {
        SystemBuilder system = ScenarioSet.Build("ready-queues", KernelLayout.BuiltIn(layout));
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        IEnumerable<string> queues = ForgedFolder.RunJson(session, "!ready").GetProperty("queues").EnumerateArray().Select(q =>
            $"{q.GetProperty("kind").GetString()} {string.Join(',', q.GetProperty("processors").EnumerateArray())}: " +
            string.Join(' ', q.GetProperty("threads").EnumerateArray().Select(t =>
                $"{t.GetProperty("tid").GetInt32():x}{t.GetProperty("place").GetString()![0]}")));

        Assert.That(queues, Is.EqualTo((string[])(system.Layout.Has("_KPRCB", "SharedReadyQueue")
            ?
            [
                "processor 0: 2000q 2004q 2008q", "processor 1: 2028n", "processor 2: 200cq 2020d 2024d", "processor 3: 202cn",
                "shared 0,1: 2018q 2010q 2014q", "shared 2,3: 201cq",
            ]
            :
            [
                "processor 0: 2000q 2004q 2010q 2008q", "processor 1: 2028n 2018q 2014q",
                "processor 2: 200cq 201cq 2020d 2024d", "processor 3: 202cn",
            ])));
        string text = ForgedFolder.Run(session, "!ready");
        Assert.That(text, Does.Match(@"the oldest has been ready for 2s\.500: thread [0-9a-f]{16} of render\.exe c40 at priority 4"));
        Assert.That(text, Does.Contain("0 of 4 processors are idle").And.Not.Contain("or longer, while"), "nobody waits for long");
    }

    [Test]
    public void Further_columns_tell_where_a_thread_ran_and_may_run([Values("6.1.7601", "10.0.19041", "10.0.22000")] string layout)
    {
        Machine machine = new(layout);
        ThreadBuilder thread = machine.System.Threads.First(t => t.Tid == 0x9000);
        thread.Ran(4711, 3);
        thread.Schedule.BasePriority = 10;
        thread.Schedule.Affinity = 0b0110;
        using ForgedFolder forged = new(machine.System);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!ready -v");

        Assert.That(text, Does.Match(@"(?m)^CPU 1 .* 9000 Ready +40s\.000 +10 +1 +1 +6 +4711$"));
        Assert.That(text, Does.Match($@"(?m)^CPU 1 .* {machine.First.Tid:x} Ready +1m:35\.000 +8 +1 +1 +all +\d+$"));
        Assert.That(text.Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120));
    }

    [Test]
    public void A_damaged_queue_costs_a_line_and_its_threads_are_in_no_queue_found()
    {
        SystemBuilder system = ScenarioSet.Build("realtime-starvation", KernelLayout.BuiltIn("10.0.19041"));
        ThreadBuilder ready = system.Threads.First(t => t.ReadyProcessor == 1);
        system.ProcessorDetails.Add((1, prcb =>
        {
            ulong head = prcb.At("DispatcherReadyListHead") + 16 * 8;
            system.Kernel.WriteUInt64(head, 0x1234);
            system.Kernel.WriteUInt64(head + 8, 0x1234);
        }));
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!ready");

        Assert.That(text, Does.Match($@"(?m)^no queue found +8 portal\.exe +c40 {ready.Address:x16} "));
        Assert.That(text, Does.Contain("not read: some threads of the ready queue of processor 1: its list is damaged"));
    }

    [Test]
    public void Without_ready_threads_the_count_says_so()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!ready"), Is.EqualTo("Thread Count: 0\n"));
    }

    [Test]
    public void A_small_dump_does_not_say_that_none_is_ready()
    {
        using ForgedFolder forged = new("crash-triage");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!ready"), Is.EqualTo("which threads are ready is not in the dump\n"));
        Assert.That(ForgedFolder.Run(session, "!running"), Is.EqualTo("what the processors do is not in the dump\n"));
        Assert.That(ForgedFolder.Run(session, "!lt -a"), Does.Contain("Thread Count: 1\n")
            .And.Contain("this kind of dump holds no threads but that of the crash"));
    }

    [Test]
    public void A_deferred_thread_counts_as_waiting_for_its_processor()
    {
        Machine machine = new("10.0.19041");
        using ForgedFolder forged = new(machine.System);
        using CommandSession session = forged.Open();

        JsonElement processor = ForgedFolder.RunJson(session, "!cpus").GetProperty("processors")[3];

        Assert.That(processor.GetProperty("ready").GetInt32(), Is.EqualTo(2));
        Assert.That(processor.GetProperty("sharedReady").GetInt32(), Is.EqualTo(2));
    }

    /// <summary>
    /// Four processors. A real-time thread runs on 1, which has three threads in its own queues; 2 has a next thread, 3 two
    /// deferred ones; 0, 2 and 3 share a queue, where the build has such; one thread is in no queue.
    /// </summary>
    private sealed class Machine
    {
        private const int Heads = 32, HeadSize = 16;

        public Machine(string layout)
        {
            System = ScenarioSet.Build("realtime-starvation", KernelLayout.BuiltIn(layout));
            Running = System.Threads.First(t => t.Processor == 1 && !t.IsIdle);
            First = System.Threads.First(t => t.ReadyProcessor == 1);
            Add(0x9000, 12).ReadyOn(1, TimeSpan.FromSeconds(40));
            Add(0x9004, 8).ReadyOn(1, TimeSpan.FromSeconds(10));
            ThreadBuilder next = Add(0x9008, 15).State("Standby", TimeSpan.FromSeconds(3));
            ThreadBuilder[] deferred =
            [
                Add(0x900c, 8).State("DeferredReady", TimeSpan.FromSeconds(6)),
                Add(0x9018, 13).State("DeferredReady", TimeSpan.FromSeconds(5)),
            ];
            ThreadBuilder[] shared =
            [
                Add(0x9014, 9).State("Ready", TimeSpan.FromSeconds(8)), Add(0x9010, 10).State("Ready", TimeSpan.FromSeconds(7)),
            ];
            Add(0x901c, 4).State("Ready", TimeSpan.FromSeconds(11));
            System.ProcessorDetails.Add((2, prcb => prcb.Set("NextThread", next.Address)));
            System.ProcessorDetails.Add((3, prcb =>
            {
                System.Kernel.WriteUInt64(prcb.At("DeferredReadyListHead"), deferred[0].Struct.At("Tcb.SwapListEntry"));
                System.Kernel.WriteUInt64(deferred[0].Struct.At("Tcb.SwapListEntry"), deferred[1].Struct.At("Tcb.SwapListEntry"));
                System.Kernel.WriteUInt64(deferred[1].Struct.At("Tcb.SwapListEntry"), 0);
            }));
            if (System.Layout.Has("_KPRCB", "SharedReadyQueue"))
                Share(shared);
        }

        public SystemBuilder System { get; }

        public ThreadBuilder Running { get; }

        public ThreadBuilder First { get; }

        /// <summary>Address of the shared queue; 0 for builds that have none.</summary>
        public ulong SharedQueue { get; private set; }

        private ThreadBuilder Add(uint id, int priority) =>
            First.Process.AddThread(id).Stack(First.Frames!).Priority(priority);

        private void Share(ThreadBuilder[] threads)
        {
            SharedQueue = System.Pool.Take(System.Layout.Size("_KSHARED_READY_QUEUE"));
            ulong heads = SharedQueue + (ulong)System.Layout.Offset("_KSHARED_READY_QUEUE", "ReadyListHead");
            for (int i = 0; i < Heads; i++)
                System.Kernel.InitializeList(heads + (ulong)(HeadSize * i));
            foreach (ThreadBuilder thread in threads)
                System.Kernel.AppendToList(heads + (ulong)(HeadSize * thread.CurrentPriority), thread.Struct.At("Tcb.WaitListEntry"));
            foreach (int processor in (int[])[0, 2, 3])
                System.ProcessorDetails.Add((processor, prcb => prcb.Set("SharedReadyQueue", SharedQueue)));
        }
    }
}
