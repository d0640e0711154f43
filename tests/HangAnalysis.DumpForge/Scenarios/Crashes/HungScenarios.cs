using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>
/// Stops by which a watchdog ends or reports a hang and names a thread, a lock, a queue or a process. Beside the hang that is meant
/// a larger one lies in wait, which an analysis that does not look at the parameters tells first.
/// </summary>
internal static class HungScenarios
{
    /// <summary>A power transition did not end: the thread that is named waits for the mutant.</summary>
    public static SystemBuilder PowerTransition(KernelLayout layout) =>
        Create(layout, "hung-power-transition", 0xa0, (_, hang) => [0xf, 0, 0, hang.Waiters[0].Address]);

    /// <summary>An ERESOURCE was not released for 30 s; its owner is the thread that is stuck.</summary>
    public static SystemBuilder Resource(KernelLayout layout) => Create(layout, "hung-resource", 0x1cc, (setup, hang) =>
    {
        SystemBuilder system = setup.System;
        KernelStruct resource = system.Resources.Add(hang.Owner);
        ThreadBuilder waiter = setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse(
            ResourceCases.Exclusive + "Ntfs!NtfsAcquireExclusiveVcb+0x5c\nnt!ExpWorkerThread+0xdd\n" + StandardMachine.SystemStart));
        system.Resources.AddWaiters(resource, [waiter], [], _ => Setup.Seconds(31));
        return [resource.Address, waiter.Address, 17, 30];
    });

    /// <summary>The threads of a pool for I/O wait for the mutant.</summary>
    public static SystemBuilder ThreadPool(KernelLayout layout) => Create(layout, "hung-thread-pool", 0x1c5, (setup, hang) =>
    {
        KernelStruct queue = setup.System.WorkQueues.New(1, maximum: 2);
        ThreadBuilder[] workers = new ThreadBuilder[2];
        for (int i = 0; i < workers.Length; i++)
        {
            workers[i] = setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse(
                StandardMachine.WaitSingle + "nt!IopProcessWorkItem+0x87\nnt!ExpWorkerThread+0xdd\n" + StandardMachine.SystemStart))
                .Waiting("Executive", userMode: false, Setup.Seconds(90 + i), hang.Mutant);
            setup.System.WorkQueues.AddWorker(queue, workers[i]);
        }
        setup.System.WorkQueues.AddItems(queue, 12, setup.System.Nt.Function("IopProcessWorkItem"));
        return [0, queue.Address, 0, 0];
    });

    /// <summary>A cluster's process did not pass its health check.</summary>
    public static SystemBuilder Health(KernelLayout layout) =>
        Create(layout, "hung-health-check", 0x9e, (_, hang) => [hang.Process.Address, 1200, 0, 0]);

    /// <summary>The live variant of the same.</summary>
    public static SystemBuilder HealthLive(KernelLayout layout) =>
        Create(layout, "hung-health-check-live", 0x1c9, (_, hang) => [hang.Process.Address, 1200, 0, 0]);

    /// <summary>A live dump by a watchdog whose parameters are not documented: there is but one hang, and they do not lead to it.</summary>
    public static SystemBuilder Live1F5(KernelLayout layout) =>
        Create(layout, "hung-live-1f5", 0x1f5, (_, _) => [0, 0, 0, 0], hasDecoy: false);

    /// <summary>The synthetic watchdog of a virtual machine ran out; nothing is named, and there is but one hang.</summary>
    public static SystemBuilder Synthetic(KernelLayout layout) =>
        Create(layout, "hung-synthetic", 0x1ca, (_, _) => [0x4000000, 0x1234567890, 0x9876543210, 0], hasDecoy: false);

    /// <summary>A live dump of a system that sleeps badly; nothing hangs in it but a program.</summary>
    public static SystemBuilder Standby(KernelLayout layout) => Standby(layout, "hung-standby", 2);

    /// <summary>The same for another reason: too little time in the deepest idle state.</summary>
    public static SystemBuilder StandbyResidency(KernelLayout layout) => Standby(layout, "hung-standby-1", 1);

    /// <summary>A veto.</summary>
    public static SystemBuilder StandbyVeto(KernelLayout layout) => Standby(layout, "hung-standby-3", 3);

    /// <summary>A reason of which no more is documented than its number.</summary>
    public static SystemBuilder StandbyOther(KernelLayout layout) => Standby(layout, "hung-standby-4", 4);

    /// <summary>A thread goes round in a display driver.</summary>
    public static SystemBuilder Display(KernelLayout layout)
    {
        ulong[] parameters = [0, 0, 0, 1];
        Setup setup = Start(layout, "hung-display", 0xea, parameters);
        SystemBuilder system = setup.System;
        ForgedModule driver = system.Modules.AddThirdParty("acmegfx.sys", "Acme Graphics", "8.17.12.9573");
        driver.MinimumSize = 0x80000;
        ThreadBuilder thread = setup.Population.New("game.exe", 0xc40, 1, 0xc1c).AddThread(setup.Population.TakeTid())
            .Stack(setup.Population.Parse(ProcessorScenarios.Frozen + "acmegfx+0x4c21\nacmegfx+0x4e0a\n" + StandardMachine.SystemStart));
        ProcessorScenarios.OnProcessor(system, thread, 1, Setup.Seconds(30), irql: 0);
        ulong name = system.Pool.Take(16);
        system.WriteText(name, "acmegfx.sys");
        (parameters[0], parameters[2]) = (thread.Address, name);
        return setup.Complete(new Truth("crash", driver, []));
    }

    /// <summary>
    /// Processor 1 has interrupts off in a third company's driver: it took the NMI of the dump there. Processor 0 saw that it
    /// missed the clock.
    /// </summary>
    public static SystemBuilder Clock(KernelLayout layout) => CreateClock(layout, "hung-clock", ProcessorScenarios.Frozen);

    /// <summary>The same, but that processor 1 did not even take the NMI: its registers are those of some time before.</summary>
    public static SystemBuilder ClockDead(KernelLayout layout) => CreateClock(layout, "hung-clock-dead", "");

    private static SystemBuilder Standby(KernelLayout layout, string identity, ulong reason) =>
        Create(layout, identity, 0x15f, (_, _) => [reason, 0, 0, 0], hasDecoy: false);

    private static SystemBuilder CreateClock(KernelLayout layout, string identity, string frozen)
    {
        ulong[] parameters = [0x30, 0, 0, 1];
        Setup setup = Start(layout, identity, 0x101, parameters);
        SystemBuilder system = setup.System;
        ForgedModule driver = system.Modules.AddThirdParty("acmeraid.sys", "Acme Storage AG", "5.4.0.77");
        driver.MinimumSize = 0x20000;
        ThreadBuilder stuck = setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse(
            frozen + "acmeraid+0x2190\nacmeraid+0x47c4\n" + StandardMachine.SystemStart));
        ProcessorScenarios.OnProcessor(system, stuck, 1, Setup.Seconds(8), X64Register.Rbx, 0, irql: 15);
        ThreadBuilder sees = setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse("""
            nt!KeBugCheckEx+0x20
            nt!KeAccumulateTicks+0x1c8b42
            nt!KeClockInterruptNotify+0x453
            nt!KiInterruptDispatchNoLockNoEtw+0x37

            """ + StandardMachine.SystemStart));
        ProcessorScenarios.OnProcessor(system, sees, 0, Setup.Seconds(8), irql: 13);
        system.ProcessorDetails.Add((1, prcb => parameters[2] = prcb.Address));
        return setup.Complete(new Truth("crash", frozen.Length > 0 ? driver : null, []));
    }

    private static SystemBuilder Create(
        KernelLayout layout, string identity, uint code, Func<Setup, Hang, ulong[]> name, bool hasDecoy = true)
    {
        ulong[] parameters = [0, 0, 0, 0];
        Setup setup = Start(layout, identity, code, parameters);
        if (hasDecoy)
            AddDecoy(setup);
        Hang hang = Hang.Add(setup);
        name(setup, hang).CopyTo(parameters, 0);
        return setup.Complete(new Truth("stuck-in-driver", hang.Culprit, []));
    }

    /// <summary>A larger hang: six threads of a program and three of csrss.exe wait for one that reads from a pipe.</summary>
    private static void AddDecoy(Setup setup)
    {
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule other = system.Modules.AddThirdParty("litepipe.sys", "Litware Archive", "1.0.0.3");
        other.MinimumSize = 0x20000;
        ProcessBuilder program = population.New("ledger.exe", 0xb40, 1, 0xc1c);
        ThreadBuilder owner = program.AddThread(population.TakeTid()).Stack(population.Parse(StandardMachine.WaitSingle +
            "litepipe+0x1c40\nlitepipe+0x2088\n" + """
            nt!IopSynchronousServiceTail+0x275
            nt!NtReadFile+0x671
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtReadFile+0x14

            """ + StandardMachine.UserStart)).Waiting("Executive", userMode: false, Setup.Seconds(900), system.Objects.Event());
        ulong mutant = system.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\Ledger");
        ProcessBuilder vital = population.New("csrss.exe", 0x1fc, 2, 0x1f0);
        for (int i = 0; i < 9; i++)
            (i < 3 ? vital : program).AddThread(population.TakeTid()).Stack(population.Parse(StandardMachine.WaitForObject + StandardMachine.UserStart))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(890 - i), mutant);
    }

    private static Setup Start(KernelLayout layout, string identity, uint code, ulong[] parameters) =>
        Setup.Create(layout, identity, new SystemOptions(layout) { Processors = 2, BugCheckCode = code, BugCheckParameters = parameters });
}
