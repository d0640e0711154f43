using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// A busy machine: each of four processors runs a thread, and others are ready everywhere where ready threads can be. None
/// has been for long.
/// </summary>
internal static class ReadyThreads
{
    private const uint FirstTid = 0x2000;

    /// <summary>Ready threads by number: processor, place, priority, base priority, ticks since they are ready.</summary>
    private static readonly (int Processor, ReadyPlace Place, int Priority, int Base, int Ticks)[] s_threads =
    [
        (0, ReadyPlace.Own, 10, 8, 16),
        (0, ReadyPlace.Own, 10, 8, 6),
        (0, ReadyPlace.Own, 4, 4, 160),
        (2, ReadyPlace.Own, 15, 8, 2),
        // The queues of processors 0 and 1, and of 2 and 3.
        (0, ReadyPlace.Shared, 8, 8, 40),
        (1, ReadyPlace.Shared, 8, 8, 12),
        (1, ReadyPlace.Shared, 9, 8, 3),
        (2, ReadyPlace.Shared, 8, 8, 96),
        (2, ReadyPlace.Deferred, 8, 8, 1),
        (2, ReadyPlace.Deferred, 12, 8, 1),
        (1, ReadyPlace.Next, 12, 8, 1),
        (3, ReadyPlace.Next, 9, 8, 2),
    ];

    public static SystemBuilder Build(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "ready-queues", new SystemOptions(layout) { Processors = 4, ProcessorsPerQueue = 2 });
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder busy = population.New("render.exe", 0xc40, 1, 0xc1c), other = population.New("index.exe", 0xc80, 0, 0x240);
        for (int i = 0; i < system.Options.Processors; i++)
        {
            ThreadBuilder thread = busy.AddThread(population.TakeTid())
                .Stack((i == 0 ? "" : ProcessorScenarios.Frozen) + ProcessorScenarios.UserWork).Priority(8 + i);
            thread.Schedule.BasePriority = 8;
            thread.Schedule.UserTicks = 200 + 100 * (uint)i;
            ProcessorScenarios.OnProcessor(system, thread, i, Setup.Seconds(0.03125), irql: 0);
        }
        for (uint i = 0; i < s_threads.Length; i++)
        {
            (int processor, ReadyPlace place, int priority, int basePriority, int ticks) = s_threads[i];
            ThreadBuilder thread = (i % 2 == 0 ? busy : other).AddThread(FirstTid + 4 * i)
                .Stack(population.Parse(ProcessorScenarios.MutantWait)).Priority(priority)
                .ReadyOn(processor, TimeSpan.FromTicks(ticks * (long)SystemOptions.TickLength), place);
            thread.Schedule.BasePriority = basePriority;
            thread.Schedule.UnusualBoost = priority - basePriority;
            // What only one processor may run is in that one's own queue.
            if (place == ReadyPlace.Own)
                thread.Schedule.Affinity = 1ul << processor;
        }
        return setup.Complete(Truth.NoHang);
    }
}
