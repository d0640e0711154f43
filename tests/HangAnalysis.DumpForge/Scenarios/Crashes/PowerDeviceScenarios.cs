using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>
/// Stops 0x9F that name a device and no request that is overdue: types 1, 2, 5, 6 and 500 (hexadecimal). Which parameter is what
/// follows the documentation of the code.
/// </summary>
internal static class PowerDeviceScenarios
{
    private const uint BusExtender = 0x2a, Network = 0x17;

    private const string Called = """
        nt!KeBugCheckEx+0x20
        nt!PopReportDriverFault+0x3c

        """;

    private const string Worker = """
        nt!PopIrpWorker+0x20f
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    /// <summary>How the watchdog of directed transitions stops the system.</summary>
    private const string Watchdog = """
        nt!KeBugCheckEx+0x20
        nt!PopFxDirectedPowerTimeout+0x5b
        nt!KiProcessExpiredTimerList+0x172
        nt!KiRetireDpcList+0x4d8
        nt!KiDpcInterrupt+0x2ee
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    /// <summary>Type 1: a driver deletes its device while a power request is with it.</summary>
    public static SystemBuilder FreedDevice(KernelLayout layout) => Create(layout, "power-device-freed", 1, Called + "acmenic+0x2c14\n" + Worker,
        (parameters, devices, _) => parameters[1] = devices.Top.Address);

    /// <summary>Type 2: a driver completes a request of the system without starting the next.</summary>
    public static SystemBuilder NextRequest(KernelLayout layout) => Create(layout, "power-device-next", 2, Called + "acmenic+0x2c14\n" + Worker,
        (parameters, devices, driver) =>
            (parameters[1], parameters[2], parameters[3]) = (devices.Physical.Address, devices.Top.Address, driver));

    /// <summary>Type 500: the same, with the device in the last parameter.</summary>
    public static SystemBuilder NextRequestLate(KernelLayout layout) => Create(layout, "power-device-next-500", 0x500,
        Called + "acmenic+0x2c14\n" + Worker,
        (parameters, devices, _) => (parameters[2], parameters[3]) = (devices.Physical.Address, devices.Top.Address));

    /// <summary>Type 5: a device does not complete a directed transition in time.</summary>
    public static SystemBuilder DirectedTimeout(KernelLayout layout) => Create(layout, "power-directed-timeout", 5, Watchdog,
        (parameters, devices, _) => (parameters[1], parameters[2]) = (devices.Physical.Address, devices.Framework));

    /// <summary>Type 6: the callback of a directed transition down failed. The power framework's own structure is all that is named.</summary>
    public static SystemBuilder DirectedCallback(KernelLayout layout) => Create(layout, "power-directed-callback", 6, Watchdog,
        (parameters, devices, _) => (parameters[1], parameters[2]) = (devices.Framework, 1), isNamed: false);

    private static SystemBuilder Create(KernelLayout layout, string identity, ulong type, string stack,
        Action<ulong[], (KernelStruct Physical, KernelStruct Top, ulong Framework), ulong> name, bool isNamed = true)
    {
        ulong[] parameters = [type, 0, 0, 0];
        Setup setup = Setup.Create(layout, identity, new SystemOptions(layout)
        {
            Processors = 2,
            BugCheckCode = 0x9f,
            BugCheckParameters = parameters,
        });
        SystemBuilder system = setup.System;
        RequestObjects requests = system.Requests;
        PowerObjects power = new(system);
        ForgedModule driver = system.Modules.AddThirdParty("acmenic.sys", "Acme Networks Ltd.", "1.9.2.0");
        driver.MinimumSize = 0x20000;
        KernelStruct nic = requests.Driver(driver);
        KernelStruct pdo = requests.Device(requests.Driver(system.Modules.AddDriver("pci.sys")), null, BusExtender);
        KernelStruct top = requests.Device(nic, @"\Device\AcmeNic0", Network, pdo);
        power.Node(pdo, @"PCI\VEN_1AF4&DEV_1041\3&13c0b0c5&0&18", "acmenic");
        power.KeepInSmallDump(top, pdo);
        ulong framework = system.Pool.Take(0x200);
        system.Kernel.Write(framework, new byte[0x200]);
        setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(stack).RunsOn(0).Priority(12);
        name(parameters, (pdo, top, framework), nic.Address);
        return setup.Complete(new Truth("crash", isNamed ? driver : null, []));
    }
}
