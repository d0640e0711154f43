using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Requests that do not come back, in every place where a request can be.</summary>
internal static class RequestScenarios
{
    private const byte Read = 3, FileSystemControl = 13;
    private const uint MassStorage = 0x2d, Disk = 7, DiskFileSystem = 8, NetworkFileSystem = 0x14;

    internal const string ReadFile = StandardMachine.WaitSingle + """
        nt!IopSynchronousServiceTail+0x275
        nt!NtReadFile+0x671
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtReadFile+0x14
        KERNELBASE!ReadFile+0x74

        """ + StandardMachine.UserStart;

    /// <summary>A request has gone down four devices, to a third company's port driver.</summary>
    public static SystemBuilder FourDevices(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "io-four-devices");
        ForgedModule port = setup.System.Modules.AddThirdParty("vendsas.sys", "Tailspin Controllers", "1.30.4.0");
        port.MinimumSize = 0x20000;
        KernelStruct[] stack = DiskStack(setup, port);
        (ThreadBuilder[] waiters, ulong mutant, ThreadBuilder owner, KernelStruct irp) = Reader(setup, ReadFile, stack);
        return setup.Complete(new Truth("stuck-io", port,
            [TruthLink.Of(waiters[0]), TruthLink.Lock(mutant), TruthLink.Of(owner), TruthLink.Request(irp.Address), TruthLink.Driver(port)]));
    }

    /// <summary>The same with Windows' own drivers all the way: the disk does not answer, and no driver is accused.</summary>
    public static SystemBuilder MicrosoftStorage(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "io-microsoft-storage");
        ForgedModule port = setup.System.Modules.AddDriver("storahci.sys");
        KernelStruct[] stack = DiskStack(setup, port);
        (ThreadBuilder[] waiters, ulong mutant, ThreadBuilder owner, KernelStruct irp) = Reader(setup, ReadFile, stack);
        return setup.Complete(new Truth("stuck-io", null,
            [TruthLink.Of(waiters[0]), TruthLink.Lock(mutant), TruthLink.Of(owner), TruthLink.Request(irp.Address), TruthLink.Driver(port)]));
    }

    /// <summary>The reader was alerted and has cancelled its request; the driver keeps it.</summary>
    public static SystemBuilder Cancelled(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "irp-cancelled");
        ForgedModule module = setup.System.Modules.AddThirdParty("tapedrv.sys", "Litware Archive", "5.0.3.1");
        module.MinimumSize = 0x20000;
        RequestObjects requests = setup.System.Requests;
        KernelStruct tape = requests.Device(requests.Driver(module), @"\Device\Tape0", Disk);
        (ThreadBuilder[] waiters, ulong mutant, ThreadBuilder owner, KernelStruct irp) = Reader(setup,
            StandardMachine.WaitSingle + "nt!IopCancelAlertedRequest+0x8d\n" + ReadFile[StandardMachine.WaitSingle.Length..], [tape]);
        requests.Cancel(irp);
        return setup.Complete(new Truth("stuck-io", module,
            [TruthLink.Of(waiters[0]), TruthLink.Lock(mutant), TruthLink.Of(owner), TruthLink.Request(irp.Address), TruthLink.Driver(module)]));
    }

    /// <summary>A thread waits for a request that no driver has.</summary>
    public static SystemBuilder Nobody(KernelLayout layout) => WithoutDriver(layout, "irp-nobody", (requests, irp) => requests.TakeBack(irp));

    /// <summary>A thread waits for a request that is completed: what should tell it has not run.</summary>
    public static SystemBuilder Completed(KernelLayout layout) => WithoutDriver(layout, "irp-completed", (requests, irp) => requests.Complete(irp));

    /// <summary>
    /// After a published file server hang: a worker of the server waits, by a request, for a service in user mode that the
    /// namespace driver asks; it owns a resource that the other workers wait for. The service has requests of its own there
    /// by which it would be told of work; two of them hang on its file, which has a completion port.
    /// </summary>
    public static SystemBuilder UserModeService(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "io-user-service");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        system.Modules.AddDriver("srv2.sys");
        ForgedModule dfs = system.Modules.AddDriver("dfs.sys");
        RequestObjects requests = system.Requests;
        KernelStruct device = requests.Device(requests.Driver(dfs, @"\FileSystem\DfsDriver"), @"\Dfs", NetworkFileSystem);
        ProcessBuilder service = population.New("dfssvc.exe", 0x6f0, 0, 0x240);
        population.Fill(service, workers: 2);
        KernelStruct own = requests.File(device, @"\Dfs\Control");
        ThreadBuilder listener = service.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!IopXxxControlFile+0x8d4
            nt!NtFsControlFile+0x56
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtFsControlFile+0x14

            """ + StandardMachine.UserStart).Waiting("Executive", userMode: false, Setup.Seconds(40000), own.At("Event"));
        system.Objects.WriteDispatcher(own.At("Event"), "EventNotificationObject", 6, 0);
        requests.Request(listener, own, FileSystemControl, device);
        requests.FileRequest(listener, own, FileSystemControl, device);
        requests.FileRequest(listener, own, FileSystemControl, device);

        KernelStruct file = requests.File(device, @"\Root\Public");
        ThreadBuilder owner = population.System.AddThread(population.TakeTid()).Stack(population.Parse(StandardMachine.WaitSingle + """
            nt!IopXxxControlFile+0x8d4
            nt!NtFsControlFile+0x56
            srv2!Srv2ReferToDfs+0x94
            srv2!Srv2ExecuteCreate+0x3b2
            srv2!SrvProcWorkerThread+0x118

            """ + StandardMachine.SystemStart)).Waiting("Executive", userMode: false, Setup.Seconds(912), file.At("Event"));
        system.Objects.WriteDispatcher(file.At("Event"), "EventNotificationObject", 6, 0);
        KernelStruct irp = requests.Request(owner, file, FileSystemControl, device);
        ThreadBuilder[] waiters = new ThreadBuilder[4];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = population.System.AddThread(population.TakeTid()).Stack(population.Parse(ResourceCases.Shared + """
                srv2!Srv2ExecuteCreate+0x1c0
                srv2!SrvProcWorkerThread+0x118

                """ + StandardMachine.SystemStart));
        KernelStruct resource = system.Resources.Add(owner);
        system.Resources.AddWaiters(resource, [], waiters, i => Setup.Seconds(900 - 30 * i));
        return setup.Complete(new Truth("stuck-io", null,
        [
            TruthLink.Of(waiters[0]), TruthLink.Lock(resource.Address), TruthLink.Of(owner), TruthLink.Request(irp.Address),
            TruthLink.Driver(dfs),
        ]));
    }

    /// <summary>Four devices, highest first; the lowest is the given driver's.</summary>
    internal static KernelStruct[] DiskStack(Setup setup, ForgedModule port)
    {
        RequestObjects requests = setup.System.Requests;
        ModuleSet modules = setup.System.Modules;
        KernelStruct lowest = requests.Device(requests.Driver(port), null, MassStorage);
        KernelStruct disk = requests.Device(requests.Driver(modules.AddDriver("disk.sys")), @"\Device\Harddisk0\DR0", Disk, lowest);
        KernelStruct filter = requests.Device(requests.Driver(modules.AddDriver("partmgr.sys")), null, Disk, disk);
        KernelStruct top = requests.Device(requests.Driver(modules.AddDriver("volsnap.sys")), null, Disk, filter);
        return [top, filter, disk, lowest];
    }

    private static SystemBuilder WithoutDriver(KernelLayout layout, string name, Action<RequestObjects, KernelStruct> change)
    {
        Setup setup = Setup.Create(layout, name);
        RequestObjects requests = setup.System.Requests;
        KernelStruct volume = requests.Device(
            requests.Driver(setup.System.Modules.ByName("Ntfs"), @"\FileSystem\Ntfs"), null, DiskFileSystem);
        (ThreadBuilder[] waiters, ulong mutant, ThreadBuilder owner, KernelStruct irp) = Reader(setup, ReadFile, [volume]);
        change(requests, irp);
        return setup.Complete(new Truth("stuck-io", null,
            [TruthLink.Of(waiters[0]), TruthLink.Lock(mutant), TruthLink.Of(owner), TruthLink.Request(irp.Address)]));
    }

    /// <summary>A thread that reads a file and owns a mutant, for which three others wait.</summary>
    internal static (ThreadBuilder[] Waiters, ulong Mutant, ThreadBuilder Owner, KernelStruct Irp) Reader(
        Setup setup, string stack, KernelStruct[] devices)
    {
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        KernelStruct file = system.Requests.File(devices[0], @"\data\ledger.db");
        ProcessBuilder process = population.New("ledger.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = process.AddThread(population.TakeTid()).Stack(stack)
            .Waiting("Executive", userMode: false, Setup.Seconds(123.4), file.At("Event"));
        system.Objects.WriteDispatcher(file.At("Event"), "EventNotificationObject", 6, 0);
        KernelStruct irp = system.Requests.Request(owner, file, Read, devices);
        ulong mutant = system.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\LedgerLock");
        ThreadBuilder[] waiters = new ThreadBuilder[3];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = process.AddThread(population.TakeTid())
                .Stack(population.Parse(StandardMachine.WaitForObject + StandardMachine.UserStart))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(120 - 5 * i), mutant);
        return (waiters, mutant, owner, irp);
    }
}
