using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Waits for fast and guarded mutexes of drivers.</summary>
internal static class FastMutexScenarios
{
    private const string Contended = StandardMachine.WaitSingle + """
        nt!ExpAcquireFastMutexContended+0x7e
        nt!ExAcquireFastMutex+0xb9

        """;

    private const string DeviceControl = """
        nt!IopSynchronousServiceTail+0x1a0
        nt!IopXxxControlFile+0x8d4
        nt!NtDeviceIoControlFile+0x56
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtDeviceIoControlFile+0x14
        KERNELBASE!DeviceIoControl+0x68

        """ + StandardMachine.UserStart;

    /// <summary>A driver takes the fast mutex in its own data a second time.</summary>
    public static SystemBuilder Self(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "fastmutex-self");
        SystemBuilder system = setup.System;
        ForgedModule driver = Driver(system);
        ProcessBuilder process = setup.Population.New("console.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder thread = process.AddThread(setup.Population.TakeTid()).Stack(Contended + """
            meterdrv+0x1a40
            meterdrv+0x2208

            """ + DeviceControl);
        KernelStruct mutex = system.Mutexes.Fast(thread, driver.Variable("Mutex", 0x40, driver.Base + 0x7440));
        system.Mutexes.AddWaiter(mutex, thread, Setup.Seconds(64));
        return setup.Complete(new Truth("deadlock", driver,
            [TruthLink.Of(thread), TruthLink.Lock(mutex.Address), TruthLink.Of(thread)]));
    }

    /// <summary>
    /// A thread waits for a fast mutex, whose owner waits for another one with a reason that says nothing; its owner is in a
    /// driver.
    /// </summary>
    public static SystemBuilder Chain(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "fastmutex-chain");
        SystemBuilder system = setup.System;
        ForgedModule driver = Driver(system);
        ProcessBuilder process = setup.Population.New("console.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder first = process.AddThread(setup.Population.TakeTid()).Stack(Contended + """
            Ntfs!NtfsCommonQueryInformation+0x3b1
            nt!NtQueryInformationFile+0x4b8
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtQueryInformationFile+0x14

            """ + StandardMachine.UserStart);
        ThreadBuilder second = process.AddThread(setup.Population.TakeTid()).Stack(Contended + """
            Ntfs!NtfsCommonClose+0x11d
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14

            """ + StandardMachine.UserStart);
        ThreadBuilder third = InDriver(setup, process, 220);
        KernelStruct near = system.Mutexes.Fast(second), far = system.Mutexes.Fast(third);
        system.Mutexes.AddWaiter(near, first, Setup.Seconds(210));
        system.Mutexes.AddWaiter(far, second, Setup.Seconds(215), "Executive");
        system.PushLocks.AddEntry(third, far.Address, isOwner: true);
        return setup.Complete(new Truth("stuck-in-driver", driver,
        [
            TruthLink.Of(first), TruthLink.Lock(near.Address), TruthLink.Of(second), TruthLink.Lock(far.Address),
            TruthLink.Of(third), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>Three threads wait for a guarded mutex; its owner is in a driver.</summary>
    public static SystemBuilder Guarded(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "guarded-mutex");
        SystemBuilder system = setup.System;
        ForgedModule driver = Driver(system);
        ProcessBuilder process = setup.Population.New("console.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = InDriver(setup, process, 320);
        KernelStruct mutex = system.Mutexes.Guarded(owner);
        string wait = system.Mutexes.HasGuarded
            ? """
                nt!KiSwapContext+0x76
                nt!KiSwapThread+0x17d
                nt!KiCommitThreadWait+0x14f
                nt!KeWaitForGate+0x101
                nt!KiAcquireGuardedMutex+0x45

                """
            : StandardMachine.WaitSingle + "nt!ExpAcquireFastMutexContended+0x7e\n";
        ThreadBuilder[] waiters = new ThreadBuilder[3];
        for (int i = 0; i < waiters.Length; i++)
        {
            waiters[i] = process.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse(wait + """
                nt!KeAcquireGuardedMutex+0x2c
                nt!PspReferenceTokenForNewProcess+0x41
                nt!NtCreateUserProcess+0x51f
                nt!KiSystemServiceCopyEnd+0x13
                ntdll!NtCreateUserProcess+0x14

                """ + StandardMachine.UserStart));
            system.Mutexes.AddWaiter(mutex, waiters[i], Setup.Seconds(300 - 10 * i));
        }
        return setup.Complete(new Truth("stuck-in-driver", driver,
        [
            TruthLink.Of(waiters[0]), TruthLink.Lock(mutex.Address), TruthLink.Of(owner), TruthLink.Driver(driver),
        ]));
    }

    private static ForgedModule Driver(SystemBuilder system)
    {
        ForgedModule driver = system.Modules.AddThirdParty("meterdrv.sys", "Tailspin Instruments", "1.4.0.9");
        driver.MinimumSize = 0x8000;
        return driver;
    }

    private static ThreadBuilder InDriver(Setup setup, ProcessBuilder process, double age) =>
        process.AddThread(setup.Population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            meterdrv+0x3118
            meterdrv+0x2208

            """ + DeviceControl).Waiting("Executive", userMode: false, Setup.Seconds(age), setup.System.Objects.Event());
}
