using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Waits for mutants, ERESOURCEs and requests that have owners.</summary>
internal static class LockScenarios
{
    private const string MutantWait = StandardMachine.WaitForObject + StandardMachine.UserStart;

    /// <summary>Two threads of two processes own a mutant each and wait for the other's.</summary>
    public static SystemBuilder Deadlock(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "mutant-deadlock");
        Population population = setup.Population;
        ProcessBuilder left = population.New("ledger.exe", 0xc40, 1, 0xc1c);
        ProcessBuilder right = population.New("reports.exe", 0xc80, 1, 0xc1c);
        ThreadBuilder first = left.AddThread(population.TakeTid()).Stack(MutantWait);
        ThreadBuilder second = right.AddThread(population.TakeTid()).Stack(MutantWait);
        KernelObjects objects = setup.System.Objects;
        ulong ofFirst = objects.Mutant(first, @"\Sessions\1\BaseNamedObjects\LedgerFile");
        ulong ofSecond = objects.Mutant(second, @"\Sessions\1\BaseNamedObjects\ReportQueue");
        first.Waiting("UserRequest", userMode: true, Setup.Seconds(240), ofSecond);
        second.Waiting("UserRequest", userMode: true, Setup.Seconds(239), ofFirst);
        return setup.Complete(new Truth("deadlock", null,
        [
            TruthLink.Of(first), TruthLink.Lock(ofSecond, "ReportQueue"), TruthLink.Of(second),
            TruthLink.Lock(ofFirst, "LedgerFile"), TruthLink.Of(first),
        ]));
    }

    /// <summary>The owner of a mutant has ended without giving it back; three threads wait.</summary>
    public static SystemBuilder Orphan(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "mutant-orphan");
        Population population = setup.Population;
        ProcessBuilder process = population.New("plotter.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = process.AddThread(population.TakeTid()).Terminated(Setup.Seconds(500));
        ulong mutant = setup.System.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\PlotterPort");
        ThreadBuilder[] waiters = new ThreadBuilder[3];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = process.AddThread(population.TakeTid()).Stack(population.Parse(MutantWait))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(480 - 20 * i), mutant);
        return setup.Complete(new Truth("orphaned-lock", null,
            [TruthLink.Of(waiters[0]), TruthLink.Lock(mutant, "PlotterPort"), TruthLink.Of(owner)]));
    }

    /// <summary>39 threads wait for a resource of a file; its owner is in a filter driver.</summary>
    public static SystemBuilder ResourceAndFilter(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "eresource-filter");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule filter = system.Modules.AddThirdParty("encflt.sys", "Contoso Encryption Ltd.", "7.1.2.3");
        filter.MinimumSize = 0x40000;
        ProcessBuilder application = population.New("archive.exe", 0xc40, 1, 0xc1c);
        population.Fill(application, workers: 1, objects: 1);
        ThreadBuilder owner = application.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            encflt+0x2b18
            encflt+0x61d4
            FLTMGR!FltpPerformPreCallbacks+0x2ea
            FLTMGR!FltpPassThroughInternal+0x88
            FLTMGR!FltpPassThrough+0x17d
            FLTMGR!FltpDispatch+0x9e
            nt!IoSynchronousPageWrite+0x15f
            nt!CcFlushCachePriv+0x54c
            Ntfs!NtfsFlushUserStream+0x8a
            Ntfs!NtfsCommonCleanup+0x1f2b
            Ntfs!NtfsFsdCleanup+0x1bd
            FLTMGR!FltpDispatch+0xb6
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14
            KERNELBASE!CloseHandle+0x62

            """ + StandardMachine.UserStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(655), system.Objects.Event());
        const string Acquire = StandardMachine.WaitSingle + """
            nt!ExpWaitForResource+0x6b
            nt!ExAcquireResourceExclusiveLite+0x1d3

            """;
        List<ThreadBuilder> waiters = [];
        for (int i = 0; i < 25; i++)
            waiters.Add(population.SystemThread("WrResource", Acquire + """
                Ntfs!NtfsAcquireFileForCcFlush+0x5a
                nt!CcWriteBehindInternal+0x1f3
                nt!CcAsyncLazywriteWorkerThread+0x8e
                nt!ExpWorkerThread+0xdd

                """));
        for (int i = 0; i < 14; i++)
            waiters.Add(application.AddThread(population.TakeTid()).Stack(population.Parse(Acquire + """
                Ntfs!NtfsCommonWrite+0x4ae
                Ntfs!NtfsFsdWrite+0x206
                FLTMGR!FltpDispatch+0x9e
                nt!IopSynchronousServiceTail+0x1a0
                nt!NtWriteFile+0x676
                nt!KiSystemServiceCopyEnd+0x13
                ntdll!NtWriteFile+0x14
                KERNELBASE!WriteFile+0x76

                """ + StandardMachine.UserStart)));
        KernelStruct resource = system.Resources.Add(owner);
        system.Resources.AddWaiters(resource, waiters, [], i => Setup.Seconds(650 - 10 * i));
        // Two shared owners of another resource that nobody waits for.
        system.Resources.Add(null, owner, waiters[0]);
        return setup.Complete(new Truth("stuck-in-driver", filter,
        [
            TruthLink.Of(waiters[0]), TruthLink.Lock(resource.Address), TruthLink.Of(owner), TruthLink.Driver(filter),
        ]));
    }

    /// <summary>A thread waits for its own request at a disk driver; five wait for the mutant that it owns.</summary>
    public static SystemBuilder StuckIo(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "stuck-io");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule module = system.Modules.AddThirdParty("stuckdsk.sys", "Northwind Storage Inc.", "2.0.18.0");
        module.MinimumSize = 0x20000;
        RequestObjects requests = system.Requests;
        KernelStruct disk = requests.Device(requests.Driver(module), @"\Device\StuckDisk0");
        KernelStruct volume = requests.Device(
            requests.Driver(system.Modules.ByName("Ntfs"), @"\FileSystem\Ntfs"), null, 8, disk);
        KernelStruct file = requests.File(disk, @"\data\ledger.db");
        ProcessBuilder process = population.New("ledger.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = process.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!NtReadFile+0x671
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtReadFile+0x14
            KERNELBASE!ReadFile+0x74

            """ + StandardMachine.UserStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(123.4), file.At("Event"));
        system.Objects.WriteDispatcher(file.At("Event"), "EventNotificationObject", 6, 0);
        const byte Read = 3;
        KernelStruct irp = requests.Request(owner, file, Read, volume, disk);
        ulong mutant = system.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\LedgerLock");
        ThreadBuilder[] waiters = new ThreadBuilder[5];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = process.AddThread(population.TakeTid()).Stack(population.Parse(MutantWait))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(120 - 5 * i), mutant);
        return setup.Complete(new Truth("stuck-io", module,
        [
            TruthLink.Of(waiters[0]), TruthLink.Lock(mutant, "LedgerLock"), TruthLink.Of(owner),
            TruthLink.Request(irp.Address), TruthLink.Driver(module),
        ]));
    }
}
