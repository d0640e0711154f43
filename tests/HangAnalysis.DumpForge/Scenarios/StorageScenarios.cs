using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// A disk of storport that does not go on, in every way that its queue can tell: the same reader waits for its request each
/// time, and the same second disk of the adapter is well.
/// </summary>
internal static class StorageScenarios
{
    private const uint MassStorage = 0x2d, Controller = 4, Disk = 7;
    private const uint Timeout = 10, ClassTimeout = 60;

    /// <summary>The port driver's queue runs, and its requests are not answered.</summary>
    public static SystemBuilder UnitSilent(KernelLayout layout) => Build(layout, "stor-unit-silent", (storage, unit, irp) =>
    {
        storage.Request(unit, 0, Setup.Seconds(98.25));
        storage.Request(unit, irp, Setup.Seconds(123.375));
        storage.Request(unit, 0, Setup.Seconds(0.5));
        unit.Set("ResetCount", 2);
    });

    /// <summary>The queue is frozen while an error is handled.</summary>
    public static SystemBuilder QueueFrozen(KernelLayout layout) => Build(layout, "stor-queue-frozen", (storage, unit, irp) =>
    {
        storage.Request(unit, irp, Setup.Seconds(123.375)).Set("AbortInProgress", 1);
        unit.Set("IoQueue.DeviceQueue.Frozen", 1).Set("IoQueue.DeviceQueue.PauseCount", 1)
            .Set("IoQueue.DeviceQueue.DeviceCount", 7).Set("ResetCount", 3);
    });

    /// <summary>The disk has as many requests as it takes, all young, and more wait.</summary>
    public static SystemBuilder Saturated(KernelLayout layout) => Build(layout, "stor-saturated", (storage, unit, irp) =>
    {
        for (int i = 0; i < 32; i++)
            storage.Request(unit, i == 0 ? irp : 0, TimeSpan.FromMilliseconds(2000 - 50 * i));
        unit.Set("IoQueue.DeviceQueue.DeviceCount", 41);
    });

    /// <summary>The disk's power state changes for too long.</summary>
    public static SystemBuilder PowerLocked(KernelLayout layout) => Build(layout, "stor-power-locked", (storage, unit, irp) =>
        unit.Set("IoQueue.DeviceQueue.PowerLocked", 1).Set("IoQueue.DeviceQueue.DeviceCount", 5).Set("Flags.PoweringDown", 1));

    /// <summary>As <see cref="UnitSilent"/>, but the PDBs of storport and classpnp have no types.</summary>
    public static SystemBuilder NoTypes(KernelLayout layout) => Build(layout, "stor-no-types",
        (storage, unit, irp) => storage.Request(unit, irp, Setup.Seconds(123.375)), hasTypes: false);

    private static SystemBuilder Build(
        KernelLayout layout, string name, Action<StorageObjects, KernelStruct, ulong> trouble, bool hasTypes = true)
    {
        Setup setup = Setup.Create(layout, name);
        SystemBuilder system = setup.System;
        RequestObjects requests = system.Requests;
        StorageObjects storage = new(system);
        ForgedModule storport = system.Modules.ByName("storport"), classpnp = system.Modules.AddDriver("CLASSPNP.SYS");
        ForgedModule miniport = system.Modules.AddDriver("storahci.sys"), diskDriver = system.Modules.AddDriver("disk.sys");
        if (hasTypes)
            (storport.Types, classpnp.Types) = (storage.PortTypes, storage.ClassTypes);
        KernelStruct port = Driver(system, miniport), disks = Driver(system, diskDriver);
        storage.ServedBy(port, storport);
        storage.ServedBy(disks, classpnp);
        KernelStruct controller = requests.Device(port, @"\Device\RaidPort0", Controller);
        KernelStruct adapter = storage.Adapter(controller, outstanding: 3, most: 64);
        KernelStruct first = requests.Device(port, null, MassStorage), second = requests.Device(port, null, MassStorage);
        KernelStruct unit = storage.Unit(first, adapter, depth: 32, Timeout);
        storage.Unit(second, adapter, depth: 32, Timeout);
        KernelStruct top = requests.Device(disks, @"\Device\Harddisk0\DR0", Disk, first);
        KernelStruct other = requests.Device(disks, @"\Device\Harddisk1\DR1", Disk, second);
        KernelStruct kept = storage.Disk(top, ClassTimeout, errors: 4);
        storage.Disk(other, ClassTimeout, errors: 0);
        (ThreadBuilder[] waiters, ulong mutant, ThreadBuilder owner, KernelStruct irp) =
            RequestScenarios.Reader(setup, RequestScenarios.ReadFile, [top, first]);
        storage.Packet(kept, irp.Address, irp.Address, retries: 7, Setup.Seconds(123.375));
        storage.Packet(kept, 0, 0, retries: 0, default);
        trouble(storage, unit, irp.Address);
        return setup.Complete(new Truth("stuck-io", null,
        [
            TruthLink.Of(waiters[0]), TruthLink.Lock(mutant), TruthLink.Of(owner), TruthLink.Request(irp.Address),
            TruthLink.Driver(miniport),
        ]));
    }

    private static KernelStruct Driver(SystemBuilder system, ForgedModule module)
    {
        KernelStruct driver = system.Requests.Driver(module);
        system.Objects.List(driver.Address, $@"\Driver\{module.Name}");
        return driver;
    }
}
