using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Storage;

/// <summary>Reads what classpnp keeps of a disk: its time-out, its errors, the transfers under way.</summary>
/// <remarks>
/// [C] classpnp (microsoft/Windows-driver-samples): a FUNCTIONAL_DEVICE_EXTENSION begins with the device's address behind its
/// version; all TRANSFER_PACKETs of a disk are in AllTransferPacketsList, and one in use has its OriginalIrp.
/// </remarks>
internal sealed class ClassReader
{
    /// <summary>Packets of one disk. classpnp makes some dozen, and more under load.</summary>
    private const int MostPackets = 65_536;

    private readonly WindowsSystem _system;
    private readonly KernelSession _session;
    private readonly FieldSlot _owner, _timeout, _errors, _powerDown, _private;
    private readonly FieldSlot _irp, _original, _retries, _timedOut, _start;
    private readonly int? _packets, _packetLink;
    private readonly byte[] _extension, _packet;
    private readonly List<ulong> _entries = [];

    public ClassReader(WindowsSystem system, DriverTypes types)
    {
        _system = system;
        _session = system.Session;
        StructLayout extension = types.Types.Get("_FUNCTIONAL_DEVICE_EXTENSION");
        _extension = new byte[extension.Size];
        _owner = extension.Optional("DeviceObject");
        if (!_owner.IsPresent)
            _owner = extension.Optional("CommonExtension.DeviceObject");
        _timeout = extension.Optional("TimeOutValue");
        _errors = extension.Optional("ErrorCount");
        _powerDown = extension.Optional("PowerDownInProgress");
        _private = extension.Optional("PrivateFdoData");
        _packets = types.FindListEntry("_CLASS_PRIVATE_FDO_DATA", "AllTransferPacketsList");
        StructLayout packet = types.Types.Get("_TRANSFER_PACKET");
        _packet = new byte[packet.Size];
        _irp = packet.Optional("Irp");
        _original = packet.Optional("OriginalIrp");
        _retries = packet.Optional("NumRetries");
        _timedOut = packet.Optional("TimedOut");
        _start = packet.Optional("RequestStartTime");
        _packetLink = types.FindListEntry("_TRANSFER_PACKET", "AllPktsListEntry") ?? types.FindListEntry("_TRANSFER_PACKET");
    }

    /// <summary>What the class driver keeps of a device; null where it is none of its disks.</summary>
    public DiskClassFacts? Read(ulong device, ulong extension)
    {
        if (_extension.Length == 0 || extension == 0 || !_owner.IsPresent || !_session.Memory.TryRead(extension, _extension)
            || _owner.Read(_extension) != device)
            return null;
        ulong seconds = _timeout.Read(_extension);
        return new DiskClassFacts(device, extension)
        {
            Timeout = seconds is > 0 and <= 86_400 ? TimeSpan.FromSeconds(seconds) : null,
            ErrorCount = _errors.IsPresent ? _errors.Read(_extension) : null,
            IsPoweringDown = _powerDown.IsPresent ? _powerDown.IsSet(_extension) : null,
            Transfers = ReadTransfers(device, _private.Read(_extension)),
        };
    }

    private List<TransferFacts> ReadTransfers(ulong device, ulong data)
    {
        List<TransferFacts> transfers = [];
        if (_packets is not { } list || _packetLink is not { } link || _packet.Length == 0 || !_session.IsObject(data))
            return transfers;
        _entries.Clear();
        if (LinkedList.Collect(_session.Memory, data + (ulong)list, MostPackets, _entries) is { } problem)
            _session.AddUnknown($"some transfers of disk {device:x16}", $"the list of packets is damaged: {problem}");
        foreach (ulong entry in _entries)
        {
            ulong address = entry - (ulong)link;
            if (!_session.Memory.TryRead(address, _packet) || !_original.IsSet(_packet))
                continue;
            transfers.Add(new TransferFacts(address, _irp.Read(_packet), _original.Read(_packet), _retries.Read(_packet),
                _timedOut.IsSet(_packet), _system.Clock.SinceStamp(_start.Read(_packet))?.Age));
        }
        transfers.Sort((a, b) => (b.Age ?? TimeSpan.MinValue).CompareTo(a.Age ?? TimeSpan.MinValue) is var order and not 0
            ? order : a.Address.CompareTo(b.Address));
        return transfers;
    }
}
