namespace HangAnalysis.DumpForge.Systems;

/// <summary>What the power manager keeps: pending power requests, the threads that send them, and the block that a stop 0x9F names.</summary>
/// <remarks>
/// Of builds whose symbols lack POP_IRP_DATA (7601) the offsets of the first later ones are written: they have not changed since
/// 9200. An IRP's Parameters.Power has four members, each in a place of a pointer's size (wdm.h).
/// </remarks>
public sealed class PowerObjects
{
    private const string Data = "_POP_IRP_DATA";
    private const byte PowerMajor = 22;
    private const int DataSize = 0x120, BlockSize = 0x28;

    private readonly SystemBuilder _system;
    private readonly ulong _pointer;

    public PowerObjects(SystemBuilder system)
    {
        _system = system;
        _pointer = (ulong)system.Layout.PointerSize;
        foreach (string list in (string[])["PopIrpList", "PopIrpThreadList"])
            system.Kernel.InitializeList(system.Nt.Variable(list, 16));
        // Until 14393 the block has four members, later another queue; nothing but the lists is looked at.
        Block = system.Nt.Variable("PopTriage9F", BlockSize);
        system.Kernel.Write(Block, new byte[BlockSize]);
        system.Kernel.WriteUInt16(Block, 0x8000);
        system.Kernel.WriteUInt16(Block + 2, system.Layout.Build >= 17763 ? (ushort)2 : (ushort)1);
        system.Kernel.WritePointer(Block + _pointer, system.Nt.Variable("PopIrpList", 16));
        system.Kernel.WritePointer(Block + 2 * _pointer, system.Nt.Variable("PopIrpThreadList", 16));
        system.TriageMemory.Add((Block, BlockSize));
        system.TriageMemory.Add((system.Nt.Variable("PopIrpList", 16), 16));
        system.TriageMemory.Add((system.Nt.Variable("PopIrpThreadList", 16), 16));
    }

    /// <summary>The TRIAGE_9F_POWER.</summary>
    public ulong Block { get; }

    /// <summary>
    /// A request for a device's power state that the devices, the highest first, have passed down; it is at the last of them.
    /// </summary>
    /// <param name="minor">IRP_MN_ code: 0 wait for wake, 2 set, 3 query.</param>
    /// <param name="state">DEVICE_POWER_STATE, from 1 for D0.</param>
    /// <param name="pending">For how long the watchdog has counted.</param>
    /// <param name="pdo">The lowest device of the stack.</param>
    /// <param name="devices">The devices that have had it.</param>
    public KernelStruct Request(byte minor, uint state, TimeSpan pending, KernelStruct pdo, params ReadOnlySpan<KernelStruct> devices)
    {
        int header = _system.Layout.Size("_IRP"), location = _system.Layout.Size("_IO_STACK_LOCATION");
        int count = devices.Length + 1, size = header + location * count;
        ulong at = _system.Pool.Take(size);
        _system.Kernel.Write(at, new byte[size]);
        KernelStruct irp = _system.Struct("_IRP", at).Set("Type", 6).Set("Size", (ulong)size)
            .Set("StackCount", (ulong)count).Set("CurrentLocation", 2);
        int parameters = _system.Layout.Offset("_IO_STACK_LOCATION", "Parameters");
        for (int i = 0; i < devices.Length; i++)
        {
            ulong place = at + (ulong)(header + location * (count - 1 - i));
            KernelStruct entry = _system.Struct("_IO_STACK_LOCATION", place).Set("MajorFunction", PowerMajor)
                .Set("MinorFunction", minor).Set("Control", i == devices.Length - 1 ? 1u : 0xe0u)
                .Set("DeviceObject", devices[i].Address);
            const uint DevicePowerState = 1;
            _system.Kernel.WriteUInt32(place + (ulong)parameters, 0x15400);
            _system.Kernel.WriteUInt32(place + (ulong)parameters + _pointer, DevicePowerState);
            _system.Kernel.WriteUInt32(place + (ulong)parameters + 2 * _pointer, state);
            if (i == devices.Length - 1)
                irp.Set("Tail.Overlay.CurrentStackLocation", entry.Address);
        }
        _system.Kernel.InitializeList(irp.At("ThreadListEntry"));
        _system.TriageMemory.Add((at, size));
        Enter(irp, minor, state, pending, pdo, devices[^1]);
        return irp;
    }

    /// <summary>A thread that sends power requests, with the one that it works on.</summary>
    public void Worker(ThreadBuilder thread, KernelStruct? irp = null, KernelStruct? device = null)
    {
        ulong entry = thread.PlaceOnStack(0x30);
        _system.Kernel.Write(entry, new byte[0x30]);
        _system.Kernel.WritePointer(entry + 2 * _pointer, thread.Address);
        _system.Kernel.WritePointer(entry + 3 * _pointer, irp?.Address ?? 0);
        _system.Kernel.WritePointer(entry + 4 * _pointer, device?.Address ?? 0);
        _system.Kernel.AppendToList(_system.Nt.Variable("PopIrpThreadList", 16), entry);
    }

    /// <summary>What Plug and Play keeps of a physical device.</summary>
    public KernelStruct Node(KernelStruct pdo, string instancePath, string service)
    {
        KernelStruct node = _system.NewStruct("_DEVICE_NODE").Set("PhysicalDeviceObject", pdo.Address);
        _system.WriteText(node.At("InstancePath"), instancePath);
        _system.WriteText(node.At("ServiceName"), service);
        _system.Struct("_DEVOBJ_EXTENSION", pdo.Get("DeviceObjectExtension")).Set("DeviceNode", node.Address);
        _system.TriageMemory.Add((node.Address, _system.Layout.Size("_DEVICE_NODE")));
        return node;
    }

    /// <summary>Puts a stack of devices with their drivers into small dumps, too.</summary>
    public void KeepInSmallDump(params ReadOnlySpan<KernelStruct> devices)
    {
        foreach (KernelStruct device in devices)
        {
            Keep(device.Address, "_DEVICE_OBJECT");
            Keep(device.Get("DeviceObjectExtension"), "_DEVOBJ_EXTENSION");
            ulong driver = device.Get("DriverObject");
            Keep(driver, "_DRIVER_OBJECT");
            KernelStruct name = _system.Struct("_UNICODE_STRING", _system.Struct("_DRIVER_OBJECT", driver).At("DriverName"));
            _system.TriageMemory.Add((name.Get("Buffer"), (int)name.Get("Length")));
        }
    }

    private void Keep(ulong address, string type) => _system.TriageMemory.Add((address, _system.Layout.Size(type)));

    private void Enter(KernelStruct irp, byte minor, uint state, TimeSpan pending, KernelStruct pdo, KernelStruct current)
    {
        ulong entry = _system.Pool.Take(DataSize);
        _system.Kernel.Write(entry, new byte[DataSize]);
        // Irp, Pdo, TargetDevice, CurrentDevice; on x86 with pointers of four bytes, and WatchdogStart right behind them, too.
        _system.Kernel.WritePointer(entry + 2 * _pointer, irp.Address);
        _system.Kernel.WritePointer(entry + 3 * _pointer, pdo.Address);
        _system.Kernel.WritePointer(entry + 4 * _pointer, current.Address);
        _system.Kernel.WritePointer(entry + 5 * _pointer, current.Address);
        _system.Kernel.WriteUInt64(entry + 6 * _pointer, (ulong)(_system.Options.Uptime - pending).Ticks);
        if (_system.Layout.Types.ContainsKey(Data))
            _system.Struct(Data, entry).Set("MinorFunction", minor).Set("PowerStateType", 1).Set("PowerState", state)
                .Set("WatchdogEnabled", minor == 0 ? 0u : 1u);
        _system.Kernel.AppendToList(_system.Nt.Variable("PopIrpList", 16), entry);
        _system.TriageMemory.Add((entry, DataSize));
    }
}
