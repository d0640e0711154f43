using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Processors that do not get on: spin locks, deferred procedure calls, threads of high priority.</summary>
internal static class ProcessorScenarios
{
    internal const string MutantWait = StandardMachine.WaitForObject + StandardMachine.UserStart;

    /// <summary>How a processor is stopped by another one that writes a dump: the frames above what it did.</summary>
    internal const string Frozen = """
        nt!KiFreezeTargetExecution+0x12d
        nt!KiProcessNMI+0x8a
        nt!KxNmiInterrupt+0x82
        nt!KiNmiInterrupt+0x212

        """;

    private const string Spin = """
        nt!KxWaitForSpinLockAndAcquire+0x2f
        nt!KeAcquireSpinLockRaiseToDpc+0x87

        """;

    private const string QueuedSpin = """
        nt!KxWaitForLockOwnerShip+0x1c
        nt!KeAcquireInStackQueuedSpinLock+0x6f

        """;

    private const string DeviceIoControl = """
        nt!IopXxxControlFile+0x8d4
        nt!NtDeviceIoControlFile+0x56
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtDeviceIoControlFile+0x14
        KERNELBASE!DeviceIoControl+0x68

        """ + StandardMachine.UserStart;

    private const ulong DispatchLevel = 2;

    /// <summary>
    /// Two processors each hold a spin lock of a network driver and spin for the other's, sending and receiving; a third is
    /// idle, and the fourth too. Nobody else waits.
    /// </summary>
    public static SystemBuilder OppositeOrder(KernelLayout layout)
    {
        Setup setup = Create(layout, "spinlock-deadlock");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("netkvm.sys", "Red Hat, Inc.", "62.73.104.14100");
        driver.MinimumSize = 0x40000;
        ulong sendLock = HeldLock(system), receiveLock = HeldLock(system);
        ThreadBuilder sends = population.System.AddThread(population.TakeTid()).Stack(Spin + """
            netkvm+0x1b2c
            netkvm+0x3f4e
            tcpip!IppSendDatagramsCommon+0x4a2
            tcpip!TcpTlConnectionSend+0x7c
            nt!ExpWorkerThread+0xdd

            """ + StandardMachine.SystemStart);
        ThreadBuilder receives = population.System.AddThread(population.TakeTid()).Stack(Frozen + Spin + """
            netkvm+0x5a10
            netkvm+0x62c8
            tcpip!FlpReturnNetBufferListChain+0x8f
            nt!ExpWorkerThread+0xdd

            """ + StandardMachine.SystemStart);
        OnProcessor(system, sends, 0, Setup.Seconds(75), X64Register.Rbx, receiveLock);
        OnProcessor(system, receives, 1, Setup.Seconds(74), X64Register.Rdi, sendLock);
        return setup.Complete(new Truth("deadlock", null,
        [
            TruthLink.Of(sends), TruthLink.Lock(receiveLock), TruthLink.Of(receives), TruthLink.Lock(sendLock),
            TruthLink.Of(sends),
        ]));
    }

    /// <summary>One processor keeps a spin lock in a driver's loop; three spin for it.</summary>
    public static SystemBuilder HeldForEver(KernelLayout layout)
    {
        Setup setup = Create(layout, "spinlock-held");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("acmeraid.sys", "Acme Storage AG", "5.4.0.77");
        driver.MinimumSize = 0x40000;
        ProcessBuilder process = population.New("raidmon.exe", 0xc40, 1, 0xc1c);
        ulong spinLock = HeldLock(system);
        ThreadBuilder holder = process.AddThread(population.TakeTid())
            .Stack(Frozen + "acmeraid+0x2190\nacmeraid+0x47c4\n" + DeviceIoControl);
        OnProcessor(system, holder, 2, Setup.Seconds(300));
        List<ThreadBuilder> waiters = [];
        foreach (int processor in (int[])[0, 1, 3])
        {
            ThreadBuilder waiter = process.AddThread(population.TakeTid())
                .Stack(population.Parse((processor == 0 ? "" : Frozen) + Spin + "acmeraid+0x1f08\nacmeraid+0x47c4\n" + DeviceIoControl));
            OnProcessor(system, waiter, processor, Setup.Seconds(290 - 10 * processor), X64Register.Rsi, spinLock);
            waiters.Add(waiter);
        }
        return setup.Complete(new Truth("spinning", driver,
        [
            TruthLink.Of(waiters[0]), TruthLink.Lock(spinLock), TruthLink.Of(holder), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>
    /// The system's queued lock number 8 is owned by processor 1, which is in a driver; 0 and 3 wait in its queue. That 2 is
    /// at DISPATCH_LEVEL too accuses it of nothing: the queue tells.
    /// </summary>
    public static SystemBuilder QueuedOwner(KernelLayout layout)
    {
        Setup setup = Create(layout, "spinlock-queued");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("acmeflt.sys", "Acme Security GmbH", "4.2.1.7");
        driver.MinimumSize = 0x30000;
        ProcessBuilder process = population.New("backup.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder[] threads = new ThreadBuilder[4];
        string[] stacks =
        [
            "nt!KxWaitForLockOwnerShip+0x1c\nnt!KeAcquireQueuedSpinLock+0x5b\n" + DeviceIoControl,
            Frozen + "acmeflt+0x1a37\nacmeflt+0x3c10\n" + DeviceIoControl,
            Frozen + "nt!CcGetVirtualAddress+0x2a4\n" + DeviceIoControl,
            Frozen + "nt!KxWaitForLockOwnerShip+0x1c\nnt!KeAcquireQueuedSpinLock+0x5b\n" + DeviceIoControl,
        ];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = process.AddThread(population.TakeTid()).Stack(stacks[i]);
            OnProcessor(system, threads[i], i, Setup.Seconds(60 - i));
        }
        ulong spinLock = system.Pool.Take(16);
        // The queue is 1 (owns), 0, 3; its links are known when all KPRCBs have their place.
        ulong[] entries = new ulong[4];
        const string Entry = "_KSPIN_LOCK_QUEUE";
        int offset = layout.Offset("_KPRCB", "LockQueue") + 8 * layout.Size(Entry);
        foreach (int processor in (int[])[0, 1, 3])
            system.ProcessorDetails.Add((processor, prcb => entries[processor] = prcb.Address + (ulong)offset));
        system.ProcessorDetails.Add((3, _ =>
        {
            system.Struct(Entry, entries[1]).Set("Next", entries[0]).Set("Lock", spinLock | 2);
            system.Struct(Entry, entries[0]).Set("Next", entries[3]).Set("Lock", spinLock | 1);
            system.Struct(Entry, entries[3]).Set("Next", 0).Set("Lock", spinLock | 1);
            system.Kernel.WriteUInt64(spinLock, entries[3]);
        }));
        return setup.Complete(new Truth("spinning", driver,
        [
            TruthLink.Of(threads[0]), TruthLink.Lock(spinLock), TruthLink.Of(threads[1]), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>
    /// A queued lock whose entries lie on the stacks of processors 1, which has it, and 0, which waits. Processor 2 is at
    /// DISPATCH_LEVEL without it.
    /// </summary>
    public static SystemBuilder InStackOwner(KernelLayout layout)
    {
        Setup setup = Create(layout, "spinlock-instack");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("acmenic.sys", "Acme Networks Ltd.", "1.9.2.0");
        driver.MinimumSize = 0x30000;
        ThreadBuilder[] threads = new ThreadBuilder[3];
        string[] stacks =
        [
            QueuedSpin + "acmenic+0x1a37\nacmenic+0x3c10\n",
            Frozen + "acmenic+0x2208\nacmenic+0x3c10\n",
            Frozen + "nt!CcGetVirtualAddress+0x2a4\n",
        ];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = population.System.AddThread(population.TakeTid())
                .Stack(stacks[i] + "nt!ExpWorkerThread+0xdd\n" + StandardMachine.SystemStart);
            OnProcessor(system, threads[i], i, Setup.Seconds(48 - i));
        }
        ProcessBuilder process = population.New("portal.exe", 0xc40, 1, 0xc1c);
        ulong mutant = system.Objects.Mutant(threads[0]);
        ThreadBuilder suffers = process.AddThread(population.TakeTid()).Stack(population.Parse(MutantWait))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(46), mutant);
        ulong spinLock = system.Pool.Take(16);
        const string Handle = "_KLOCK_QUEUE_HANDLE";
        system.ProcessorDetails.Add((0, _ =>
        {
            // In the space of the drivers' second frames, above their return addresses.
            ulong waits = threads[0].StackPointers[3] + 8, owns = threads[1].StackPointers[5] + 8;
            system.Struct(Handle, owns).Set("LockQueue.Next", waits).Set("LockQueue.Lock", spinLock | 2);
            system.Struct(Handle, waits).Set("LockQueue.Next", 0).Set("LockQueue.Lock", spinLock | 1);
            system.Kernel.WriteUInt64(spinLock, waits);
        }));
        return setup.Complete(new Truth("spinning", driver,
        [
            TruthLink.Of(suffers), TruthLink.Lock(mutant), TruthLink.Of(threads[0]), TruthLink.Lock(spinLock),
            TruthLink.Of(threads[1]), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>A third company's deferred procedure call does not end; the thread that it interrupted owns a mutex.</summary>
    public static SystemBuilder LongDpc(KernelLayout layout)
    {
        Setup setup = Create(layout, "long-dpc");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("acmewifi.sys", "Acme Wireless Inc.", "22.80.1.1");
        driver.MinimumSize = 0x30000;
        ProcessBuilder process = population.New("portal.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = process.AddThread(population.TakeTid()).Stack(Frozen + """
            acmewifi+0x6d12
            acmewifi+0x71a0
            nt!KiExecuteAllDpcs+0x2e7
            nt!KiRetireDpcList+0x1f4
            nt!KiDpcInterrupt+0x2ee
            nt!NtQueryPerformanceCounter+0x2b
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtQueryPerformanceCounter+0x14
            KERNELBASE!QueryPerformanceCounter+0x1c

            """ + StandardMachine.UserStart);
        OnProcessor(system, owner, 1, Setup.Seconds(41));
        ulong dpc = system.NewStruct("_KDPC").Set("DeferredRoutine", driver.Base + 0x7180).Address;
        system.ProcessorDetails.Add((1, prcb => prcb.Set("DpcRoutineActive", 1).TrySet("CurrentDpcRoutine", driver.Base + 0x7180)
            .TrySet("DpcData[0].ActiveDpc", dpc).Set("DpcData[0].DpcQueueDepth", 23)
            .Set("DpcTimeCount", SystemOptions.TicksOf(Setup.Seconds(40)))));
        ulong mutant = system.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\PortalState");
        ThreadBuilder[] waiters = new ThreadBuilder[3];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = process.AddThread(population.TakeTid()).Stack(population.Parse(MutantWait))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(39 - i), mutant);
        return setup.Complete(new Truth("long-dpc", driver,
        [
            TruthLink.Of(waiters[0]), TruthLink.Lock(mutant), TruthLink.Of(owner), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>A real-time thread keeps processor 1, behind which a thread with a mutex is ready; others wait for that.</summary>
    public static SystemBuilder RealTime(KernelLayout layout)
    {
        Setup setup = Create(layout, "realtime-starvation");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder audio = population.New("rtaudio.exe", 0xc80, 1, 0xc1c);
        ProcessBuilder process = population.New("portal.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder real = audio.AddThread(population.TakeTid()).Stack(Frozen + UserWork).Priority(31);
        OnProcessor(system, real, 1, Setup.Seconds(130), irql: 0);
        // That some processor's level is recorded makes the 0 of the others one that counts.
        system.ProcessorDetails.Add((0, prcb => prcb.TrySet("DebuggerSavedIRQL", DispatchLevel)));
        ThreadBuilder owner = process.AddThread(population.TakeTid()).Stack(population.Parse(MutantWait))
            .ReadyOn(1, Setup.Seconds(95));
        ulong mutant = system.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\PortalState");
        ThreadBuilder[] waiters = new ThreadBuilder[4];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = process.AddThread(population.TakeTid()).Stack(population.Parse(MutantWait))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(94 - 3 * i), mutant);
        return setup.Complete(new Truth("starvation", null,
        [
            TruthLink.Of(waiters[0]), TruthLink.Lock(mutant), TruthLink.Of(owner), TruthLink.Of(real),
        ]));
    }

    /// <summary>The work of a program, seen in a short system call.</summary>
    internal const string UserWork = """
        nt!NtQueryPerformanceCounter+0x2b
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtQueryPerformanceCounter+0x14
        KERNELBASE!QueryPerformanceCounter+0x1c

        """ + StandardMachine.UserStart;

    internal static Setup Create(KernelLayout layout, string identity) =>
        Setup.Create(layout, identity, new SystemOptions(layout) { Processors = 4 });

    internal static ulong HeldLock(SystemBuilder system)
    {
        ulong address = system.Pool.Take(16);
        system.Kernel.WriteUInt64(address, 1);
        return address;
    }

    /// <summary>Puts a thread on a processor, at an IRQL, with the address of a lock in a register.</summary>
    internal static void OnProcessor(SystemBuilder system, ThreadBuilder thread, int processor, TimeSpan age,
        X64Register? register = null, ulong value = 0, ulong irql = DispatchLevel)
    {
        thread.RunsOn(processor).State("Running", age);
        if (register is { } lockRegister)
            thread.Registers[lockRegister] = value;
        system.ProcessorDetails.Add((processor, prcb => prcb.TrySet("DebuggerSavedIRQL", irql)));
    }
}
