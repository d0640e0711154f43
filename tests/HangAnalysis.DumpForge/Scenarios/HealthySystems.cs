using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Systems in which much waits and nothing hangs: what each has would be a hang if it lasted, or had an owner.</summary>
internal static class HealthySystems
{
    private const string WaitStack = StandardMachine.WaitForObject + StandardMachine.UserStart;

    private const string ServerStack = StandardMachine.WaitForObject + StandardMachine.RpcServer;

    /// <summary>Many idle workers of many kinds.</summary>
    public static SystemBuilder IdleWorkers(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "healthy-workers");
        Population population = setup.Population;
        for (uint i = 0; i < 8; i++)
            population.Fill(population.New("w3wp.exe", 0x1004 + 4 * i, 0, 0x240), workers: 220, objects: 6, multiple: 6,
                receivers: 10);
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>
    /// A service is being stopped: its host is being ended, the service manager waits for that and for an answer of a second,
    /// and nothing has lasted.
    /// </summary>
    public static SystemBuilder ServiceStopping(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "healthy-service-stopping");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder services = system.Processes.First(process => process.Name == "services.exe");
        ProcessBuilder ending = population.Svchost(0x3a4, "LocalService"), stopping = population.New("printsvc.exe", 0x3b0, 0, 0x240);
        population.Fill(ending, workers: 1);
        population.Fill(stopping, workers: 3, objects: 1);
        ending.Struct.Set("ProcessDelete", 1);
        ending.AddThread(population.TakeTid()).Terminated(Setup.Seconds(1));
        ending.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14

            """ + StandardMachine.UserStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(0.2), system.Objects.Event()).Ending();
        // The service manager has waited for the end of the host since it started it.
        services.AddThread(population.TakeTid()).Stack(population.Parse(WaitStack))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(86400), ending.Address);
        ThreadBuilder control = services.AddThread(population.TakeTid()).Stack(StandardMachine.AlpcWait + StandardMachine.RpcServer);
        ThreadBuilder handler = stopping.AddThread(population.TakeTid()).Stack(population.Parse(ServerStack))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(1.8), system.Objects.Event());
        AlpcObjects alpc = system.Alpc;
        alpc.Request(alpc.Connect(services, stopping, alpc.ConnectionPort(stopping, @"\RPC Control\printsvc")), control, handler,
            Setup.Seconds(2));
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>Programs wait for programs that they have started, which wait for their user, for hours.</summary>
    public static SystemBuilder WaitsForChild(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "healthy-waits-for-child");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule console = system.Modules.AddDriver("condrv.sys");
        ProcessBuilder shell = population.New("cmd.exe", 0xc40, 1, 0xc1c), child = population.New("python.exe", 0xc44, 1, 0xc40);
        population.Fill(child, workers: 2);
        shell.AddThread(population.TakeTid()).Stack(population.Parse(WaitStack))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(9000), child.Address);
        RequestObjects requests = system.Requests;
        KernelStruct device = requests.Device(requests.Driver(console), @"\Device\ConDrv", 0x50);
        KernelStruct file = requests.File(device, @"\Input");
        system.Objects.WriteDispatcher(file.At("Event"), "EventNotificationObject", 6, 0);
        // It reads what its user types: a request that is pending until then.
        ThreadBuilder reads = child.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!IopXxxControlFile+0x8d4
            nt!NtDeviceIoControlFile+0x56
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtDeviceIoControlFile+0x14
            KERNELBASE!ReadConsoleW+0x1d1

            """ + StandardMachine.UserStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(8800), file.At("Event"));
        requests.Request(reads, file, 14, device);
        // And a thread waits for one that works for it.
        ThreadBuilder works = child.AddThread(population.TakeTid()).Stack(population.Parse(WaitStack))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(600), system.Objects.Event());
        child.AddThread(population.TakeTid()).Stack(population.Parse(WaitStack))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(8700), works.Address);
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>
    /// Many clients wait for answers, none for five seconds: some are being served, some in the queue of a pool that is busy.
    /// </summary>
    public static SystemBuilder ShortMessages(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "healthy-short-messages");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder server = population.New("directory.exe", 0x714, 0, 0x240);
        ulong queue = system.Objects.Queue(maximum: 6);
        KernelStruct port = system.Alpc.ConnectionPort(server, @"\RPC Control\directory").Set("CompletionPort", queue);
        FrameList client = population.Parse(StandardMachine.AlpcWait + StandardMachine.UserStart);
        ThreadBuilder[] pool = new ThreadBuilder[6];
        for (int i = 0; i < pool.Length; i++)
        {
            pool[i] = server.AddThread(population.TakeTid()).Stack(population.Parse(ServerStack))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(0.1 + 0.3 * i), system.Objects.Event());
            system.Alpc.Serve(queue, pool[i]);
        }
        for (uint i = 0; i < 10; i++)
        {
            ProcessBuilder process = population.New("client.exe", 0x1004 + 4 * i, 1, 0xc1c);
            AlpcConnection connection = system.Alpc.Connect(process, server, port);
            for (int k = 0; k < 4; k++)
                system.Alpc.Request(connection, process.AddThread(population.TakeTid()).Stack(client),
                    k == 0 && i < pool.Length ? pool[i] : null, Setup.Seconds(0.4 + 0.11 * (4 * i + (uint)k)));
        }
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>Servers whose pools have nothing to do: ports with completion queues that are empty, for days.</summary>
    public static SystemBuilder IdlePools(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "healthy-idle-pools");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        for (uint i = 0; i < 6; i++)
        {
            ProcessBuilder server = population.Svchost(0x1104 + 4 * i, "netsvcs");
            population.Fill(server, workers: 10, receivers: 2);
            for (int k = 0; k < 3; k++)
                system.Alpc.ConnectionPort(server, $@"\RPC Control\service{i}{k}").Set("CompletionPort", server.Queue);
        }
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>
    /// A busy server: requests to disks have been under way for up to seconds, a resource is contended for half a second,
    /// requests that drivers keep on purpose are hours old, and a lock's owner has been on a processor since long.
    /// </summary>
    public static SystemBuilder BusyServer(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "healthy-busy-server");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule disk = system.Modules.AddThirdParty("raidctl.sys", "Northwind Storage Inc.", "7.0.1.0");
        disk.MinimumSize = 0x20000;
        RequestObjects requests = system.Requests;
        KernelStruct device = requests.Device(requests.Driver(disk), @"\Device\RaidDisk0");
        KernelStruct volume = requests.Device(requests.Driver(system.Modules.ByName("Ntfs"), @"\FileSystem\Ntfs"), null, 8, device);
        ProcessBuilder server = population.New("sqlservr.exe", 0x714, 0, 0x240);
        population.Fill(server, workers: 12, objects: 4, multiple: 2);
        const string Read = StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!NtReadFile+0x671
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtReadFile+0x14
            KERNELBASE!ReadFile+0x74

            """ + StandardMachine.UserStart;
        const string Listen = StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!IopXxxControlFile+0x8d4
            nt!NtFsControlFile+0x56
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtFsControlFile+0x14
            KERNELBASE!ConnectNamedPipe+0x6a

            """ + StandardMachine.UserStart;
        for (int i = 0; i < 12; i++)
        {
            bool listens = i >= 8;
            KernelStruct file = requests.File(listens ? volume : device, listens ? @"\pipe" : @"\data\rows.mdf");
            system.Objects.WriteDispatcher(file.At("Event"), "EventNotificationObject", 6, 0);
            ThreadBuilder thread = server.AddThread(population.TakeTid()).Stack(population.Parse(listens ? Listen : Read))
                .Waiting("Executive", userMode: false, Setup.Seconds(listens ? 7200 : 0.3 + 0.5 * i), file.At("Event"));
            if (listens)
                requests.Request(thread, file, 13, volume);
            else
                requests.Request(thread, file, 3, volume, device);
        }
        ThreadBuilder writer = server.AddThread(population.TakeTid()).Stack(population.Parse(Read))
            .Waiting("Executive", userMode: false, Setup.Seconds(0.1), system.Objects.Event());
        KernelStruct resource = system.Resources.Add(writer);
        List<ThreadBuilder> waiters = [];
        for (int i = 0; i < 5; i++)
            waiters.Add(server.AddThread(population.TakeTid()).Stack(population.Parse(StandardMachine.WaitSingle + """
                nt!ExpWaitForResource+0x6b
                nt!ExAcquireResourceExclusiveLite+0x1d3
                Ntfs!NtfsCommonWrite+0x4ae
                Ntfs!NtfsFsdWrite+0x206
                nt!IopSynchronousServiceTail+0x1a0
                nt!NtWriteFile+0x676
                nt!KiSystemServiceCopyEnd+0x13
                ntdll!NtWriteFile+0x14

                """ + StandardMachine.UserStart)));
        system.Resources.AddWaiters(resource, waiters, [], i => Setup.Seconds(0.5 - 0.05 * i));
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>A program's windows: idle message loops, and a message that was sent a moment ago.</summary>
    public static SystemBuilder WindowMessages(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "healthy-window-messages");
        Population population = setup.Population;
        ProcessBuilder editor = population.New("editor.exe", 0xc40, 1, 0xc1c), tray = population.New("tray.exe", 0xc44, 1, 0xc1c);
        population.Fill(editor, workers: 2, gui: 3);
        population.Fill(tray, gui: 1);
        UserLockScenarios.Send(
            editor.AddThread(population.TakeTid()), Setup.Seconds(0.3), setup.System.Objects.Event());
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>
    /// Programs' own locks: conditions that are awaited for hours, as idle programs do, and a critical section that has been
    /// contended for a moment.
    /// </summary>
    public static SystemBuilder ProgramLocks(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "healthy-program-locks");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule program = system.Modules.AddUser("ledger.exe");
        ProcessBuilder process = population.New("ledger.exe", 0xc40, 1, 0xc1c);
        process.Executable = program;
        UserLocks locks = new(system);
        ThreadBuilder owner = process.AddThread(population.TakeTid()).Stack(population.Parse(WaitStack))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(0.1), system.Objects.Event());
        ulong section = locks.CriticalSection(process, owner.Tid, waiters: 1, hasDebugInfo: true);
        const string Callers = "ledger!CQueue::Pop+0x41\n" + StandardMachine.UserStart;
        locks.WaitFor(process.AddThread(population.TakeTid()), section, Callers, Setup.Seconds(0.4));
        for (int i = 0; i < 6; i++)
            locks.WaitForCondition(process.AddThread(population.TakeTid()), Callers, Setup.Seconds(40 + 3000 * i));
        return setup.Complete(Truth.NoHang);
    }
}
