using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Adapters and units of storport, and what classpnp keeps of disks, by the types of <see cref="StorageTypes"/>.</summary>
internal sealed class StorageObjects(SystemBuilder system)
{
    private readonly StructureWriter _port = new(system.Kernel, StorageTypes.Storport(system.Layout));
    private readonly StructureWriter _class = new(system.Kernel, StorageTypes.Classpnp(system.Layout));

    /// <summary>Types for storport's PDB.</summary>
    public KernelLayout PortTypes => _port.Layout;

    /// <summary>Types for classpnp's PDB.</summary>
    public KernelLayout ClassTypes => _class.Layout;

    /// <summary>Makes an image take a driver's requests, as port and class drivers do for their miniports.</summary>
    public void ServedBy(KernelStruct driver, ForgedModule module)
    {
        const int InternalDeviceControl = 15;
        for (int i = 0; i < 28; i++)
            system.Kernel.WriteUInt64(driver.At("MajorFunction") + (ulong)i * 8,
                i is 3 or 4 or InternalDeviceControl ? module.Function("GlobalDispatch") : system.Nt.Function("IopInvalidDeviceRequest"));
    }

    public KernelStruct Adapter(KernelStruct device, int outstanding, int most)
    {
        KernelStruct adapter = New(_port, "_RAID_ADAPTER_EXTENSION").Set("ObjectType", 3).Set("DeviceObject", device.Address)
            .Set("Gateway.Outstanding", (ulong)outstanding).Set("Gateway.OutstandingMax", (ulong)most).EmptyLists("UnitList");
        device.Set("DeviceExtension", adapter.Address);
        return adapter;
    }

    public KernelStruct Unit(KernelStruct device, KernelStruct adapter, int depth, uint timeout)
    {
        KernelStruct unit = New(_port, "_RAID_UNIT_EXTENSION").Set("ObjectType", 2).Set("DeviceObject", device.Address)
            .Set("Adapter", adapter.Address).Set("DeviceState", 2).Set("IoQueue.DeviceQueue.Depth", (ulong)depth)
            .Set("DefaultTimeout", timeout)
            .EmptyLists("PendingQueue.List", "IoQueue.DeviceQueue.DeviceList", "IoQueue.DeviceQueue.ByPassList");
        device.Set("DeviceExtension", unit.Address);
        return unit;
    }

    /// <summary>A request that a unit has since a while, by the interrupt time of its start.</summary>
    public KernelStruct Request(KernelStruct unit, ulong irp, TimeSpan age)
    {
        KernelStruct request = New(_port, "_EXTENDED_REQUEST_BLOCK").Set("Irp", irp).Set("Unit", unit.Address)
            .Set("Adapter", unit.Get("Adapter")).Set("RequestStartTimeStamp", (ulong)(system.Options.Uptime - age).Ticks);
        system.Kernel.AppendToList(unit.At("PendingQueue.List"), request.At("PendingLink.NextLink"));
        ulong count = unit.Get("OutstandingCount") + 1;
        unit.Set("OutstandingCount", count).Set("IoQueue.DeviceQueue.OutstandingCount", count);
        return request;
    }

    /// <summary>What classpnp keeps of a disk.</summary>
    public KernelStruct Disk(KernelStruct device, uint timeout, uint errors)
    {
        KernelStruct data = New(_class, "_CLASS_PRIVATE_FDO_DATA").EmptyLists("AllTransferPacketsList");
        KernelStruct disk = New(_class, "_FUNCTIONAL_DEVICE_EXTENSION").Set("Version", 3).Set("DeviceObject", device.Address)
            .Set("TimeOutValue", timeout).Set("ErrorCount", errors).Set("DevicePowerState", 1).Set("PrivateFdoData", data.Address);
        device.Set("DeviceExtension", disk.Address);
        return disk;
    }

    /// <summary>A packet of a disk; one that works for no request is free.</summary>
    public KernelStruct Packet(KernelStruct disk, ulong irp, ulong originalIrp, uint retries, TimeSpan age)
    {
        KernelStruct packet = New(_class, "_TRANSFER_PACKET").Set("Irp", irp).Set("OriginalIrp", originalIrp)
            .Set("NumRetries", retries)
            .Set("RequestStartTime", originalIrp == 0 ? 0 : SystemOptions.TicksOf(system.Options.Uptime - age));
        system.Kernel.AppendToList(_class.At("_CLASS_PRIVATE_FDO_DATA", disk.Get("PrivateFdoData")).At("AllTransferPacketsList"),
            packet.At("AllPktsListEntry"));
        return packet;
    }

    private KernelStruct New(StructureWriter writer, string type)
    {
        int size = writer.Layout.Size(type);
        ulong at = system.Pool.Take(size);
        system.Kernel.Write(at, new byte[size]);
        return writer.At(type, at);
    }
}
