using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>The executive's work queues: exhausted, standing still for one worker, and busy as they may be.</summary>
public static class WorkQueueScenarios
{
    private const string Item = """
        nt!IopProcessWorkItem+0x87
        nt!ExpWorkerThread+0xdd

        """ + StandardMachine.SystemStart;

    /// <summary>Workers of the exhausted queue, and what waits in it.</summary>
    public const int Workers = 6, FirstItems = 40, SecondItems = 3;

    /// <summary>
    /// All workers wait for a resource whose owner is stuck in a filter driver; items wait. Another queue is in order.
    /// </summary>
    public static SystemBuilder Exhausted(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "work-queue-exhausted");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule filter = system.Modules.AddThirdParty("syncflt.sys", "Adatum Sync AB", "6.4.0.12");
        filter.MinimumSize = 0x20000;
        ThreadBuilder owner = population.New("syncsvc.exe", 0x6f4, 0, 0x240).AddThread(population.TakeTid())
            .Stack(StandardMachine.WaitSingle + """
                syncflt+0x2a14
                syncflt+0x3f02
                FLTMGR!FltpPerformPreCallbacks+0x2ea
                FLTMGR!FltpDispatch+0x9e
                nt!IopSynchronousServiceTail+0x1a0
                nt!NtWriteFile+0x676
                nt!KiSystemServiceCopyEnd+0x13
                ntdll!NtWriteFile+0x14

                """ + StandardMachine.UserStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(433), system.Objects.Event());
        KernelStruct queue = system.WorkQueues.New(1, maximum: Workers);
        ThreadBuilder[] workers = new ThreadBuilder[Workers];
        for (int i = 0; i < workers.Length; i++)
        {
            workers[i] = population.System.AddThread(population.TakeTid())
                .Stack(population.Parse(ResourceCases.Exclusive + "syncflt+0x51b8\n" + Item));
            system.WorkQueues.AddWorker(queue, workers[i]);
        }
        KernelStruct resource = system.Resources.Add(owner);
        system.Resources.AddWaiters(resource, workers, [], i => Setup.Seconds(430 - 30 * i));
        system.WorkQueues.AddItems(queue, FirstItems, Routine(system, "nt!IopProcessWorkItem"));
        system.WorkQueues.AddItems(queue, SecondItems, Routine(system, "nt!CcWorkerThread"), priority: 8);
        AddIdleQueue(setup);
        return setup.Complete(new Truth("stuck-in-driver", filter,
            [TruthLink.Of(workers[0]), TruthLink.Lock(resource.Address), TruthLink.Of(owner), TruthLink.Driver(filter)]));
    }

    /// <summary>
    /// The only worker of a queue runs an item that waits for ever in its driver. By its stack it might be a thread with a
    /// loop of its own; what waits behind it says otherwise.
    /// </summary>
    public static SystemBuilder OneWorker(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "work-queue-one-worker");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("longwork.sys", "Proseware Devices", "1.0.0.7");
        driver.MinimumSize = 0x10000;
        KernelStruct queue = system.WorkQueues.New(0, maximum: 1);
        ThreadBuilder worker = population.System.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            longwork+0x1c20
            nt!ExpWorkerThread+0xdd

            """ + StandardMachine.SystemStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(77), system.Objects.Event());
        system.WorkQueues.AddWorker(queue, worker);
        system.WorkQueues.AddItems(queue, 5, Routine(system, "nt!IopProcessWorkItem"));
        AddIdleQueue(setup);
        return setup.Complete(new Truth("stuck-in-driver", driver, [TruthLink.Of(worker), TruthLink.Driver(driver)]));
    }

    /// <summary>All workers of a queue are in short waits and items wait, as happens in any busy system.</summary>
    public static SystemBuilder Busy(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "work-queue-busy");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        KernelStruct queue = system.WorkQueues.New(1, maximum: 3);
        for (int i = 0; i < 3; i++)
            system.WorkQueues.AddWorker(queue, population.System.AddThread(population.TakeTid())
                .Stack(population.Parse(StandardMachine.WaitSingle + "nt!CcFlushCachePriv+0x54c\nnt!MiFlushSection+0x1a0\n" + Item))
                // One is in a long wait by itself: a queue with a worker that comes back is in order.
                .Waiting("Executive", userMode: false, Setup.Seconds(i == 0 ? 3 : 0.05), system.Objects.Event()));
        system.WorkQueues.AddItems(queue, 9, Routine(system, "nt!IopProcessWorkItem"));
        AddIdleQueue(setup);
        return setup.Complete(Truth.NoHang);
    }

    private static void AddIdleQueue(Setup setup)
    {
        KernelStruct queue = setup.System.WorkQueues.New(2, maximum: 8);
        for (int i = 0; i < 2; i++)
            setup.Population.SystemThread("WrQueue", StandardMachine.WaitQueue + "nt!ExpWorkerThread+0xdd\n", queue.Address);
    }

    private static ulong Routine(SystemBuilder system, string function) => system.Frames(function + "+0x10").Frames[0].Function;
}
