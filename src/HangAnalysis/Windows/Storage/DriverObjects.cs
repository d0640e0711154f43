using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Storage;

/// <summary>Finds driver objects by the object directory, and the devices that each has.</summary>
/// <remarks>
/// nt!ObpRootDirectoryObject points to the root; OBJECT_DIRECTORY.HashBuckets are chains of OBJECT_DIRECTORY_ENTRY {ChainLink,
/// Object} [S 7601..22000]. Drivers that came with the system lie in \Driver, file systems in \FileSystem.
/// </remarks>
internal sealed class DriverObjects
{
    private const ulong DriverType = 4, DeviceType = 3;

    /// <summary>Entries of one directory. Real ones hold some hundred drivers.</summary>
    private const int MostEntries = 16_384;

    /// <summary>Devices of one driver. Volume managers have some hundred.</summary>
    private const int MostDevices = 16_384;

    private readonly KernelSession _session;
    private readonly ObjectNames _names;
    private readonly FieldSlot _buckets, _chain, _object, _driverType, _firstDevice, _majors, _deviceType, _nextDevice, _extension;
    private readonly FieldSlot _nameDirectory;
    private readonly int _nameSize;

    public DriverObjects(KernelSession session)
    {
        _session = session;
        _names = new ObjectNames(session);
        _buckets = session.Types.Get("_OBJECT_DIRECTORY").Optional("HashBuckets");
        _chain = session.Types.Get("_OBJECT_DIRECTORY_ENTRY").Optional("ChainLink");
        _object = session.Types.Get("_OBJECT_DIRECTORY_ENTRY").Optional("Object");
        StructLayout driver = session.Types.Get("_DRIVER_OBJECT");
        _driverType = driver.Optional("Type");
        _firstDevice = driver.Optional("DeviceObject");
        _majors = driver.Optional("MajorFunction");
        StructLayout device = session.Types.Get("_DEVICE_OBJECT");
        _deviceType = device.Optional("Type");
        _nextDevice = device.Optional("NextDevice");
        _extension = device.Optional("DeviceExtension");
        StructLayout name = session.Types.Get("_OBJECT_HEADER_NAME_INFO");
        _nameDirectory = name.Optional("Directory");
        _nameSize = name.Size;
    }

    /// <summary>The driver objects in \Driver; empty where the directory cannot be read.</summary>
    public List<ulong> FindAll()
    {
        List<ulong> drivers = [];
        if (!_session.TryReadPointerVariable("ObpRootDirectoryObject", out ulong root))
            return drivers;
        foreach (ulong entry in Entries(root))
            if (_names.Find(entry) == "Driver")
                foreach (ulong driver in Entries(entry))
                    if (IsType(driver, _driverType, DriverType))
                        drivers.Add(driver);
        return drivers;
    }

    /// <summary>The devices of a driver.</summary>
    public List<ulong> Devices(ulong driver)
    {
        List<ulong> devices = [];
        if (!_firstDevice.IsPresent || !_nextDevice.IsPresent || !Pointer(driver, _firstDevice, out ulong device))
            return devices;
        HashSet<ulong> seen = [];
        while (device != 0 && devices.Count < MostDevices && seen.Add(device) && IsType(device, _deviceType, DeviceType))
        {
            devices.Add(device);
            if (!Pointer(device, _nextDevice, out device))
                break;
        }
        return devices;
    }

    /// <summary>Whether requests to a driver are taken by functions of an image: of a port driver in its miniports' names.</summary>
    public bool IsServedBy(ulong driver, TargetModule image)
    {
        if (!_majors.IsPresent || !_session.IsObject(driver))
            return false;
        // IRP_MJ_MAXIMUM_FUNCTION of wdm.h is 27.
        const int Functions = 28;
        for (int i = 0; i < Functions; i++)
            if (_session.Memory.TryReadPointer(driver + (ulong)(_majors.Offset + i * _session.Memory.PointerSize), out ulong function)
                && image.Contains(function))
                return true;
        return false;
    }

    /// <summary>What a driver keeps of a device; 0 where nothing.</summary>
    public ulong ExtensionOf(ulong device) =>
        _extension.IsPresent && Pointer(device, _extension, out ulong extension) && _session.IsObject(extension)
            ? extension : 0;

    /// <summary>The whole name of an object, such as <c>\Device\Harddisk0\DR0</c>; null where it has none.</summary>
    public string? FullName(ulong address)
    {
        const int Deepest = 8;
        if (_names.Find(address) is not { } name)
            return null;
        ulong directory = address;
        for (int i = 0; i < Deepest; i++)
        {
            directory = DirectoryOf(directory);
            if (directory == 0 || _names.Find(directory) is not { } parent)
                return name;
            name = parent == "\\" ? "\\" + name : $"{parent}\\{name}";
            if (parent == "\\")
                return name;
        }
        return name;
    }

    private ulong DirectoryOf(ulong address)
    {
        // The name's record lies before the header; its own text is found by the same way in ObjectNames.
        FieldSlot body = _session.Types.Get("_OBJECT_HEADER").Optional("Body");
        FieldSlot mask = _session.Types.Get("_OBJECT_HEADER").Optional("InfoMask");
        if (!body.IsPresent || !mask.IsPresent || !_nameDirectory.IsPresent || !_session.IsObject(address)
            || !_session.Memory.TryReadByte(address - (ulong)body.Offset + (ulong)mask.Offset, out byte bits))
            return 0;
        ulong creator = (bits & 1) != 0 ? (ulong)_session.Types.Get("_OBJECT_HEADER_CREATOR_INFO").Size : 0;
        ulong record = address - (ulong)body.Offset - creator - (ulong)_nameSize;
        return _session.Memory.TryReadPointer(record + (ulong)_nameDirectory.Offset, out ulong directory)
            && _session.IsObject(directory) ? directory : 0;
    }

    private List<ulong> Entries(ulong directory)
    {
        List<ulong> objects = [];
        if (!_buckets.IsPresent || !_chain.IsPresent || !_object.IsPresent || !_session.IsObject(directory)
            || _buckets.Size is <= 0 or > 4096)
            return objects;
        int step = _session.Memory.PointerSize;
        HashSet<ulong> seen = [];
        for (int i = 0; i + step <= _buckets.Size; i += step)
        {
            _session.Memory.TryReadPointer(directory + (ulong)(_buckets.Offset + i), out ulong entry);
            while (_session.IsObject(entry) && objects.Count < MostEntries && seen.Add(entry))
            {
                if (Pointer(entry, _object, out ulong found) && _session.IsObject(found))
                    objects.Add(found);
                if (!Pointer(entry, _chain, out entry))
                    break;
            }
        }
        return objects;
    }

    private bool Pointer(ulong structure, FieldSlot field, out ulong value)
    {
        value = 0;
        return _session.IsObject(structure)
            && _session.Memory.TryReadPointer(structure + (ulong)field.Offset, out value);
    }

    private bool IsType(ulong address, FieldSlot field, ulong type) => _session.IsObject(address)
        && (!field.IsPresent || (_session.Memory.TryReadUInt16(address + (ulong)field.Offset, out ushort found) && found == type));
}
