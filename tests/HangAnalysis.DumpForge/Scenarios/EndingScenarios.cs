using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Waits for ends that do not come: of processes, of threads, and of what they leave behind.</summary>
internal static class EndingScenarios
{
    private const string WaitStack = StandardMachine.WaitForObject + StandardMachine.UserStart;

    /// <summary>
    /// A process is being ended and is not gone: a thread of it waits for a device's answer, which does not come. Its parent
    /// waits for its end.
    /// </summary>
    public static SystemBuilder ProcessStuck(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "process-end-stuck");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule module = system.Modules.AddThirdParty("scanusb.sys", "Litware Scanners GmbH", "5.3.0.11");
        module.MinimumSize = 0x20000;
        RequestObjects requests = system.Requests;
        KernelStruct device = requests.Device(requests.Driver(module), @"\Device\ScanUsb0", 0x22);
        KernelStruct file = requests.File(device, @"\scan");
        system.Objects.WriteDispatcher(file.At("Event"), "EventNotificationObject", 6, 0);
        ProcessBuilder parent = population.New("scanpanel.exe", 0xc40, 1, 0xc1c);
        ProcessBuilder child = population.New("scanner.exe", 0xc44, 1, 0xc40);
        population.Fill(parent, workers: 1, gui: 1);
        ThreadBuilder waiter = parent.AddThread(population.TakeTid()).Stack(WaitStack)
            .Waiting("UserRequest", userMode: true, Setup.Seconds(45), child.Address);
        child.AddThread(population.TakeTid()).Terminated(Setup.Seconds(44));
        ThreadBuilder stuck = child.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!IopXxxControlFile+0x8d4
            nt!NtDeviceIoControlFile+0x56
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtDeviceIoControlFile+0x14
            KERNELBASE!DeviceIoControl+0x68

            """ + StandardMachine.UserStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(130), file.At("Event")).Ending();
        child.Struct.Set("ProcessDelete", 1);
        const byte DeviceControl = 14;
        KernelStruct irp = requests.Request(stuck, file, DeviceControl, device);
        return setup.Complete(new Truth("stuck-io", module,
        [
            TruthLink.Of(waiter), TruthLink.Of(child), TruthLink.Of(stuck), TruthLink.Request(irp.Address),
            TruthLink.Driver(module),
        ]));
    }

    /// <summary>A build waits for the end of its job, in which one compiler is left: stuck in a filter while it closes a file.</summary>
    public static SystemBuilder JobStuck(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "job-end-stuck");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("buildflt.sys", "Proseware Build Tools", "2.8.0.4");
        driver.MinimumSize = 0x20000;
        ProcessBuilder parent = population.New("builder.exe", 0xc40, 1, 0xc1c);
        ProcessBuilder child = population.New("compiler.exe", 0xc44, 1, 0xc40);
        population.Fill(child, workers: 1);
        KernelStruct job = system.Objects.New("_EJOB", "Job", @"\Sessions\1\BaseNamedObjects\BuildJob");
        system.Objects.WriteDispatcher(job.At("Event"), "EventNotificationObject", 6, 0);
        job.EmptyLists("ProcessListHead");
        job.Set("ActiveProcesses", 1);
        child.Struct.Set("Job", job.Address);
        system.Kernel.AppendToList(job.At("ProcessListHead"), child.Struct.At("JobLinks"));
        ThreadBuilder waiter = parent.AddThread(population.TakeTid()).Stack(WaitStack)
            .Waiting("UserRequest", userMode: true, Setup.Seconds(300), job.Address);
        ThreadBuilder stuck = child.AddThread(population.TakeTid()).Stack(AlpcStates.StuckClose("buildflt"))
            .Waiting("Executive", userMode: false, Setup.Seconds(310), system.Objects.Event());
        return setup.Complete(new Truth("stuck-in-driver", driver,
            [TruthLink.Of(waiter), TruthLink.Of(child), TruthLink.Of(stuck), TruthLink.Driver(driver)]));
    }

    /// <summary>
    /// After a published case (dumpanalysis.org, part 42f): a message's chain ends in a thread that waits for the end of a
    /// process, one thread of which is stuck in a driver.
    /// </summary>
    public static SystemBuilder WaitsForProcess(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "alpc-waits-for-process");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("instflt.sys", "Adatum Installers", "3.3.1.0");
        driver.MinimumSize = 0x20000;
        ProcessBuilder client = population.New("setupui.exe", 0xc40, 1, 0xc1c);
        ProcessBuilder service = population.New("installsvc.exe", 0x714, 0, 0x240);
        ProcessBuilder child = population.New("instaction.exe", 0x718, 0, 0x714);
        population.Fill(service, workers: 2);
        population.Fill(child, workers: 1, objects: 1);
        ThreadBuilder waiter = client.AddThread(population.TakeTid()).Stack(StandardMachine.AlpcWait + StandardMachine.UserStart);
        ThreadBuilder serving = service.AddThread(population.TakeTid())
            .Stack(StandardMachine.WaitForObject + StandardMachine.RpcServer)
            .Waiting("UserRequest", userMode: true, Setup.Seconds(610), child.Address);
        ThreadBuilder stuck = child.AddThread(population.TakeTid()).Stack(AlpcStates.StuckClose("instflt"))
            .Waiting("Executive", userMode: false, Setup.Seconds(600), system.Objects.Event());
        AlpcObjects alpc = system.Alpc;
        ulong message = alpc.Request(
            alpc.Connect(client, service, alpc.ConnectionPort(service, @"\RPC Control\installsvc")), waiter, serving,
            Setup.Seconds(611));
        return setup.Complete(new Truth("stuck-in-driver", driver,
        [
            TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(serving), TruthLink.Of(child),
            TruthLink.Of(stuck), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>A thread waits for the end of another, which was asked to end and is stuck in a driver.</summary>
    public static SystemBuilder ThreadStuck(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "thread-end-stuck");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("recflt.sys", "Proseware Recorders", "2.2.0.7");
        driver.MinimumSize = 0x20000;
        ProcessBuilder process = population.New("recorder.exe", 0xc40, 1, 0xc1c);
        population.Fill(process, workers: 2, gui: 1);
        ThreadBuilder stuck = process.AddThread(population.TakeTid()).Stack(AlpcStates.StuckClose("recflt"))
            .Waiting("Executive", userMode: false, Setup.Seconds(77), system.Objects.Event()).Ending();
        ThreadBuilder waiter = process.AddThread(population.TakeTid()).Stack(WaitStack)
            .Waiting("UserRequest", userMode: true, Setup.Seconds(70), stuck.Address);
        return setup.Complete(new Truth("stuck-in-driver", driver,
            [TruthLink.Of(waiter), TruthLink.Of(stuck), TruthLink.Driver(driver)]));
    }

    /// <summary>The owner of a mutant is gone without a trace: the mutant names memory that is no thread any more.</summary>
    public static SystemBuilder OwnerGone(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "mutant-owner-gone");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ulong mutant = system.Objects.Mutant(null, @"\BaseNamedObjects\LicenceCounter");
        KernelStruct gone = system.NewStruct("_KEVENT");
        system.Struct("_KMUTANT", mutant).Set("OwnerThread", gone.Address);
        system.Struct("_DISPATCHER_HEADER", mutant).Set("SignalState", 0);
        ProcessBuilder process = population.New("licences.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder[] waiters = new ThreadBuilder[2];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = process.AddThread(population.TakeTid()).Stack(population.Parse(WaitStack))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(333 - i), mutant);
        return setup.Complete(new Truth("orphaned-lock", null,
            [TruthLink.Of(waiters[0]), TruthLink.Lock(mutant, "LicenceCounter")]));
    }
}
