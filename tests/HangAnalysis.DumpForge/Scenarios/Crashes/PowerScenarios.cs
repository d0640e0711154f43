using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Stops 0x9F: power requests that a driver does not complete.</summary>
internal static class PowerScenarios
{
    private const byte WaitWake = 0, SetPower = 2;
    private const uint D0 = 1, D3 = 4, BusExtender = 0x2a, Network = 0x17, MassStorage = 0x2d, Disk = 7;

    /// <summary>How the power manager's watchdog stops the system.</summary>
    private const string Watchdog = """
        nt!KeBugCheckEx+0x20
        nt!PopIrpWatchdogBugcheck+0xef
        nt!PopIrpWatchdog+0x29
        nt!KiProcessExpiredTimerList+0x172
        nt!KiRetireDpcList+0x4d8
        nt!KiDpcInterrupt+0x2ee
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    /// <summary>What a thread that sends power requests does while it has none.</summary>
    private const string IdleWorker = StandardMachine.WaitSingle + "nt!PopIrpWorker+0x15c\n" + StandardMachine.SystemStart;

    /// <summary>
    /// A third company's network driver has had a request to go to D3 for 300 s; three other devices wait to be woken, and one
    /// has just been asked to power up.
    /// </summary>
    public static SystemBuilder Driver(KernelLayout layout)
    {
        (Setup setup, PowerObjects power, ulong[] parameters) = Create(layout, "power-irp-driver", 3);
        SystemBuilder system = setup.System;
        RequestObjects requests = system.Requests;
        ForgedModule driver = system.Modules.AddThirdParty("acmenic.sys", "Acme Networks Ltd.", "1.9.2.0");
        driver.MinimumSize = 0x20000;
        KernelStruct bus = requests.Driver(system.Modules.AddDriver("pci.sys"));
        KernelStruct pdo = requests.Device(bus, null, BusExtender);
        KernelStruct nic = requests.Device(requests.Driver(driver), @"\Device\AcmeNic0", Network, pdo);
        power.Node(pdo, @"PCI\VEN_1AF4&DEV_1041\3&13c0b0c5&0&18", "acmenic");
        for (int i = 0; i < 3; i++)
        {
            KernelStruct other = requests.Device(bus, null, BusExtender);
            power.Request(WaitWake, D3, Setup.Seconds(7200 + i), other, other);
        }
        KernelStruct irp = power.Request(SetPower, D3, Setup.Seconds(300), pdo, nic);
        KernelStruct busy = requests.Device(bus, null, BusExtender);
        power.Request(SetPower, D0, Setup.Seconds(2), busy, busy);
        power.KeepInSmallDump(nic, pdo, busy);
        (parameters[1], parameters[2], parameters[3]) = (pdo.Address, power.Block, irp.Address);
        return setup.Complete(new Truth("crash", driver, []));
    }

    /// <summary>
    /// The request of a disk is with disk.sys, which only waits for the RAID driver two devices below it; that driver has a
    /// second watched request. After a real case.
    /// </summary>
    public static SystemBuilder BelowDisk(KernelLayout layout)
    {
        (Setup setup, PowerObjects power, ulong[] parameters) = Create(layout, "power-irp-disk", 3);
        SystemBuilder system = setup.System;
        ForgedModule raid = system.Modules.AddThirdParty("acmeraid.sys", "Acme Storage AG", "5.4.0.77");
        raid.MinimumSize = 0x20000;
        (KernelStruct pdo, KernelStruct disk, KernelStruct partition) = DiskStack(system, raid);
        power.Node(pdo, @"SCSI\Disk&Ven_Acme&Prod_Raid_1_Volume\4&1a2b3c4d&0&000000", "disk");
        KernelStruct irp = power.Request(SetPower, D3, Setup.Seconds(300), pdo, partition, disk);
        power.Request(SetPower, D3, Setup.Seconds(300), pdo, pdo);
        (parameters[1], parameters[2], parameters[3]) = (pdo.Address, power.Block, irp.Address);
        return setup.Complete(new Truth("crash", raid, []));
    }

    /// <summary>The same with Windows' own port driver: no driver is accused, but the device is named.</summary>
    public static SystemBuilder MicrosoftDisk(KernelLayout layout)
    {
        (Setup setup, PowerObjects power, ulong[] parameters) = Create(layout, "power-irp-microsoft", 3);
        SystemBuilder system = setup.System;
        (KernelStruct pdo, KernelStruct disk, KernelStruct partition) = DiskStack(system, system.Modules.AddDriver("storahci.sys"));
        power.Node(pdo, @"SCSI\Disk&Ven_Contoso&Prod_SSD\4&2c3d4e5f&0&010000", "disk");
        KernelStruct irp = power.Request(SetPower, D3, Setup.Seconds(120), pdo, partition, disk);
        (parameters[1], parameters[2], parameters[3]) = (pdo.Address, power.Block, irp.Address);
        return setup.Complete(new Truth("crash", null, []));
    }

    /// <summary>
    /// The request is on its way: the thread that sends it is still inside a third company's filter, which the request's
    /// location, a bus driver's, does not show.
    /// </summary>
    public static SystemBuilder InsideDriver(KernelLayout layout)
    {
        (Setup setup, PowerObjects power, ulong[] parameters) = Create(layout, "power-irp-thread", 3);
        SystemBuilder system = setup.System;
        RequestObjects requests = system.Requests;
        ForgedModule filter = system.Modules.AddThirdParty("usbguard.sys", "Tailspin Endpoint", "3.2.11.0");
        filter.MinimumSize = 0x20000;
        KernelStruct pdo = requests.Device(requests.Driver(system.Modules.AddDriver("usbhub.sys")), null, BusExtender);
        KernelStruct hid = requests.Device(requests.Driver(system.Modules.AddDriver("hidusb.sys"), @"\Driver\HidUsb"), null, 0x22, pdo);
        KernelStruct top = requests.Device(requests.Driver(filter), null, 0x22, hid);
        power.Node(pdo, @"USB\VID_04D8&PID_0033\5&46fa7b7&0&1", "HidUsb");
        KernelStruct irp = power.Request(SetPower, D3, Setup.Seconds(600), pdo, top, hid);
        ulong gate = system.Objects.Event();
        ThreadBuilder worker = setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            usbguard+0x2a14
            usbguard+0x1b70
            nt!PopIrpWorker+0x20f

            """ + StandardMachine.SystemStart).Waiting("Executive", userMode: false, Setup.Seconds(600), gate);
        power.Worker(worker, irp, hid);
        ThreadBuilder idle = setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(IdleWorker)
            .Waiting("Executive", userMode: false, Setup.Seconds(3600), system.Objects.Event());
        power.Worker(idle);
        (parameters[1], parameters[2], parameters[3]) = (pdo.Address, power.Block, irp.Address);
        return setup.Complete(new Truth("crash", filter, []));
    }

    /// <summary>
    /// A transition waited ten minutes for Plug and Play: the thread with its lock waits for a mutant, whose owner is stuck in a
    /// third company's driver. That more threads wait elsewhere, in a program, does not matter.
    /// </summary>
    public static SystemBuilder PlugAndPlayLock(KernelLayout layout)
    {
        (Setup setup, _, ulong[] parameters) = Create(layout, "power-pnp-lock", 4);
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("acmescan.sys", "Acme Imaging", "2.0.1.4");
        driver.MinimumSize = 0x20000;
        ThreadBuilder owner = population.System.AddThread(population.TakeTid()).Stack(population.Parse(StandardMachine.WaitSingle + """
            acmescan+0x31c8
            acmescan+0x1f02
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb

            """ + StandardMachine.SystemStart)).Waiting("Executive", userMode: false, Setup.Seconds(640), system.Objects.Event());
        ulong mutant = system.Objects.Mutant(owner);
        ThreadBuilder holder = population.System.AddThread(population.TakeTid()).Stack(population.Parse(StandardMachine.WaitSingle + """
            nt!PnpSurpriseRemoveLockedDeviceNode+0x5c
            nt!PnpProcessQueryRemoveAndEject+0x2d8
            nt!PnpDeviceEventWorker+0x2d8
            nt!ExpWorkerThread+0xdd

            """ + StandardMachine.SystemStart)).Waiting("Executive", userMode: false, Setup.Seconds(620), mutant);
        ProcessBuilder program = population.New("ledger.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder other = program.AddThread(population.TakeTid()).Stack(population.Parse(StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!NtReadFile+0x671
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtReadFile+0x14

            """ + StandardMachine.UserStart)).Waiting("Executive", userMode: false, Setup.Seconds(700), system.Objects.Event());
        ulong ledger = system.Objects.Mutant(other, @"\Sessions\1\BaseNamedObjects\Ledger");
        for (int i = 0; i < 6; i++)
            program.AddThread(population.TakeTid()).Stack(population.Parse(StandardMachine.WaitForObject + StandardMachine.UserStart))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(690 - i), ledger);
        (parameters[1], parameters[2]) = (600, holder.Address);
        return setup.Complete(new Truth("stuck-in-driver", driver,
            [TruthLink.Of(holder), TruthLink.Lock(mutant), TruthLink.Of(owner), TruthLink.Driver(driver)]));
    }

    private static (KernelStruct Pdo, KernelStruct Disk, KernelStruct Partition) DiskStack(SystemBuilder system, ForgedModule port)
    {
        RequestObjects requests = system.Requests;
        KernelStruct pdo = requests.Device(requests.Driver(port), null, MassStorage);
        KernelStruct acpi = requests.Device(requests.Driver(system.Modules.AddDriver("ACPI.sys")), null, 0x32, pdo);
        KernelStruct disk = requests.Device(requests.Driver(system.Modules.AddDriver("disk.sys")), @"\Device\Harddisk0\DR0", Disk, acpi);
        KernelStruct partition = requests.Device(requests.Driver(system.Modules.AddDriver("partmgr.sys")), null, Disk, disk);
        return (pdo, disk, partition);
    }

    private static (Setup Setup, PowerObjects Power, ulong[] Parameters) Create(KernelLayout layout, string identity, ulong type)
    {
        ulong[] parameters = [type, 0, 0, 0];
        Setup setup = Setup.Create(layout, identity, new SystemOptions(layout)
        {
            Processors = 2,
            BugCheckCode = 0x9f,
            BugCheckParameters = parameters,
        });
        setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(Watchdog).RunsOn(0).Priority(12);
        return (setup, new PowerObjects(setup.System), parameters);
    }
}
