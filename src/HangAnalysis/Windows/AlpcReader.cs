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

    /// <summary>PORT_MESSAGE.u2.s2.Type: the kind in the lower byte, flags above it.</summary>
    public ushort Type { get; init; }

    /// <summary>Number by which the reply names it.</summary>
    public uint Id { get; init; }

    /// <summary>Number of the call back to the client that it belongs to; 0 for none.</summary>
    public uint CallbackId { get; init; }

    /// <summary>Bytes of data; null where the symbols do not tell.</summary>
    public int? DataLength { get; init; }

    /// <summary>Bytes with the header; null where the symbols do not tell.</summary>
    public int? TotalLength { get; init; }

    /// <summary>Identifier of the process that sent it.</summary>
    public ulong SenderProcess { get; init; }

    /// <summary>Identifier of the thread that sent it.</summary>
    public ulong SenderThread { get; init; }

    /// <summary>u1.s1.Ready; null where the symbols do not have it.</summary>
    public bool? IsReady { get; init; }

    /// <summary>u1.s1.ReplyWaitReply; null where the symbols do not have it.</summary>
    public bool? IsReplyWaitReply { get; init; }
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

    /// <summary>Whether it was the other side that ended the connection.</summary>
    public bool IsDisconnected { get; init; }

    /// <summary>The record of the connection that it is a port of; a connection port has one of its own.</summary>
    public ulong CommunicationInfo { get; init; }

    /// <summary>Messages in each queue as the port counts them, by <see cref="AlpcQueue"/>; null where it does not count.</summary>
    public AlpcQueueLengths Lengths { get; init; }
}

/// <summary>How many messages a port counts in its queues; null where the symbols have no count of a queue.</summary>
internal readonly record struct AlpcQueueLengths(uint? Main, uint? Large, uint? Pending, uint? Direct, uint? Canceled);

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
    private readonly FieldSlot _messageType, _canceled, _ready, _replyWaitReply, _id, _callbackId, _dataLength, _totalLength;
    private readonly FieldSlot _senderProcess, _senderThread;
    private readonly FieldSlot _ownerProcess, _completionPort, _receivers, _callback, _closed, _disconnected, _portInfo;
    private readonly FieldSlot _mainLength, _largeLength, _pendingLength, _directLength, _canceledLength;
    private readonly (FieldSlot Head, AlpcQueue Queue)[] _queues;
    private readonly FieldSlot _infoConnection, _infoServer, _infoClient;
    private readonly Dictionary<(ulong Port, ulong Entry), AlpcQueue> _queueOfEntry = [];
    private readonly List<ulong> _passed = [];

    public AlpcReader(KernelSession session)
    {
        _session = session;
        // XP and 2003 have LPC in its place: then nothing is missing.
        bool hasLpc = session.Types.Get("_ETHREAD").Optional("LpcReplyMessageId").IsPresent;
        StructLayout message = session.Types.Get("_KALPC_MESSAGE");
        _messageBuffer = new byte[message.Size];
        _entry = Field(message, "Entry");
        _waitingThread = Field(message, "WaitingThread");
        _serverThread = Field(message, "ServerThread");
        _portQueue = Field(message, "PortQueue");
        _ownerPort = Field(message, "OwnerPort");
        _communicationInfo = Field(message, "CommunicationInfo");
        _connectionPort = Field(message, "ConnectionPort");
        _messageType = message.Optional("PortMessage.u2.s2.Type");
        _canceled = message.Optional("u1.s1.Canceled");
        _ready = message.Optional("u1.s1.Ready");
        _replyWaitReply = message.Optional("u1.s1.ReplyWaitReply");
        _id = message.Optional("PortMessage.MessageId");
        _callbackId = message.Optional("PortMessage.CallbackId");
        _dataLength = message.Optional("PortMessage.u1.s1.DataLength");
        _totalLength = message.Optional("PortMessage.u1.s1.TotalLength");
        _senderProcess = message.Optional("PortMessage.ClientId.UniqueProcess");
        _senderThread = message.Optional("PortMessage.ClientId.UniqueThread");
        StructLayout port = session.Types.Get("_ALPC_PORT");
        _portBuffer = new byte[port.Size];
        _ownerProcess = Field(port, "OwnerProcess");
        _completionPort = port.Optional("CompletionPort");
        _receivers = port.Optional("WaitQueueLength");
        _callback = port.Optional("CallbackObject");
        _closed = port.Optional("u1.s1.Closed");
        _disconnected = port.Optional("u1.s1.Disconnected");
        _portInfo = port.Optional("CommunicationInfo");
        _mainLength = port.Optional("MainQueueLength");
        _largeLength = port.Optional("LargeMessageQueueLength");
        _pendingLength = port.Optional("PendingQueueLength");
        _directLength = port.Optional("DirectQueueLength");
        _canceledLength = port.Optional("CanceledQueueLength");
        PortListEntry = port.Optional("PortListEntry");
        WaitQueue = port.Optional("WaitQueue");
        _queues =
        [
            (Field(port, "MainQueue"), AlpcQueue.Main), (Field(port, "LargeMessageQueue"), AlpcQueue.Large),
            (Field(port, "PendingQueue"), AlpcQueue.Pending), (Field(port, "CanceledQueue"), AlpcQueue.Canceled),
            // New in 14393.
            (port.Optional("DirectQueue"), AlpcQueue.Direct),
        ];
        StructLayout info = session.Types.Get("_ALPC_COMMUNICATION_INFO");
        _connectionBuffer = new byte[info.Size];
        _infoConnection = Field(info, "ConnectionPort");
        _infoServer = Field(info, "ServerCommunicationPort");
        _infoClient = Field(info, "ClientCommunicationPort");
        ConnectionList = info.Optional("CommunicationList");

        FieldSlot Field(StructLayout structure, string name) =>
            hasLpc ? structure.Optional(name) : structure.Required(name);
    }

    /// <summary>Whether the symbols describe messages at all.</summary>
    public bool IsKnown => _messageBuffer.Length != 0 && _waitingThread.IsPresent;

    /// <summary>Whether the symbols describe ports and the records of their connections.</summary>
    public bool KnowsPorts => _portBuffer.Length != 0 && _connectionBuffer.Length != 0 && _portInfo.IsPresent
        && _infoConnection.IsPresent;

    /// <summary>ALPC_PORT.PortListEntry, linked into AlpcpPortList.</summary>
    public FieldSlot PortListEntry { get; }

    /// <summary>ALPC_PORT.WaitQueue: the threads that receive from the port itself, by their ETHREAD.AlpcWaitListEntry.</summary>
    public FieldSlot WaitQueue { get; }

    /// <summary>
    /// ALPC_COMMUNICATION_INFO.CommunicationList: in a connection port's record the head of the list of its connections'
    /// records, in those the entry.
    /// </summary>
    public FieldSlot ConnectionList { get; }

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
            Type = (ushort)_messageType.Read(b),
            Id = (uint)_id.Read(b),
            CallbackId = (uint)_callbackId.Read(b),
            DataLength = _dataLength.IsPresent ? (short)_dataLength.Read(b) : null,
            TotalLength = _totalLength.IsPresent ? (short)_totalLength.Read(b) : null,
            SenderProcess = _senderProcess.Read(b),
            SenderThread = _senderThread.Read(b),
            IsReady = _ready.IsPresent ? _ready.IsSet(b) : null,
            IsReplyWaitReply = _replyWaitReply.IsPresent ? _replyWaitReply.IsSet(b) : null,
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
            IsDisconnected = _disconnected.IsSet(b),
            CommunicationInfo = _portInfo.Read(b),
            Lengths = new AlpcQueueLengths(Count(_mainLength, b), Count(_largeLength, b), Count(_pendingLength, b),
                Count(_directLength, b), Count(_canceledLength, b)),
        };
    }

    /// <summary>Collects the messages in one queue of a port, oldest first.</summary>
    /// <returns>Null where the queue is whole; otherwise what is wrong with it.</returns>
    public string? CollectQueue(ulong port, AlpcQueue queue, List<ulong> messages)
    {
        foreach ((FieldSlot head, AlpcQueue kind) in _queues)
        {
            if (kind != queue || !head.IsPresent)
                continue;
            int first = messages.Count;
            string? problem = LinkedList.Collect(_session.Memory, port + (ulong)head.Offset, Limits.QueuedMessages, messages);
            for (int i = first; i < messages.Count; i++)
                messages[i] -= (ulong)_entry.Offset;
            return problem;
        }
        return null;
    }

    /// <summary>
    /// The process that should answer a message, 0 where none is recorded, and the port at which clients connect to its side.
    /// </summary>
    public (ulong Process, ulong ConnectionPort) FindAnswerer(in AlpcMessage message)
    {
        AlpcConnection? connection = ReadConnection(message.CommunicationInfo);
        ulong connectionPort = connection?.ConnectionPort ?? message.ConnectionPort;
        if (message.PortQueue != 0 && ReadPort(message.PortQueue) is { OwnerProcess: not 0 } queue)
            return (queue.OwnerProcess, connectionPort);
        if (connection is { } c)
        {
            // The waiter's own port tells its side: a server that calls back waits for its client.
            ulong other = message.OwnerPort == c.ServerPort ? c.ClientPort : c.ServerPort;
            if (ReadPort(other) is { OwnerProcess: not 0 } side)
                return (side.OwnerProcess, connectionPort);
        }
        return (ReadPort(connectionPort)?.OwnerProcess ?? 0, connectionPort);
    }

    /// <summary>Whether a server waits for its client: then its own port is the server's side of the connection.</summary>
    public bool IsCallback(in AlpcMessage message) =>
        message.OwnerPort != 0 && ReadConnection(message.CommunicationInfo) is { } connection
        && connection.ServerPort == message.OwnerPort && connection.ClientPort != message.OwnerPort;

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
        for (int i = 0; i < Limits.QueuedMessages && _session.IsObject(port); i++)
        {
            if (_queueOfEntry.TryGetValue((port, entry), out found))
                break;
            _passed.Add(entry);
            if (!_session.Memory.TryReadPointer(entry, out entry) || !_session.IsObject(entry)
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

    private static uint? Count(FieldSlot slot, ReadOnlySpan<byte> port) => slot.IsPresent ? (uint)slot.Read(port) : null;

    private bool TryRead(ulong address, byte[] buffer) =>
        buffer.Length != 0 && _session.IsObject(address) && _session.Memory.TryRead(address, buffer);
}
