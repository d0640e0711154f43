using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads IRPs and says where each is now.</summary>
/// <remarks>
/// An IRP's locations are numbered from 1 for the lowest driver. CurrentLocation is one past the last before it is sent, and
/// two past it when it is completed: completion steps up over all locations, and a second completion is recognised by that
/// (bug check 0x44, and ReactOS' IofCompleteRequest). The tail of a completed IRP is an APC then, so that what it says of
/// threads and files is not read.
/// </remarks>
internal sealed class RequestReader
{
    /// <summary>IO_TYPE_IRP of wdm.h.</summary>
    private const ulong IrpType = 6;

    /// <summary>IRP_PAGING_IO and IRP_SYNCHRONOUS_PAGING_IO of wdm.h.</summary>
    private const ulong PagingFlags = 0x42;

    /// <summary>IRP_ASSOCIATED_IRP of wdm.h: AssociatedIrp is a master, not a buffer.</summary>
    private const ulong AssociatedFlag = 8;

    /// <summary>Names of IRP_MJ_ codes (wdm.h).</summary>
    private static readonly string[] s_major =
    [
        "CREATE", "CREATE_NAMED_PIPE", "CLOSE", "READ", "WRITE", "QUERY_INFORMATION", "SET_INFORMATION", "QUERY_EA", "SET_EA",
        "FLUSH_BUFFERS", "QUERY_VOLUME_INFORMATION", "SET_VOLUME_INFORMATION", "DIRECTORY_CONTROL", "FILE_SYSTEM_CONTROL",
        "DEVICE_CONTROL", "INTERNAL_DEVICE_CONTROL", "SHUTDOWN", "LOCK_CONTROL", "CLEANUP", "CREATE_MAILSLOT",
        "QUERY_SECURITY", "SET_SECURITY", "POWER", "SYSTEM_CONTROL", "DEVICE_CHANGE", "QUERY_QUOTA", "SET_QUOTA", "PNP",
    ];

    private readonly WindowsSystem _system;
    private readonly KernelSession _session;
    private readonly DeviceReader _devices;
    private readonly byte[] _irp, _location;
    private readonly FieldSlot _irpType, _flags, _listEntry, _stackCount, _currentLocation, _currentStack, _userEvent, _cancel;
    private readonly FieldSlot _cancelRoutine, _master, _thread, _originalFile, _queueEntry;
    private readonly FieldSlot _major, _minor, _device, _file, _fileName, _fileIrps;
    private readonly int _threadListOffset;
    private readonly List<ulong> _entries = [];

    public RequestReader(WindowsSystem system)
    {
        _system = system;
        _session = system.Session;
        _devices = new DeviceReader(_session);
        StructLayout irp = _session.Types.Get("_IRP");
        _irp = new byte[irp.Size];
        _irpType = irp.Required("Type");
        _flags = irp.Required("Flags");
        _listEntry = irp.Required("ThreadListEntry");
        _stackCount = irp.Required("StackCount");
        _currentLocation = irp.Required("CurrentLocation");
        _currentStack = irp.Required("Tail.Overlay.CurrentStackLocation");
        _userEvent = irp.Required("UserEvent");
        _cancel = irp.Required("Cancel");
        _cancelRoutine = irp.Required("CancelRoutine");
        _master = irp.Optional("AssociatedIrp.MasterIrp");
        _thread = irp.Optional("Tail.Overlay.Thread");
        _originalFile = irp.Optional("Tail.Overlay.OriginalFileObject");
        _queueEntry = irp.Optional("Tail.Overlay.DeviceQueueEntry");
        StructLayout location = _session.Types.Get("_IO_STACK_LOCATION");
        _location = new byte[location.Size];
        _major = location.Required("MajorFunction");
        _minor = location.Optional("MinorFunction");
        _device = location.Required("DeviceObject");
        _file = location.Required("FileObject");
        _fileName = _session.Types.Get("_FILE_OBJECT").Required("FileName");
        _fileIrps = _session.Types.Get("_FILE_OBJECT").Optional("IrpList");
        _threadListOffset = _session.Types.Get("_ETHREAD").Required("IrpList").Offset;
    }

    /// <summary>The devices that requests are at.</summary>
    public DeviceReader Devices => _devices;

    /// <summary>The requests in a thread's list.</summary>
    public IReadOnlyList<RequestFacts> Read(ThreadFacts thread)
    {
        List<RequestFacts> requests = [];
        if (_irp.Length > 0 && _location.Length > 0)
            ReadList(thread.Address.Value + (ulong)_threadListOffset, _listEntry.Offset, Limits.RequestsPerThread,
                $"some requests of thread {thread.Address.Value:x16}", requests);
        for (int i = 0; i < requests.Count; i++)
            // Who has it in its list is sure; the request's own field is not filled for every kind.
            requests[i] = requests[i] with { Thread = thread };
        return requests;
    }

    /// <summary>Adds the requests that hang on a file and not on a thread: those whose completion goes to a port.</summary>
    public void ReadFile(ulong file, List<RequestFacts> requests)
    {
        if (_fileIrps.IsPresent && _session.IsObject(file))
            ReadList(file + (ulong)_fileIrps.Offset, _listEntry.Offset, Limits.RequestsPerDevice,
                $"some requests of file {file:x16}", requests);
    }

    /// <summary>Adds the requests that a device works on and that wait in its queue.</summary>
    public void ReadDevice(ulong device, List<RequestFacts> requests)
    {
        if (_devices.CurrentRequest(device) is { } current && ReadRequest(current) is { } request)
            requests.Add(request);
        if (_queueEntry.IsPresent && _devices.QueueHead(device) is { } head)
            ReadList(head, _queueEntry.Offset, Limits.RequestsPerDevice, $"some requests of device {device:x16}", requests);
    }

    /// <summary>The request at an address; null where there is none.</summary>
    public RequestFacts? ReadRequest(ulong address)
    {
        if (!_session.IsObject(address) || !_session.Memory.TryRead(address, _irp) || _irpType.Read(_irp) != IrpType)
            return null;
        ulong count = _stackCount.Read(_irp);
        ulong current = _currentLocation.Read(_irp);
        if (count == 0 || current > count + 2)
            return null;
        ulong flags = _flags.Read(_irp);
        RequestFacts request = new(address)
        {
            Place = current > count + 1 ? RequestPlace.Completed : current > count ? RequestPlace.NoDriver : RequestPlace.AtDriver,
            UserEvent = _userEvent.Read(_irp),
            IsPaging = (flags & PagingFlags) != 0,
            IsCancelled = _cancel.IsSet(_irp),
            HasCancelRoutine = _cancelRoutine.IsSet(_irp),
            MasterRequest = (flags & AssociatedFlag) != 0 ? _master.Read(_irp) : 0,
        };
        if (request.Place == RequestPlace.Completed)
            return request;
        ulong file = _originalFile.Read(_irp);
        request = request with { Thread = _system.FindThread(_thread.Read(_irp)), FileObject = file, FileName = NameOf(file) };
        if (request.Place == RequestPlace.NoDriver)
            return request;
        return TryReadLocation(address, current) ? AtDriver(request) : request with { Place = RequestPlace.Unknown };
    }

    private bool TryReadLocation(ulong irp, ulong current) =>
        _session.Memory.TryRead(_currentStack.Read(_irp), _location)
        || (current > 0 && _session.Memory.TryRead(irp + (ulong)_irp.Length + (current - 1) * (ulong)_location.Length, _location));

    private RequestFacts AtDriver(RequestFacts request)
    {
        ulong device = _device.Read(_location);
        ulong file = _file.Read(_location);
        int major = (int)_major.Read(_location);
        DeviceDescription description = _devices.Describe(device);
        return request with
        {
            Function = major < s_major.Length ? $"IRP_MJ_{s_major[major]}" : $"major function 0x{major:x}",
            Minor = (byte)_minor.Read(_location),
            Device = device,
            DeviceKind = description.Kind,
            DevicesAbove = description.Above,
            DevicesBelow = description.Below,
            DriverObject = description.DriverObject,
            DriverStart = description.DriverStart,
            DriverName = description.DriverName,
            FileObject = file == 0 ? request.FileObject : file,
            FileName = file == 0 ? request.FileName : NameOf(file),
        };
    }

    private void ReadList(ulong head, int linkOffset, int limit, string what, List<RequestFacts> requests)
    {
        _entries.Clear();
        string? problem = LinkedList.Collect(_session.Memory, head, limit, _entries);
        if (problem is not null)
            _session.AddUnknown(what, $"the list of requests is damaged: {problem}");
        foreach (ulong entry in _entries)
            if (ReadRequest(entry - (ulong)linkOffset) is { } request)
                requests.Add(request);
    }

    private string? NameOf(ulong file) => _fileName.IsPresent && _session.IsObject(file)
        ? UnicodeStrings.Read(_session.Memory, file + (ulong)_fileName.Offset)
        : null;
}
