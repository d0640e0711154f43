using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>An ALPC message as recorded.</summary>
internal readonly record struct AlpcMessage(
    ulong Address, ulong WaitingThread, ulong ServerThread, ulong PortQueue, ulong OwnerPort, ulong CommunicationInfo,
    ulong ConnectionPort)
{
    /// <summary>Whether it asks for a connection that the port's owner has not accepted.</summary>
    public bool IsConnectionRequest { get; init; }

    /// <summary>Whether its sender or the system has cancelled it.</summary>
    public bool IsCanceled { get; init; }
}

/// <summary>An ALPC port as recorded.</summary>
internal readonly record struct AlpcPort(ulong Address, ulong OwnerProcess)
{
    /// <summary>The queue to which arrivals are told; 0 where threads receive for themselves.</summary>
    public ulong CompletionPort { get; init; }

    /// <summary>Threads that wait to receive from the port itself.</summary>
    public ulong Receivers { get; init; }

    /// <summary>Whether a driver's callback is told of arrivals instead of a thread.</summary>
    public bool HasCallback { get; init; }

    /// <summary>Whether its owner, or the other side, has closed it.</summary>
    public bool IsClosed { get; init; }
}

/// <summary>The three ports of a connection.</summary>
internal readonly record struct AlpcConnection(ulong ConnectionPort, ulong ServerPort, ulong ClientPort);

/// <summary>The queue of a port that holds a message.</summary>
internal enum AlpcQueue
{
    /// <summary>None, or not known.</summary>
    None,

    /// <summary>Not received by anybody.</summary>
    Main,

    /// <summary>Not received, because no receiver's buffer is large enough.</summary>
    Large,

    /// <summary>Received; the reply is owed.</summary>
    Pending,

    /// <summary>Handed to one thread directly.</summary>
    Direct,

    /// <summary>Cancelled.</summary>
    Canceled,
}

/// <summary>Reads ALPC messages, ports and connections.</summary>
internal sealed class AlpcReader
{
    /// <summary>LPC_CONNECTION_REQUEST of the public headers (ReactOS, phnt); the type's upper byte holds flags.</summary>
    private const ulong ConnectionRequest = 10, MessageTypeMask = 0xff;

    private readonly KernelSession _session;
    private readonly byte[] _messageBuffer, _portBuffer, _connectionBuffer;
    private readonly FieldSlot _entry, _waitingThread, _serverThread, _portQueue, _ownerPort, _communicationInfo, _connectionPort;
    private readonly FieldSlot _messageType, _canceled;
    private readonly FieldSlot _ownerProcess, _completionPort, _receivers, _callback, _closed, _disconnected;
    private readonly (FieldSlot Head, AlpcQueue Queue)[] _queues;
    private readonly FieldSlot _infoConnection, _infoServer, _infoClient;
    private readonly Dictionary<(ulong Port, ulong Entry), AlpcQueue> _queueOfEntry = [];
    private readonly List<ulong> _passed = [];

    public AlpcReader(KernelSession session)
    {
        _session = session;
        StructLayout message = session.Types.Get("_KALPC_MESSAGE");
        _messageBuffer = new byte[message.Size];
        _entry = message.Required("Entry");
        _waitingThread = message.Required("WaitingThread");
        _serverThread = message.Required("ServerThread");
        _portQueue = message.Required("PortQueue");
        _ownerPort = message.Required("OwnerPort");
        _communicationInfo = message.Required("CommunicationInfo");
        _connectionPort = message.Required("ConnectionPort");
        _messageType = message.Optional("PortMessage.u2.s2.Type");
        _canceled = message.Optional("u1.s1.Canceled");
        StructLayout port = session.Types.Get("_ALPC_PORT");
        _portBuffer = new byte[port.Size];
        _ownerProcess = port.Required("OwnerProcess");
        _completionPort = port.Optional("CompletionPort");
        _receivers = port.Optional("WaitQueueLength");
        _callback = port.Optional("CallbackObject");
        _closed = port.Optional("u1.s1.Closed");
        _disconnected = port.Optional("u1.s1.Disconnected");
        _queues =
        [
            (port.Required("MainQueue"), AlpcQueue.Main), (port.Required("LargeMessageQueue"), AlpcQueue.Large),
            (port.Required("PendingQueue"), AlpcQueue.Pending), (port.Required("CanceledQueue"), AlpcQueue.Canceled),
            // New in 14393.
            (port.Optional("DirectQueue"), AlpcQueue.Direct),
        ];
        StructLayout info = session.Types.Get("_ALPC_COMMUNICATION_INFO");
        _connectionBuffer = new byte[info.Size];
        _infoConnection = info.Required("ConnectionPort");
        _infoServer = info.Required("ServerCommunicationPort");
        _infoClient = info.Required("ClientCommunicationPort");
    }

    /// <summary>Whether the symbols describe messages at all.</summary>
    public bool IsKnown => _messageBuffer.Length != 0 && _waitingThread.IsPresent;

    /// <summary>Reads a message; null where it is not in the dump.</summary>
    public AlpcMessage? ReadMessage(ulong address)
    {
        if (!TryRead(address, _messageBuffer))
            return null;
        ReadOnlySpan<byte> b = _messageBuffer;
        return new AlpcMessage(address, _waitingThread.Read(b), _serverThread.Read(b), _portQueue.Read(b), _ownerPort.Read(b),
            _communicationInfo.Read(b), _connectionPort.Read(b))
        {
            IsConnectionRequest = (_messageType.Read(b) & MessageTypeMask) == ConnectionRequest,
            IsCanceled = _canceled.IsSet(b),
        };
    }

    /// <summary>Reads a port; null where it is not in the dump.</summary>
    public AlpcPort? ReadPort(ulong address)
    {
        if (!TryRead(address, _portBuffer))
            return null;
        ReadOnlySpan<byte> b = _portBuffer;
        // Bit 0 of OwnerProcess says that the rest is not valid (a remark in System Informer's alpc.c).
        ulong owner = _ownerProcess.Read(b);
        return new AlpcPort(address, (owner & 1) == 0 ? owner : 0)
        {
            CompletionPort = _completionPort.Read(b),
            Receivers = _receivers.Read(b),
            HasCallback = _callback.IsSet(b),
            IsClosed = _closed.IsSet(b) || _disconnected.IsSet(b) || (owner & 1) != 0,
        };
    }

    /// <summary>
    /// The queue that holds a message: its links are followed to the head, which lies in the port. The message's own
    /// record of it (u1.s1.QueueType) has values that no public source defines. What a walk passes lies in the same queue
    /// and is remembered: thousands of messages may wait in one, and each would walk over all behind it.
    /// </summary>
    public AlpcQueue FindQueue(in AlpcMessage message)
    {
        ulong port = message.PortQueue;
        ulong first = message.Address + (ulong)_entry.Offset;
        ulong entry = first;
        AlpcQueue found = AlpcQueue.None;
        _passed.Clear();
        for (int i = 0; i < Limits.QueuedMessages && KernelSession.IsKernelObject(port); i++)
        {
            if (_queueOfEntry.TryGetValue((port, entry), out found))
                break;
            _passed.Add(entry);
            if (!_session.Memory.TryReadUInt64(entry, out entry) || !KernelSession.IsKernelObject(entry)
                || entry == first)
                break;
            if (entry - port >= (ulong)_portBuffer.Length)
                continue;
            foreach ((FieldSlot head, AlpcQueue queue) in _queues)
                if (head.IsPresent && entry == port + (ulong)head.Offset)
                    found = queue;
            break;
        }
        if (found != AlpcQueue.None)
            foreach (ulong passed in _passed)
                _queueOfEntry.TryAdd((port, passed), found);
        return found;
    }

    /// <summary>Reads the ports of a connection; null where the record is not in the dump.</summary>
    public AlpcConnection? ReadConnection(ulong address)
    {
        if (!TryRead(address, _connectionBuffer))
            return null;
        ReadOnlySpan<byte> b = _connectionBuffer;
        return new AlpcConnection(_infoConnection.Read(b), _infoServer.Read(b), _infoClient.Read(b));
    }

    private bool TryRead(ulong address, byte[] buffer) =>
        buffer.Length != 0 && KernelSession.IsKernelObject(address) && _session.Memory.TryRead(address, buffer);
}
