using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Threads that cannot run because somebody stopped them, and busy systems in which nothing is wrong.</summary>
internal static class SuspendedScenarios
{
    /// <summary>The owner of a mutex has been suspended by somebody.</summary>
    public static SystemBuilder Owner(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "suspended-owner");
        Population population = setup.Population;
        ProcessBuilder process = population.New("portal.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = process.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!KiSchedulerApc+0x20d
            nt!KiDeliverApc+0x2b4
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtQueryPerformanceCounter+0x14
            KERNELBASE!QueryPerformanceCounter+0x1c

            """ + StandardMachine.UserStart).Suspended(Setup.Seconds(600));
        ulong mutant = setup.System.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\PortalState");
        ThreadBuilder[] waiters = new ThreadBuilder[3];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = process.AddThread(population.TakeTid()).Stack(population.Parse(ProcessorScenarios.MutantWait))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(590 - 10 * i), mutant);
        return setup.Complete(new Truth("server-not-answering", null,
            [TruthLink.Of(waiters[0]), TruthLink.Lock(mutant), TruthLink.Of(owner)]));
    }

    /// <summary>The system has frozen a process, in whose port a message lies.</summary>
    public static SystemBuilder FrozenServer(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "frozen-server");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder client = population.New("notes.exe", 0xc90, 1, 0xc1c);
        ProcessBuilder server = population.New("SearchApp.exe", 0x714, 1, 0x2b0);
        population.Fill(server, workers: 3);
        server.Struct.TrySet("Pcb.FreezeCount", 1).TrySet("Pcb.DeepFreeze", 1);
        ThreadBuilder waiter = client.AddThread(population.TakeTid()).Stack(StandardMachine.AlpcWait + """
            RPCRT4!NdrClientCall3+0xf2

            """ + StandardMachine.UserStart);
        KernelStruct port = system.Alpc.ConnectionPort(server, @"\RPC Control\searchapp");
        ulong message = system.Alpc.Request(system.Alpc.Connect(client, server, port), waiter, null, Setup.Seconds(190));
        return setup.Complete(new Truth("server-not-answering", null,
            [TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(server)]));
    }

    /// <summary>
    /// All processors work, some threads are ready for moments, one processor spins for a moment, another is in a short
    /// deferred procedure call: nothing waits.
    /// </summary>
    public static SystemBuilder BusyServer(KernelLayout layout)
    {
        Setup setup = ProcessorScenarios.Create(layout, "busy-server");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        string[] stacks =
        [
            ProcessorScenarios.UserWork,
            ProcessorScenarios.Frozen + "tcpip!IppTimerThread+0x44\nnt!KiExecuteAllDpcs+0x2e7\nnt!KiRetireDpcList+0x1f4\n" +
                "nt!KiDpcInterrupt+0x2ee\n" + ProcessorScenarios.UserWork,
            ProcessorScenarios.Frozen + "nt!KxWaitForSpinLockAndAcquire+0x2f\nnt!KeAcquireSpinLockRaiseToDpc+0x87\n" +
                ProcessorScenarios.UserWork,
            ProcessorScenarios.Frozen + ProcessorScenarios.UserWork,
        ];
        for (int i = 0; i < stacks.Length; i++)
        {
            ProcessBuilder worker = population.New($"render{i}.exe", 0xc40 + 4 * (uint)i, 0, 0x240);
            ThreadBuilder thread = worker.AddThread(population.TakeTid()).Stack(stacks[i]);
            ProcessorScenarios.OnProcessor(system, thread, i, Setup.Seconds(i == 3 ? 44 : 0.1 * i), irql: i is 1 or 2 ? 2u : 0);
            for (int n = 0; n < 3; n++)
                worker.AddThread(population.TakeTid()).Stack(population.Parse(ProcessorScenarios.UserWork))
                    .ReadyOn(i, Setup.Seconds(0.2 * (n + i)));
        }
        system.ProcessorDetails.Add((1, prcb => prcb.Set("DpcRoutineActive", 1)));
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>
    /// The owner of a mutex takes long, but runs: its processor happens to execute one of the short deferred procedure calls.
    /// </summary>
    public static SystemBuilder SlowOwner(KernelLayout layout)
    {
        Setup setup = ProcessorScenarios.Create(layout, "slow-owner");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder process = population.New("export.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = process.AddThread(population.TakeTid()).Stack(ProcessorScenarios.Frozen +
            "storport!RaidpAdapterThread+0x44\nnt!KiExecuteAllDpcs+0x2e7\nnt!KiRetireDpcList+0x1f4\nnt!KiDpcInterrupt+0x2ee\n" +
            ProcessorScenarios.UserWork);
        ProcessorScenarios.OnProcessor(system, owner, 2, Setup.Seconds(0.05));
        system.ProcessorDetails.Add((2, prcb => prcb.Set("DpcRoutineActive", 1)));
        ulong mutant = system.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\ExportFile");
        for (int i = 0; i < 2; i++)
            process.AddThread(population.TakeTid()).Stack(population.Parse(ProcessorScenarios.MutantWait))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(40 - i), mutant);
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>
    /// Somebody broke in with a kernel debugger and wrote a dump: the processor that took the break was interrupted for it in
    /// its idle loop, the others were frozen by it, one of them while it spun for a moment.
    /// </summary>
    public static SystemBuilder BreakIn(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "debugger-break",
            new SystemOptions(layout) { Processors = 4, BugCheckCode = 0x161 });
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ThreadBuilder idle = system.Threads.First(thread => thread.IsIdle && thread.Processor == 0);
        idle.Stack("""
            nt!DbgBreakPointWithStatus
            nt!KdCheckForDebugBreak+0xd2
            nt!KeAccumulateTicks+0x1d8
            nt!KeClockInterruptNotify+0xb8
            nt!KiInterruptDispatchNoLockNoEtw+0x37
            nt!PoIdle+0x33a
            nt!KiIdleLoop+0x2c
            """);
        system.ProcessorDetails.Add((0, prcb => prcb.TrySet("DebuggerSavedIRQL", 13)));
        ProcessBuilder process = population.New("render.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder spins = process.AddThread(population.TakeTid()).Stack("""
            nt!KiFreezeTargetExecution+0x12d
            nt!KiCheckForFreezeExecution+0x25
            nt!KiIpiInterrupt+0x21c
            nt!KxWaitForSpinLockAndAcquire+0x2f
            nt!KeAcquireSpinLockRaiseToDpc+0x87

            """ + ProcessorScenarios.UserWork);
        ProcessorScenarios.OnProcessor(system, spins, 1, Setup.Seconds(12));
        return setup.Complete(Truth.NoHang);
    }
}
