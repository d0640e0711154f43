using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Threads that wait for pages, and disks that do not deliver them.</summary>
internal static class PagingScenarios
{
    private const string PageIn = StandardMachine.WaitSingle + """
        nt!MiWaitForInPageComplete+0x83
        nt!MiIssueHardFault+0x1a2
        nt!MmAccessFault+0x3b8

        """;

    private static readonly string[] s_victims = ["csrss.exe", "services.exe", "lsass.exe", "dwm.exe", "winlogon.exe"];

    /// <summary>
    /// The disk completes nothing. One page read is what the port driver's device works on, three wait in its queue, and one
    /// more is only on the stack of its thread; one fault waits for another's read.
    /// </summary>
    public static SystemBuilder StuckDisk(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "pagein-disk");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule port = system.Modules.AddDriver("storahci.sys");
        KernelStruct[] stack = RequestScenarios.DiskStack(setup, port);
        KernelStruct file = system.Requests.File(stack[0], @"\pagefile.sys");
        List<KernelStruct> reads = [];
        List<ThreadBuilder> threads = [];
        for (int i = 0; i < s_victims.Length; i++)
        {
            ulong awaited = system.NewStruct("_KEVENT").Address;
            system.Objects.WriteDispatcher(awaited, "EventNotificationObject", 6, 0);
            threads.Add(Victim(setup, s_victims[i], 300 - 10 * i, awaited));
            reads.Add(system.Requests.PageRead(threads[i], file, awaited, stack));
            if (i == 1)
                Victim(setup, "spoolsv2.exe", 200, awaited);
        }
        system.StackValues.Add((threads[^1], 4, reads[^1].Address));
        system.Requests.StartIo(stack[^1], reads[0], reads[1], reads[2], reads[3]);
        // An ordinary read leads to the device.
        ProcessBuilder process = population.New("ledger.exe", 0xc40, 1, 0xc1c);
        KernelStruct data = system.Requests.File(stack[0], @"\data\ledger.db");
        ThreadBuilder reader = process.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!NtReadFile+0x671
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtReadFile+0x14

            """ + StandardMachine.UserStart).Waiting("Executive", userMode: false, Setup.Seconds(290), data.At("Event"));
        system.Objects.WriteDispatcher(data.At("Event"), "EventNotificationObject", 6, 0);
        system.Requests.Request(reader, data, 3, stack);
        return setup.Complete(new Truth("stuck-io", null,
            [TruthLink.Of(threads[0]), TruthLink.Request(reads[0].Address), TruthLink.Driver(port)]));
    }

    /// <summary>Everybody waits for pages, and no request is anywhere that could be looked at.</summary>
    public static SystemBuilder Unrecorded(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "pagein-unrecorded");
        ThreadBuilder[] victims = Array.ConvertAll(s_victims, name => Victim(setup, name,
            300 - 10 * Array.IndexOf(s_victims, name), setup.System.Objects.Event(isNotification: true)));
        return setup.Complete(new Truth("stuck-io", null, [TruthLink.Of(victims[0]), new TruthLink("driver", 0, "")]));
    }

    /// <summary>A healthy system at work: page reads and file reads that have just begun.</summary>
    public static SystemBuilder Busy(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "io-busy");
        SystemBuilder system = setup.System;
        KernelStruct[] stack = RequestScenarios.DiskStack(setup, system.Modules.AddDriver("storahci.sys"));
        for (int i = 0; i < s_victims.Length; i++)
            Victim(setup, s_victims[i], 0.03, system.Objects.Event(isNotification: true));
        KernelStruct data = system.Requests.File(stack[0], @"\data\ledger.db");
        ThreadBuilder reader = Victim(setup, "ledger.exe", 0.02, data.At("Event"));
        system.Objects.WriteDispatcher(data.At("Event"), "EventNotificationObject", 6, 0);
        system.Requests.Request(reader, data, 3, stack);
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>
    /// Nearly no page is free, since the one thread that writes modified pages does not come out of a third company's filter
    /// in the paging path.
    /// </summary>
    public static SystemBuilder PageWriter(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "page-writer-filter", new SystemOptions(layout)
        {
            Processors = 2,
            Memory = new MemoryCounters(4194156, 212, 4400000, 8912592),
        });
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule filter = system.Modules.AddThirdParty("cryptdsk.sys", "Contoso Encryption Ltd.", "2.2.0.9");
        filter.MinimumSize = 0x20000;
        ThreadBuilder writer = population.System.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            cryptdsk+0x2140
            cryptdsk+0x31d8
            nt!IoAsynchronousPageWrite+0x1a0
            nt!MiGatherPagefilePages+0x5c4
            nt!MiModifiedPageWriter+0x1aa

            """ + StandardMachine.SystemStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(70), system.Objects.Event());
        ThreadBuilder? first = null;
        for (int i = 0; i < 4; i++)
        {
            ThreadBuilder victim = population.New($"app{i}.exe", 0xc40 + 0x10 * (uint)i, 1, 0xc1c).AddThread(population.TakeTid())
                .Stack(population.Parse(StandardMachine.WaitSingle + """
                    nt!MiWaitForFreePage+0x1c4
                    nt!MiResolveDemandZeroFault+0x38a
                    nt!MmAccessFault+0x8b3
                    nt!MmProbeAndLockPages+0x6d1
                    nt!NtReadFile+0x671
                    nt!KiSystemServiceCopyEnd+0x13
                    ntdll!NtReadFile+0x14

                    """ + StandardMachine.UserStart))
                .Waiting("WrFreePage", userMode: false, Setup.Seconds(60 - 5 * i), system.Objects.Event(isNotification: true));
            first ??= victim;
        }
        return setup.Complete(new Truth("stuck-in-driver", filter,
            [TruthLink.Of(first!), TruthLink.Of(writer), TruthLink.Driver(filter)]));
    }

    private static ThreadBuilder Victim(Setup setup, string process, double seconds, ulong awaited)
    {
        Population population = setup.Population;
        ProcessBuilder owner = setup.System.Processes.FirstOrDefault(p => p.Name == process)
            ?? population.New(process, 0xd00, 1, 0x240);
        return owner.AddThread(population.TakeTid()).Stack(population.Parse(PageIn + """
            nt!NtQueryInformationProcess+0x1b0
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtQueryInformationProcess+0x14

            """ + StandardMachine.UserStart)).Waiting("WrPageIn", userMode: false, Setup.Seconds(seconds), awaited);
    }
}
