using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// Waits for push locks. Who owns one stands only in the owner's lock entries, which 7601 does not have: there the truth is
/// that it is not recorded.
/// </summary>
internal static class PushLockScenarios
{
    private const int Crowd = 769;

    private const string Acquire = StandardMachine.WaitSingle + """
        nt!ExfAcquirePushLockExclusiveEx+0x7e
        nt!ExAcquirePushLockExclusiveEx+0x1a4

        """;

    private const string Mapping = Acquire + """
        nt!MiMapViewOfSection+0x3a1
        nt!NtMapViewOfSection+0x2bd
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtMapViewOfSection+0x14

        """ + StandardMachine.UserStart;

    private const string InFilter = StandardMachine.WaitSingle + """
        encflt+0x2b18
        encflt+0x61d4
        FLTMGR!FltpPerformPreCallbacks+0x2ea
        FLTMGR!FltpPassThroughInternal+0x88
        FLTMGR!FltpPreFsFilterOperation+0xb3
        nt!FsFilterPerformCallbacks+0xe5
        nt!FsRtlAcquireFileExclusiveCommon+0x12c
        nt!MiCreateSectionCommon+0x4c8
        nt!NtCreateSection+0x5f
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtCreateSection+0x14

        """ + StandardMachine.UserStart;

    /// <summary>769 threads wait for one push lock; its owner is in a filter driver.</summary>
    public static SystemBuilder Crowded(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "pushlock-crowd");
        SystemBuilder system = setup.System;
        ForgedModule filter = AddFilter(system);
        ProcessBuilder process = setup.Population.New("webworker.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = StuckInFilter(setup, process, 905);
        KernelStruct pushLock = system.PushLocks.Add();
        system.PushLocks.AddEntry(owner, pushLock.Address, isOwner: true);
        ThreadBuilder[] waiters = Waiters(setup, process, Crowd);
        system.PushLocks.AddWaiters(pushLock, waiters, i => Setup.Seconds(900 - i));
        return setup.Complete(OwnerKnown(system)
            ? new Truth("stuck-in-driver", filter,
                [TruthLink.Of(waiters[0]), TruthLink.Lock(pushLock.Address), TruthLink.Of(owner), TruthLink.Driver(filter)])
            : Unrecorded(waiters[0], pushLock));
    }

    /// <summary>The owner of a push lock has ended and left it locked, as KERNEL_LOCK_ENTRY_LEAKED finds it in time.</summary>
    public static SystemBuilder Orphan(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "pushlock-orphan");
        SystemBuilder system = setup.System;
        ProcessBuilder process = setup.Population.New("webworker.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = process.AddThread(setup.Population.TakeTid()).Terminated(Setup.Seconds(610));
        KernelStruct pushLock = system.PushLocks.Add();
        system.PushLocks.AddEntry(owner, pushLock.Address, isOwner: true);
        ThreadBuilder[] waiters = Waiters(setup, process, 4);
        system.PushLocks.AddWaiters(pushLock, waiters, i => Setup.Seconds(600 - 10 * i));
        return setup.Complete(OwnerKnown(system)
            ? new Truth("orphaned-lock", null,
                [TruthLink.Of(waiters[0]), TruthLink.Lock(pushLock.Address), TruthLink.Of(owner)])
            : Unrecorded(waiters[0], pushLock));
    }

    /// <summary>
    /// The owner holds more locks than it has entries, so that none names this one; and one waiter has used up its own: its
    /// lock is known by the lock's value alone.
    /// </summary>
    public static SystemBuilder Exhausted(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "pushlock-exhausted");
        SystemBuilder system = setup.System;
        ProcessBuilder process = setup.Population.New("webworker.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = process.AddThread(setup.Population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!CcMapAndCopyInToCache+0x4f1
            nt!CcCopyWriteEx+0xeb
            Ntfs!NtfsCommonWrite+0x4ae
            Ntfs!NtfsFsdWrite+0x206
            nt!IopSynchronousServiceTail+0x1a0
            nt!NtWriteFile+0x676
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtWriteFile+0x14

            """ + StandardMachine.UserStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(75), system.Objects.Event());
        system.PushLocks.Exhaust(owner);
        KernelStruct pushLock = system.PushLocks.Add();
        ThreadBuilder[] waiters = Waiters(setup, process, 6);
        system.PushLocks.AddWaiters(pushLock, waiters, i => Setup.Seconds(70 - i), hasEntry: i => i < waiters.Length - 1);
        system.PushLocks.Exhaust(waiters[^1]);
        return setup.Complete(Unrecorded(waiters[0], pushLock));
    }

    /// <summary>Two readers hold a push lock: one is about to run, the other is in a filter driver.</summary>
    public static SystemBuilder Shared(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "pushlock-shared");
        SystemBuilder system = setup.System;
        ForgedModule filter = AddFilter(system);
        ProcessBuilder process = setup.Population.New("webworker.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder ready = process.AddThread(setup.Population.TakeTid()).Stack(Mapping)
            .State("Ready", Setup.Seconds(0.02));
        ThreadBuilder stuck = StuckInFilter(setup, process, 95);
        KernelStruct pushLock = system.PushLocks.Add();
        system.PushLocks.AddEntry(ready, pushLock.Address, isOwner: true);
        system.PushLocks.AddEntry(stuck, pushLock.Address, isOwner: true);
        ThreadBuilder[] waiters = Waiters(setup, process, 5);
        system.PushLocks.AddWaiters(pushLock, waiters, i => Setup.Seconds(90 - i), readers: 2);
        // Readers of another lock disturb nothing: nobody waits for it.
        KernelStruct quiet = system.PushLocks.Add();
        PushLockObjects.Share(quiet, 2);
        system.PushLocks.AddEntry(ready, quiet.Address, isOwner: true);
        system.PushLocks.AddEntry(waiters[0], quiet.Address, isOwner: true);
        return setup.Complete(OwnerKnown(system)
            ? new Truth("stuck-in-driver", filter,
                [TruthLink.Of(waiters[0]), TruthLink.Lock(pushLock.Address), TruthLink.Of(stuck), TruthLink.Driver(filter)])
            : Unrecorded(waiters[0], pushLock));
    }

    /// <summary>One thread owns a push lock and waits for an ERESOURCE, another the other way round.</summary>
    public static SystemBuilder MixedDeadlock(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "pushlock-resource-deadlock");
        SystemBuilder system = setup.System;
        ProcessBuilder process = setup.Population.New("indexer.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder first = process.AddThread(setup.Population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!ExpWaitForResource+0x6b
            nt!ExAcquireResourceExclusiveLite+0x1d3
            Ntfs!NtfsAcquireForCreateSection+0x5a
            nt!FsRtlAcquireFileExclusiveCommon+0x12c
            nt!NtCreateSection+0x5f
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtCreateSection+0x14

            """ + StandardMachine.UserStart);
        ThreadBuilder second = process.AddThread(setup.Population.TakeTid()).Stack(Acquire + """
            nt!MiLockSectionControlArea+0x41
            nt!MmFlushImageSection+0x7c
            Ntfs!NtfsCommonSetInformation+0x9d1
            nt!NtSetInformationFile+0x4b8
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtSetInformationFile+0x14

            """ + StandardMachine.UserStart);
        KernelStruct resource = system.Resources.Add(second);
        system.Resources.AddWaiters(resource, [first], [], _ => Setup.Seconds(130));
        KernelStruct pushLock = system.PushLocks.Add();
        system.PushLocks.AddEntry(first, pushLock.Address, isOwner: true);
        system.PushLocks.AddWaiters(pushLock, [second], _ => Setup.Seconds(129));
        return setup.Complete(OwnerKnown(system)
            ? new Truth("deadlock", null,
            [
                TruthLink.Of(first), TruthLink.Lock(resource.Address), TruthLink.Of(second),
                TruthLink.Lock(pushLock.Address), TruthLink.Of(first),
            ])
            : new Truth("owner-unknown", null,
            [
                TruthLink.Of(first), TruthLink.Lock(resource.Address), TruthLink.Of(second),
                TruthLink.Lock(pushLock.Address),
            ]));
    }

    private static bool OwnerKnown(SystemBuilder system) => system.PushLocks.HasEntries;

    private static Truth Unrecorded(ThreadBuilder waiter, KernelStruct pushLock) =>
        new("owner-unknown", null, [TruthLink.Of(waiter), TruthLink.Lock(pushLock.Address)]);

    private static ForgedModule AddFilter(SystemBuilder system)
    {
        ForgedModule filter = system.Modules.AddThirdParty("encflt.sys", "Contoso Encryption Ltd.", "7.1.2.3");
        filter.MinimumSize = 0x40000;
        return filter;
    }

    private static ThreadBuilder StuckInFilter(Setup setup, ProcessBuilder process, double age) =>
        process.AddThread(setup.Population.TakeTid()).Stack(InFilter)
            .Waiting("Executive", userMode: false, Setup.Seconds(age), setup.System.Objects.Event());

    private static ThreadBuilder[] Waiters(Setup setup, ProcessBuilder process, int count)
    {
        ThreadBuilder[] waiters = new ThreadBuilder[count];
        for (int i = 0; i < count; i++)
            waiters[i] = process.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse(Mapping));
        return waiters;
    }
}
