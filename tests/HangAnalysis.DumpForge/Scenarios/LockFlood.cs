using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// A large file server that hangs: N threads, five times as many ERESOURCEs, and a wait for every fourth thread, in chains
/// of up to eight locks that end in one driver.
/// </summary>
internal static class LockFlood
{
    public const int DefaultThreads = 2000;
    private const int ThreadsPerProcess = 100, ResourcesPerThread = 5, ThreadsPerWait = 4, ChainLength = 8;

    public static SystemBuilder Build(KernelLayout layout, int threads)
    {
        Setup setup = Setup.Create(layout, "locks", new SystemOptions(layout) { Processors = 4 });
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("floodflt.sys", "Tailspin Backup AG", "9.0.4.1");
        driver.MinimumSize = 0x10000;
        ProcessBuilder server = population.New("storeserver.exe", 0xc08, 0, 0x240);
        ThreadBuilder stuck = server.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            floodflt+0x2044
            floodflt+0x3a18
            FLTMGR!FltpDispatch+0xb6
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14
            KERNELBASE!CloseHandle+0x62

            """ + StandardMachine.UserStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(2000), system.Objects.Event());
        FrameList waiting = system.Frames(StandardMachine.WaitSingle + """
            nt!ExpWaitForResource+0x6b
            nt!ExAcquireResourceExclusiveLite+0x1d3
            Ntfs!NtfsCommonWrite+0x4ae
            Ntfs!NtfsFsdWrite+0x206
            nt!IopSynchronousServiceTail+0x1a0
            nt!NtWriteFile+0x676
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtWriteFile+0x14
            KERNELBASE!WriteFile+0x76

            """ + StandardMachine.UserStart);
        FrameList idle = system.Frames(StandardMachine.WaitForObject + StandardMachine.UserStart);
        List<TruthLink> links = [TruthLink.Driver(driver), TruthLink.Of(stuck)];
        ThreadBuilder owner = stuck;
        int inChain = 0, contended = 0;
        ProcessBuilder? process = null;
        for (int i = 0; i < threads; i++)
        {
            if (i % ThreadsPerProcess == 0)
                process = population.New("worker.exe", 0x1004 + 4 * (uint)(i / ThreadsPerProcess), 1, 0xc1c);
            ThreadBuilder thread = process!.AddThread(population.TakeTid());
            if (i % ThreadsPerWait != 0)
            {
                thread.Stack(idle).Waiting("UserRequest", userMode: true, Setup.Seconds(i * 37 % 3600), system.Objects.Event());
                continue;
            }
            KernelStruct resource = system.Resources.Add(owner);
            // The first chain has waited longest, so that it is the one that is told.
            double age = 1900 - contended * 0.01;
            system.Resources.AddWaiters(resource, [thread.Stack(waiting)], [], _ => Setup.Seconds(age));
            contended++;
            if (contended <= ChainLength)
                links.AddRange([TruthLink.Lock(resource.Address), TruthLink.Of(thread)]);
            inChain = (inChain + 1) % ChainLength;
            owner = inChain == 0 ? stuck : thread;
        }
        system.Resources.AddUncontended(threads * ResourcesPerThread - contended);
        links.Reverse();
        return setup.Complete(new Truth("stuck-in-driver", driver, links));
    }
}
