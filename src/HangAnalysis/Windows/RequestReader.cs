using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>An I/O request packet of a thread.</summary>
/// <param name="Address">Address of the IRP.</param>
/// <param name="Major">Major function at the current stack location; null where no driver has it.</param>
/// <param name="Device">Device at the current stack location.</param>
/// <param name="DriverObject">Driver of that device.</param>
/// <param name="DriverStart">First byte of the driver's image, by its driver object.</param>
/// <param name="DriverName">Name of that driver, such as <c>\Driver\disk</c>. Text from the dump.</param>
/// <param name="FileName">Name of the file, where the request has one. Text from the dump.</param>
/// <param name="UserEvent">Event that the completion sets, or 0.</param>
/// <param name="FileObject">File of the request, or 0.</param>
internal sealed record Request(
    ulong Address, string? Major, ulong Device, ulong DriverObject, ulong DriverStart, string? DriverName, string? FileName, ulong UserEvent,
    ulong FileObject);

/// <summary>Reads the IRPs in threads' lists and says where each is now.</summary>
internal sealed class RequestReader
{
    /// <summary>Names of IRP_MJ_ codes (wdm.h).</summary>
    private static readonly string[] s_major =
    [
        "CREATE", "CREATE_NAMED_PIPE", "CLOSE", "READ", "WRITE", "QUERY_INFORMATION", "SET_INFORMATION", "QUERY_EA", "SET_EA",
        "FLUSH_BUFFERS", "QUERY_VOLUME_INFORMATION", "SET_VOLUME_INFORMATION", "DIRECTORY_CONTROL", "FILE_SYSTEM_CONTROL",
        "DEVICE_CONTROL", "INTERNAL_DEVICE_CONTROL", "SHUTDOWN", "LOCK_CONTROL", "CLEANUP", "CREATE_MAILSLOT",
        "QUERY_SECURITY", "SET_SECURITY", "POWER", "SYSTEM_CONTROL", "DEVICE_CHANGE", "QUERY_QUOTA", "SET_QUOTA", "PNP",
    ];

    private readonly KernelSession _session;
    private readonly byte[] _irp, _location;
    private readonly FieldSlot _irpType, _listEntry, _stackCount, _currentLocation, _currentStack, _userEvent;
    private readonly FieldSlot _major, _device, _file, _driverObject, _driverStart, _driverName, _fileName;
    private readonly int _threadListOffset;
    private readonly List<ulong> _entries = [];

    public RequestReader(KernelSession session)
    {
        _session = session;
        StructLayout irp = session.Types.Get("_IRP");
        _irp = new byte[irp.Size];
        _irpType = irp.Required("Type");
        _listEntry = irp.Required("ThreadListEntry");
        _stackCount = irp.Required("StackCount");
        _currentLocation = irp.Required("CurrentLocation");
        _currentStack = irp.Required("Tail.Overlay.CurrentStackLocation");
        _userEvent = irp.Required("UserEvent");
        StructLayout location = session.Types.Get("_IO_STACK_LOCATION");
        _location = new byte[location.Size];
        _major = location.Required("MajorFunction");
        _device = location.Required("DeviceObject");
        _file = location.Required("FileObject");
        _driverObject = session.Types.Get("_DEVICE_OBJECT").Required("DriverObject");
        _driverStart = session.Types.Get("_DRIVER_OBJECT").Required("DriverStart");
        _driverName = session.Types.Get("_DRIVER_OBJECT").Required("DriverName");
        _fileName = session.Types.Get("_FILE_OBJECT").Required("FileName");
        _threadListOffset = session.Types.Get("_ETHREAD").Required("IrpList").Offset;
    }

    /// <summary>The requests in a thread's list.</summary>
    public IReadOnlyList<Request> Read(ulong thread)
    {
        if (_irp.Length == 0 || _location.Length == 0)
            return [];
        _entries.Clear();
        string? problem = LinkedList.Collect(
            _session.Memory, thread + (ulong)_threadListOffset, Limits.RequestsPerThread, _entries);
        if (problem is not null)
            _session.AddUnknown($"some requests of thread {thread:x16}", $"its IRP list is damaged: {problem}");
        List<Request> requests = new(_entries.Count);
        foreach (ulong entry in _entries)
            if (ReadRequest(entry - (ulong)_listEntry.Offset) is { } request)
                requests.Add(request);
        return requests;
    }

    private Request? ReadRequest(ulong address)
    {
        // IO_TYPE_IRP of wdm.h.
        const ulong IrpType = 6;
        if (!_session.Memory.TryRead(address, _irp) || _irpType.Read(_irp) != IrpType)
            return null;
        ulong userEvent = _userEvent.Read(_irp);
        // One past the last location means that no driver has the request: it is being made, or completed.
        if (_currentLocation.Read(_irp) > _stackCount.Read(_irp)
            || !_session.Memory.TryRead(_currentStack.Read(_irp), _location))
            return new Request(address, null, 0, 0, 0, null, null, userEvent, 0);
        ulong device = _device.Read(_location);
        ulong file = _file.Read(_location);
        int major = (int)_major.Read(_location);
        ulong driver = 0;
        if (_driverObject.IsPresent && KernelSession.IsKernelObject(device))
            _session.Memory.TryReadUInt64(device + (ulong)_driverObject.Offset, out driver);
        ulong start = 0;
        if (_driverStart.IsPresent && KernelSession.IsKernelObject(driver))
            _session.Memory.TryReadUInt64(driver + (ulong)_driverStart.Offset, out start);
        return new Request(address,
            major < s_major.Length ? $"IRP_MJ_{s_major[major]}" : $"major function 0x{major:x}",
            device, driver, start,
            _driverName.IsPresent && KernelSession.IsKernelObject(driver) ? UnicodeStrings.Read(_session.Memory, driver + (ulong)_driverName.Offset) : null,
            _fileName.IsPresent && KernelSession.IsKernelObject(file) ? UnicodeStrings.Read(_session.Memory, file + (ulong)_fileName.Offset) : null,
            userEvent, file);
    }
}
