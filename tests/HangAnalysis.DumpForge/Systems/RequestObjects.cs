namespace HangAnalysis.DumpForge.Systems;

/// <summary>Drivers, devices, files, and I/O requests on their way.</summary>
public sealed class RequestObjects
{
    private readonly SystemBuilder _system;
    private readonly Dictionary<ForgedModule, ulong> _drivers = [];

    internal RequestObjects(SystemBuilder system) => _system = system;

    /// <summary>A driver object of a module, as \Driver\NAME.</summary>
    public KernelStruct Driver(ForgedModule module, string? name = null)
    {
        name ??= $@"\Driver\{module.Name}";
        KernelStruct driver = _system.Objects.New("_DRIVER_OBJECT", "Driver", name).Set("Type", 4)
            .Set("Size", (ulong)_system.Layout.Size("_DRIVER_OBJECT")).Set("DriverStart", module.Base)
            .Set("DriverSize", Math.Max(module.MinimumSize, 0x10000));
        _system.WriteText(driver.At("DriverName"), name);
        _drivers.TryAdd(module, driver.Address);
        return driver;
    }

    /// <summary>A device of a driver; a lower one may be attached to.</summary>
    public KernelStruct Device(KernelStruct driver, string? name = null, uint type = 7, KernelStruct? lower = null)
    {
        KernelStruct device = _system.Objects.New("_DEVICE_OBJECT", "Device", name).Set("Type", 3)
            .Set("Size", (ulong)_system.Layout.Size("_DEVICE_OBJECT")).Set("DriverObject", driver.Address)
            .Set("DeviceType", type).Set("NextDevice", driver.Get("DeviceObject"))
            .Set("StackSize", lower is null ? 1 : lower.Value.Get("StackSize") + 1);
        driver.Set("DeviceObject", device.Address);
        KernelStruct extension = _system.NewStruct("_DEVOBJ_EXTENSION").Set("Type", 13)
            .Set("Size", (ulong)_system.Layout.Size("_DEVOBJ_EXTENSION")).Set("DeviceObject", device.Address)
            .Set("AttachedTo", lower?.Address ?? 0);
        device.Set("DeviceObjectExtension", extension.Address);
        if (lower is { } below)
            below.Set("AttachedDevice", device.Address);
        return device;
    }

    public KernelStruct File(KernelStruct device, string name)
    {
        KernelStruct file = _system.Objects.New("_FILE_OBJECT", "File").Set("Type", 5)
            .Set("Size", (ulong)_system.Layout.Size("_FILE_OBJECT")).Set("DeviceObject", device.Address);
        _system.WriteText(file.At("FileName"), name);
        file.EmptyLists("IrpList");
        return file;
    }

    /// <summary>
    /// A request of a thread that the devices, the highest first, have passed down; it is at the last of them. The
    /// stack has a location for each and one that is not used yet.
    /// </summary>
    public KernelStruct Request(
        ThreadBuilder thread, KernelStruct file, byte majorFunction, params ReadOnlySpan<KernelStruct> devices)
    {
        KernelStruct irp = Unlisted(thread, file, majorFunction, devices);
        _system.Kernel.AppendToList(thread.Struct.At("IrpList"), irp.At("ThreadListEntry"));
        return irp;
    }

    /// <summary>Such a request of a file with a completion port: it hangs on the file.</summary>
    public KernelStruct FileRequest(
        ThreadBuilder thread, KernelStruct file, byte majorFunction, params ReadOnlySpan<KernelStruct> devices)
    {
        KernelStruct irp = Unlisted(thread, file, majorFunction, devices);
        _system.Kernel.AppendToList(file.At("IrpList"), irp.At("ThreadListEntry"));
        return irp;
    }

    /// <summary>A read of a page, which is in no list: the event is the one that the faulting thread waits for.</summary>
    public KernelStruct PageRead(
        ThreadBuilder thread, KernelStruct file, ulong awaited, params ReadOnlySpan<KernelStruct> devices)
    {
        // IRP_PAGING_IO, IRP_NOCACHE and IRP_SYNCHRONOUS_PAGING_IO of wdm.h.
        KernelStruct irp = Unlisted(thread, file, 3, devices).Set("Flags", 0x43).Set("UserEvent", awaited)
            .Set("RequestorMode", 0);
        _system.Kernel.InitializeList(irp.At("ThreadListEntry"));
        return irp;
    }

    /// <summary>Takes a request back from all drivers, as before it is sent.</summary>
    public void TakeBack(KernelStruct irp)
    {
        ulong count = irp.Get("StackCount");
        irp.Set("CurrentLocation", count + 1).Set("Tail.Overlay.CurrentStackLocation", irp.Address
            + (ulong)_system.Layout.Size("_IRP") + count * (ulong)_system.Layout.Size("_IO_STACK_LOCATION"));
    }

    /// <summary>Completes a request but for what its thread has to do: the tail has become an APC.</summary>
    public void Complete(KernelStruct irp)
    {
        irp.Set("CurrentLocation", irp.Get("StackCount") + 2).Set("PendingReturned", 1);
        _system.Kernel.Write(irp.At("Tail.Apc"), new byte[_system.Layout.Size("_KAPC")]);
        irp.Set("Tail.Apc.Type", 18).Set("Tail.Apc.Inserted", 1);
    }

    /// <summary>Cancels a request; its driver keeps it.</summary>
    public void Cancel(KernelStruct irp) => irp.Set("Cancel", 1).Set("CancelRoutine", 0);

    /// <summary>Makes a device work on one request and queue others, as drivers with a StartIo routine do.</summary>
    public void StartIo(KernelStruct device, KernelStruct current, params ReadOnlySpan<KernelStruct> queued)
    {
        device.Set("CurrentIrp", current.Address).Set("DeviceQueue.Busy", 1).EmptyLists("DeviceQueue.DeviceListHead");
        foreach (KernelStruct irp in queued)
            _system.Kernel.AppendToList(device.At("DeviceQueue.DeviceListHead"), irp.At("Tail.Overlay.DeviceQueueEntry"));
    }

    private KernelStruct Unlisted(
        ThreadBuilder thread, KernelStruct file, byte majorFunction, ReadOnlySpan<KernelStruct> devices)
    {
        int header = _system.Layout.Size("_IRP"), location = _system.Layout.Size("_IO_STACK_LOCATION");
        int count = devices.Length + 1;
        ulong at = _system.Pool.Take(header + location * count);
        _system.Kernel.Write(at, new byte[header + location * count]);
        KernelStruct irp = _system.Struct("_IRP", at).Set("Type", 6).Set("Size", (ulong)(header + location * count))
            .Set("StackCount", (ulong)count).Set("CurrentLocation", 2).Set("RequestorMode", 1).Set("PendingReturned", 0)
            // IRP_SYNCHRONOUS_API, as NtReadFile on a synchronous file sets it.
            .Set("Flags", 4).Set("Tail.Overlay.Thread", thread.Address)
            .Set("Tail.Overlay.OriginalFileObject", file.Address);
        for (int i = 0; i < devices.Length; i++)
        {
            // Locations are used from the highest down.
            ulong place = at + (ulong)(header + location * (count - 1 - i));
            KernelStruct entry = _system.Struct("_IO_STACK_LOCATION", place).Set("MajorFunction", majorFunction)
                .Set("Control", i == devices.Length - 1 ? 1u : 0xe0u).Set("DeviceObject", devices[i].Address)
                .Set("FileObject", file.Address);
            if (i == devices.Length - 1)
                irp.Set("Tail.Overlay.CurrentStackLocation", entry.Address);
        }
        return irp;
    }

    /// <summary>The driver object of a module, or null.</summary>
    internal ulong? DriverOf(ForgedModule module) =>
        _drivers.TryGetValue(module, out ulong address) ? address : null;
}
