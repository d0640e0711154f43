using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Storage;

/// <summary>Reads what storport keeps of adapters and their units.</summary>
/// <remarks>
/// [P17763] The extension of a storport device begins with ObjectType; _RAID_ADAPTER_EXTENSION has Gateway, _RAID_UNIT_EXTENSION
/// has IoQueue.DeviceQueue, PendingQueue and counters; a request is an _EXTENDED_REQUEST_BLOCK in the unit's PendingQueue.
/// An extension is taken for what it says only where it points back to its device.
/// </remarks>
internal sealed class PortReader
{
    /// <summary>Requests at one disk. Queues of NVMe hold 64 K in theory, some thousand in practice.</summary>
    private const int MostRequests = 65_536;

    private readonly WindowsSystem _system;
    private readonly KernelSession _session;
    private readonly DriverTypes _types;
    private readonly FieldSlot _adapterDevice, _gatewayOut, _gatewayMost, _gatewayBusy, _gatewayPause;
    private readonly FieldSlot _unitDevice, _unitAdapter, _state, _unresponsive, _outstanding, _timeout, _resets;
    private readonly FieldSlot _depth, _waiting, _pause, _busy, _frozen, _locked, _powerLocked, _queueOutstanding;
    private readonly FieldSlot _irp, _unit, _start, _abort;
    private readonly int? _pendingList, _pendingLink;
    private readonly byte[] _adapter, _unitBytes, _request;
    private readonly List<ulong> _entries = [];

    public PortReader(WindowsSystem system, DriverTypes types)
    {
        _system = system;
        _session = system.Session;
        _types = types;
        StructLayout adapter = types.Types.Get("_RAID_ADAPTER_EXTENSION");
        _adapter = new byte[adapter.Size];
        _adapterDevice = adapter.Optional("DeviceObject");
        _gatewayOut = adapter.Optional("Gateway.Outstanding");
        _gatewayMost = adapter.Optional("Gateway.OutstandingMax");
        _gatewayBusy = adapter.Optional("Gateway.BusyCount");
        _gatewayPause = adapter.Optional("Gateway.PauseCount");
        StructLayout unit = types.Types.Get("_RAID_UNIT_EXTENSION");
        _unitBytes = new byte[unit.Size];
        _unitDevice = unit.Optional("DeviceObject");
        _unitAdapter = unit.Optional("Adapter");
        _state = unit.Optional("DeviceState");
        _unresponsive = unit.Optional("Flags.Unresponsive");
        _outstanding = unit.Optional("OutstandingCount");
        _timeout = unit.Optional("DefaultTimeout");
        _resets = unit.Optional("ResetCount");
        const string Queue = "IoQueue.DeviceQueue.";
        _depth = unit.Optional(Queue + "Depth");
        _waiting = unit.Optional(Queue + "DeviceCount");
        _pause = unit.Optional(Queue + "PauseCount");
        _busy = unit.Optional(Queue + "BusyCount");
        _frozen = unit.Optional(Queue + "Frozen");
        _locked = unit.Optional(Queue + "Locked");
        _powerLocked = unit.Optional(Queue + "PowerLocked");
        _queueOutstanding = unit.Optional(Queue + "OutstandingCount");
        _pendingList = types.FindListEntry("_RAID_UNIT_EXTENSION", "PendingQueue");
        StructLayout request = types.Types.Get("_EXTENDED_REQUEST_BLOCK");
        _request = new byte[request.Size];
        _irp = request.Optional("Irp");
        _unit = request.Optional("Unit");
        _start = request.Optional("RequestStartTimeStamp");
        _abort = request.Optional("AbortInProgress");
        _pendingLink = types.FindListEntry("_EXTENDED_REQUEST_BLOCK", "PendingLink");
    }

    /// <summary>The adapter that a device is; null where it is none.</summary>
    public DiskAdapterFacts? ReadAdapter(ulong device, ulong extension) =>
        !IsOf(device, extension, _adapter, _adapterDevice, "Adapter") ? null : new DiskAdapterFacts(device, extension)
        {
            Outstanding = Value(_gatewayOut, _adapter),
            MostOutstanding = Value(_gatewayMost, _adapter),
            PauseCount = Value(_gatewayPause, _adapter),
            BusyCount = Value(_gatewayBusy, _adapter),
        };

    /// <summary>The unit that a device is; null where it is none.</summary>
    public DiskFacts? ReadUnit(ulong device, ulong extension)
    {
        if (!IsOf(device, extension, _unitBytes, _unitDevice, "Unit"))
            return null;
        ulong? seconds = Value(_timeout, _unitBytes);
        DiskFacts disk = new(device, extension, _unitAdapter.Read(_unitBytes))
        {
            DeviceState = _state.IsPresent ? Words(_state.Read(_unitBytes)) : null,
            Outstanding = Value(_outstanding, _unitBytes) ?? Value(_queueOutstanding, _unitBytes),
            Depth = Value(_depth, _unitBytes),
            Waiting = Value(_waiting, _unitBytes),
            PauseCount = Value(_pause, _unitBytes),
            BusyCount = Value(_busy, _unitBytes),
            IsFrozen = Flag(_frozen, _unitBytes),
            IsLocked = Flag(_locked, _unitBytes),
            IsPowerLocked = Flag(_powerLocked, _unitBytes),
            IsUnresponsive = Flag(_unresponsive, _unitBytes),
            ResetCount = Value(_resets, _unitBytes),
            // [K] DefaultTimeout counts seconds, as the SRB's TimeOutValue does (srb.h); more than a day is no time-out.
            Timeout = seconds is > 0 and <= 86_400 ? TimeSpan.FromSeconds(seconds.Value) : null,
        };
        return disk with { Requests = ReadRequests(extension) };
    }

    private List<DiskRequestFacts> ReadRequests(ulong unit)
    {
        List<DiskRequestFacts> requests = [];
        if (_pendingList is not { } list || _pendingLink is not { } link || _request.Length == 0)
            return requests;
        _entries.Clear();
        if (LinkedList.Collect(_session.Memory, unit + (ulong)list, MostRequests, _entries) is { } problem)
            _session.AddUnknown($"some requests of disk {unit:x16}", $"the list of requests is damaged: {problem}");
        foreach (ulong entry in _entries)
        {
            ulong address = entry - (ulong)link;
            // A record of another unit is no record of this one: the list is damaged there.
            if (!_session.Memory.TryRead(address, _request) || (_unit.IsPresent && _unit.Read(_request) != unit))
                continue;
            (TimeSpan Age, string Unit)? age = _system.Clock.SinceStamp(_start.Read(_request));
            requests.Add(new DiskRequestFacts(address, _irp.Read(_request), age?.Age, age?.Unit, _abort.IsSet(_request)));
        }
        requests.Sort((a, b) => (b.Age ?? TimeSpan.MinValue).CompareTo(a.Age ?? TimeSpan.MinValue) is var order and not 0
            ? order : a.Address.CompareTo(b.Address));
        return requests;
    }

    /// <summary>
    /// Whether an extension is of a kind: it points back to its device, and its ObjectType is named so where the symbols name it.
    /// </summary>
    private bool IsOf(ulong device, ulong extension, byte[] buffer, FieldSlot owner, string kind)
    {
        if (buffer.Length == 0 || extension == 0 || !owner.IsPresent || !_session.Memory.TryRead(extension, buffer)
            || owner.Read(buffer) != device)
            return false;
        FieldSlot type = _types.Types.Get($"_RAID_{kind.ToUpperInvariant()}_EXTENSION").Optional("ObjectType");
        return !type.IsPresent || _types.NameOf("_RAID_OBJECT_TYPE", type.Read(buffer)) is not { } name
            || name.Contains(kind, StringComparison.OrdinalIgnoreCase);
    }

    private string? Words(ulong state) => _types.NameOf("_DEVICE_STATE", state);

    private static ulong? Value(FieldSlot field, byte[] bytes) => field.IsPresent ? field.Read(bytes) : null;

    private static bool? Flag(FieldSlot field, byte[] bytes) => field.IsPresent ? field.IsSet(bytes) : null;
}
