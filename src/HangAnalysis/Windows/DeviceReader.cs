using System.Buffers.Binary;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>What is known of a device.</summary>
/// <param name="Kind">What it is for people: <c>disk</c>, <c>file system</c> or <c>device</c>.</param>
/// <param name="Above">Devices attached above it.</param>
/// <param name="Below">Devices below it.</param>
/// <param name="DriverObject">Its driver, or 0.</param>
/// <param name="DriverStart">First byte of the driver's image, or 0.</param>
/// <param name="DriverName">Name of the driver, such as <c>\Driver\disk</c>. Text from the dump.</param>
internal sealed record DeviceDescription(
    string Kind, int Above, int Below, ulong DriverObject, ulong DriverStart, string? DriverName);

/// <summary>Reads device objects, their drivers and the stacks that they form.</summary>
internal sealed class DeviceReader
{
    /// <summary>IO_TYPE_DEVICE and IO_TYPE_DRIVER of wdm.h, with which such objects begin.</summary>
    private const ulong DeviceType = 3, DriverType = 4;

    private readonly KernelSession _session;
    private readonly byte[] _buffer;
    private readonly FieldSlot _type, _driverType, _driverObject, _attached, _deviceType, _extension, _attachedTo, _currentIrp, _queue;
    private readonly FieldSlot _driverStart, _driverName;
    private readonly Dictionary<ulong, DeviceDescription> _known = [];

    public DeviceReader(KernelSession session)
    {
        _session = session;
        StructLayout device = session.Types.Get("_DEVICE_OBJECT");
        _buffer = new byte[device.Size];
        _type = device.Optional("Type");
        _driverType = session.Types.Get("_DRIVER_OBJECT").Optional("Type");
        _driverObject = device.Required("DriverObject");
        _attached = device.Required("AttachedDevice");
        _deviceType = device.Required("DeviceType");
        _currentIrp = device.Optional("CurrentIrp");
        _queue = device.Optional("DeviceQueue.DeviceListHead");
        _extension = device.Optional("DeviceObjectExtension");
        _attachedTo = session.Types.Get("_DEVOBJ_EXTENSION").Optional("AttachedTo");
        _driverStart = session.Types.Get("_DRIVER_OBJECT").Required("DriverStart");
        _driverName = session.Types.Get("_DRIVER_OBJECT").Required("DriverName");
    }

    /// <summary>What is known of a device; requests share few devices, so that each is read once.</summary>
    public DeviceDescription Describe(ulong device)
    {
        if (!_known.TryGetValue(device, out DeviceDescription? description))
            _known.Add(device, description = Read(device));
        return description;
    }

    /// <summary>Adds a device and those below it, highest first.</summary>
    public void AddStack(ulong device, ISet<ulong> devices)
    {
        for (int i = 0; i < Limits.DevicesPerStack && device != 0 && devices.Add(device); i++)
            device = Lower(device);
    }

    /// <summary>The request that a device with a StartIo routine works on; null where there is none.</summary>
    public ulong? CurrentRequest(ulong device) =>
        _currentIrp.IsPresent && TryRead(device) && _currentIrp.Read(_buffer) is var irp and not 0 ? irp : null;

    /// <summary>Address of the list of requests that wait for such a device; null where it has none.</summary>
    public ulong? QueueHead(ulong device)
    {
        // Most drivers have queues of their own; the list of the device is all zeros then.
        ulong head = device + (ulong)_queue.Offset;
        return _queue.IsPresent && _session.IsObject(device) && _session.Memory.TryReadPointer(head, out ulong first)
            && first != 0 ? head : null;
    }

    private DeviceDescription Read(ulong device)
    {
        if (!TryRead(device))
            return new DeviceDescription("device", 0, 0, 0, 0, null);
        ulong driver = _driverObject.IsPresent ? _driverObject.Read(_buffer) : 0;
        if (!IsDriver(driver))
            driver = 0;
        string kind = KindOf(_deviceType.Read(_buffer));
        ulong start = 0;
        string? name = null;
        if (_session.IsObject(driver))
        {
            if (_driverStart.IsPresent)
                _session.Memory.TryReadPointer(driver + (ulong)_driverStart.Offset, out start);
            if (_driverName.IsPresent)
                name = UnicodeStrings.Read(_session.Memory, driver + (ulong)_driverName.Offset);
        }
        return new DeviceDescription(kind, Count(device, Higher), Count(device, Lower), driver, start, name);
    }

    private static int Count(ulong device, Func<ulong, ulong> next)
    {
        int count = 0;
        ulong at = next(device);
        while (at != 0 && at != device && count < Limits.DevicesPerStack)
        {
            count++;
            at = next(at);
        }
        // A ring of devices is damage: then nothing is said of the stack.
        return at == 0 ? count : 0;
    }

    /// <summary>The device that is attached above; 0 for none.</summary>
    public ulong Higher(ulong device) => TryRead(device) ? _attached.Read(_buffer) : 0;

    /// <summary>The device below; 0 for none.</summary>
    public ulong Lower(ulong device) =>
        _attachedTo.IsPresent && TryRead(device) && _extension.Read(_buffer) is var extension
        && _session.IsObject(extension)
        && _session.Memory.TryReadPointer(extension + (ulong)_attachedTo.Offset, out ulong lower) ? lower : 0;

    private bool TryRead(ulong device) =>
        _buffer.Length > 0 && _session.IsObject(device) && _session.Memory.TryRead(device, _buffer)
        && (!_type.IsPresent || _type.Read(_buffer) == DeviceType);

    private bool IsDriver(ulong driver)
    {
        Span<byte> type = stackalloc byte[sizeof(ushort)];
        return !_driverType.IsPresent
            || (_session.IsObject(driver) && _session.Memory.TryRead(driver + (ulong)_driverType.Offset, type)
                && BinaryPrimitives.ReadUInt16LittleEndian(type) == DriverType);
    }

    /// <summary>Device types of wdm.h (FILE_DEVICE_...), in the words of the people who wait for them.</summary>
    private static string KindOf(ulong type) => type switch
    {
        // CD-ROM, controller, disk, tape, virtual disk, mass storage, DVD.
        0x02 or 0x04 or 0x07 or 0x1f or 0x24 or 0x2d or 0x33 => "disk",
        // CD-ROM, DFS, disk, file system, network, tape, DFS.
        0x03 or 0x06 or 0x08 or 0x09 or 0x14 or 0x20 or 0x35 => "file system",
        _ => "device",
    };
}
