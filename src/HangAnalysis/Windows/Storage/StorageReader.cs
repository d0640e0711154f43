using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Storage;

/// <summary>Reads the disks of a system: adapters and queues where the port driver's types are public, devices and requests otherwise.</summary>
/// <remarks>
/// Disks are found by the \Driver directory and by the requests of threads. Which volume lies on which disk is in no public
/// structure (volmgr, partmgr and disk have no types), so that a file leads to a disk only where one stack of devices does.
/// </remarks>
public sealed class StorageReader
{
    private readonly WindowsSystem _system;
    private readonly RequestReader _requests;
    private readonly DeviceReader _devices;
    private readonly DriverObjects _drivers;
    private readonly DriverTypes _port, _class;
    private readonly FieldSlot _busy;
    private readonly List<Unknown> _unknown = [];
    private readonly Dictionary<ulong, DiskAdapterFacts> _adapters = [];
    private readonly List<DiskFacts> _disks = [];
    private readonly List<DiskClassFacts> _classes = [];
    private readonly List<StorageDeviceFacts> _plain = [];

    private StorageReader(WindowsSystem system)
    {
        _system = system;
        _requests = new RequestReader(system);
        _devices = _requests.Devices;
        _drivers = new DriverObjects(system.Session);
        _port = DriverTypes.Of(system.Target, "storport");
        _class = DriverTypes.Of(system.Target, "classpnp");
        _busy = system.Session.Types.Get("_DEVICE_OBJECT").Optional("DeviceQueue.Busy");
    }

    /// <summary>Everything that is known of the system's disks.</summary>
    public static StorageFacts Read(WindowsSystem system) => new StorageReader(system).Read();

    /// <summary>
    /// The devices of the stack that an address belongs to, highest first: a device, a request, or a file object. Empty for
    /// other addresses.
    /// </summary>
    public static IReadOnlyList<StorageDeviceFacts> ReadStack(WindowsSystem system, ulong address)
    {
        StorageReader reader = new(system);
        return [.. reader.StackOf(reader.DeviceOf(address)).Select(reader.Describe)];
    }

    private StorageFacts Read()
    {
        List<RequestFacts> requests = [];
        HashSet<ulong> drivers = [.. _drivers.FindAll()];
        if (drivers.Count == 0)
            _unknown.Add(new Unknown("disks that no request of a thread is at", @"the directory \Driver could not be read"));
        foreach (RequestFacts request in _system.FindRequests())
        {
            if (request.DeviceKind == "disk")
                requests.Add(request);
            foreach (ulong device in StackOf(request.Device))
                drivers.Add(_devices.Describe(device).DriverObject);
        }
        drivers.Remove(0);
        TellMissing(drivers.Count > 0);
        foreach (ulong driver in drivers)
        {
            if (_system.Session.Cancellation.IsCancellationRequested)
                break;
            ReadDriver(driver);
        }
        Dictionary<ulong, RequestFacts> known = [];
        foreach (RequestFacts request in requests)
            known.TryAdd(request.Address, request);
        return new StorageFacts
        {
            Adapters = Assemble(known),
            Classes = _classes,
            Devices = _plain,
            Requests = requests,
            Unknown = _unknown,
        };
    }

    private void TellMissing(bool hasDrivers)
    {
        if (!hasDrivers)
            return;
        if (_port.Missing("storport.sys", "_RAID_UNIT_EXTENSION") is { } port)
            _unknown.Add(new Unknown("queues of adapters and disks, and the age of requests at them", port));
        if (_class.Missing("classpnp.sys", "_FUNCTIONAL_DEVICE_EXTENSION") is { } disk)
            _unknown.Add(new Unknown("transfers and retries of disks", disk));
    }

    private void ReadDriver(ulong driver)
    {
        PortReader? port = _port.Module is { } storport && _port.HasSymbols && _drivers.IsServedBy(driver, storport)
            ? new PortReader(_system, _port) : null;
        ClassReader? classes = port is null && _class.Module is { } classpnp && _class.HasSymbols
            && _drivers.IsServedBy(driver, classpnp) ? new ClassReader(_system, _class) : null;
        foreach (ulong device in _drivers.Devices(driver))
        {
            ulong extension = port is null && classes is null ? 0 : _drivers.ExtensionOf(device);
            if (port?.ReadUnit(device, extension) is { } disk)
                _disks.Add(disk with { Name = NameAbove(device) });
            else if (port?.ReadAdapter(device, extension) is { } adapter)
                _adapters[extension] = Named(adapter, driver, device);
            else if (classes?.Read(device, extension) is { } kept)
                _classes.Add(kept with { Name = _drivers.FullName(device) });
            else
                AddPlain(device);
        }
    }

    private void AddPlain(ulong device)
    {
        StorageDeviceFacts plain = Describe(device);
        // Of devices that are no disks only those whose own queue is in use say anything of storage: old port drivers.
        if (plain.Kind == "disk" || plain.CurrentRequest != 0 || plain.Queued > 0)
            _plain.Add(plain);
    }

    private DiskAdapterFacts Named(DiskAdapterFacts adapter, ulong driver, ulong device)
    {
        DeviceDescription description = _devices.Describe(device);
        return adapter with
        {
            DriverName = description.DriverName ?? _drivers.FullName(driver),
            Module = description.DriverStart == 0 ? null : _system.FindModule(description.DriverStart),
        };
    }

    private List<DiskAdapterFacts> Assemble(Dictionary<ulong, RequestFacts> known)
    {
        Dictionary<ulong, List<DiskFacts>> byAdapter = [];
        foreach (DiskFacts disk in _disks)
        {
            if (!byAdapter.TryGetValue(disk.Adapter, out List<DiskFacts>? disks))
                byAdapter.Add(disk.Adapter, disks = []);
            disks.Add(disk with
            {
                Requests = [.. disk.Requests.Select(r => r with { Details = DetailsOf(r.Request, known) })],
            });
        }
        List<DiskAdapterFacts> adapters = [];
        foreach ((ulong extension, List<DiskFacts> disks) in byAdapter)
        {
            DiskAdapterFacts adapter = _adapters.GetValueOrDefault(extension) ?? new DiskAdapterFacts(0, extension);
            _adapters.Remove(extension);
            adapters.Add(adapter with { Disks = disks });
        }
        adapters.AddRange(_adapters.Values);
        return adapters;
    }

    /// <summary>A request that reaches a disk is in no thread's list as a rule; what its own record says is read then.</summary>
    private RequestFacts? DetailsOf(ulong request, Dictionary<ulong, RequestFacts> known) =>
        request == 0 ? null : known.GetValueOrDefault(request) ?? _requests.ReadRequest(request);

    /// <summary>The name of a device, or of the first one above it that has a name: a unit's own device mostly has none.</summary>
    private string? NameAbove(ulong device)
    {
        for (int i = 0; i < Limits.DevicesPerStack && device != 0; i++)
        {
            if (_drivers.FullName(device) is { } name)
                return name;
            device = _devices.Higher(device);
        }
        return null;
    }

    /// <summary>The whole stack of a device, highest first; bounded, and each device once.</summary>
    private List<ulong> StackOf(ulong device)
    {
        List<ulong> stack = [];
        for (int i = 0; i < Limits.DevicesPerStack && device != 0 && _devices.Higher(device) is var higher and not 0; i++)
            device = higher;
        while (device != 0 && stack.Count < Limits.DevicesPerStack && !stack.Contains(device))
        {
            stack.Add(device);
            device = _devices.Lower(device);
        }
        return stack;
    }

    private ulong DeviceOf(ulong address)
    {
        const ushort Device = 3, File = 5, Request = 6;
        IMemory memory = _system.Session.Memory;
        if (!_system.Session.IsObject(address) || !memory.TryReadUInt16(address, out ushort type))
            return 0;
        switch (type)
        {
            case Device:
                return address;
            case Request:
                return _requests.ReadRequest(address)?.Device ?? 0;
            case File:
                KernelTypes types = _system.Session.Types;
                FieldSlot device = types.Get("_FILE_OBJECT").Optional("DeviceObject");
                FieldSlot vpb = types.Get("_FILE_OBJECT").Optional("Vpb");
                FieldSlot real = types.Get("_VPB").Optional("RealDevice");
                // A file of a mounted volume lies on the volume's device; the file system's own device is above nothing.
                if (vpb.IsPresent && real.IsPresent && memory.TryReadPointer(address + (ulong)vpb.Offset, out ulong mounted)
                    && _system.Session.IsObject(mounted)
                    && memory.TryReadPointer(mounted + (ulong)real.Offset, out ulong volume)
                    && _system.Session.IsObject(volume))
                    return volume;
                return device.IsPresent && memory.TryReadPointer(address + (ulong)device.Offset, out ulong own) ? own : 0;
            default:
                return 0;
        }
    }

    private StorageDeviceFacts Describe(ulong device)
    {
        DeviceDescription description = _devices.Describe(device);
        List<RequestFacts> queued = [];
        _requests.ReadDevice(device, queued);
        ulong current = _devices.CurrentRequest(device) ?? 0;
        bool? busy = null;
        // [S 4.4] Busy shares its eight bytes with a hint since Vista: only the low byte is the flag.
        if (_busy.IsPresent && _system.Session.Memory.TryReadByte(device + (ulong)_busy.Offset, out byte flag))
            busy = (flag & 1) != 0;
        int waiting = 0;
        foreach (RequestFacts request in queued)
            if (request.Address != current)
                waiting++;
        return new StorageDeviceFacts(device, _drivers.FullName(device), description.DriverName, description.Kind, current, busy, waiting);
    }
}
