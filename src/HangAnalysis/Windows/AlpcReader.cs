using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>An ALPC message as recorded.</summary>
internal readonly record struct AlpcMessage(
    ulong Address, ulong WaitingThread, ulong ServerThread, ulong PortQueue, ulong OwnerPort, ulong CommunicationInfo,
    ulong ConnectionPort, AlpcQueue Queue, bool Canceled, uint MessageId);

/// <summary>An ALPC port as recorded.</summary>
internal readonly record struct AlpcPort(ulong Address, ulong OwnerProcess, ulong CommunicationInfo, uint MainQueueLength);

/// <summary>The three ports of a connection.</summary>
internal readonly record struct AlpcConnection(ulong ConnectionPort, ulong ServerPort, ulong ClientPort);

/// <summary>The queue that holds a message: _KALPC_MESSAGE.u1.s1.QueueType.</summary>
/// <remarks>
/// Values as WinDbg's <c>!alpc /m</c> prints them (ALPC_MSGQUEUE_MAIN …); the field has two bits on 7601 and three since 9600.
/// </remarks>
internal enum AlpcQueue
{
    None = 0,
    Main = 1,
    Pending = 2,
    Large = 3,
    Canceled = 4,
    Direct = 5,
}

/// <summary>Reads ALPC messages, ports and connections.</summary>
internal sealed class AlpcReader
{
    private readonly KernelSession _session;
    private readonly byte[] _messageBuffer, _portBuffer, _connectionBuffer;
    private readonly FieldSlot _waitingThread, _serverThread, _portQueue, _ownerPort, _communicationInfo, _connectionPort;
    private readonly FieldSlot _queueType, _canceled, _messageId;
    private readonly FieldSlot _ownerProcess, _portCommunicationInfo, _mainQueueLength;
    private readonly FieldSlot _infoConnection, _infoServer, _infoClient;

    public AlpcReader(KernelSession session)
    {
        _session = session;
        StructLayout message = session.Types.Get("_KALPC_MESSAGE");
        _messageBuffer = new byte[message.Size];
        _waitingThread = message.Required("WaitingThread");
        _serverThread = message.Required("ServerThread");
        _portQueue = message.Required("PortQueue");
        _ownerPort = message.Required("OwnerPort");
        _communicationInfo = message.Required("CommunicationInfo");
        _connectionPort = message.Required("ConnectionPort");
        _queueType = message.Optional("u1.s1.QueueType");
        _canceled = message.Optional("u1.s1.Canceled");
        _messageId = message.Optional("PortMessage.MessageId");
        StructLayout port = session.Types.Get("_ALPC_PORT");
        _portBuffer = new byte[port.Size];
        _ownerProcess = port.Required("OwnerProcess");
        _portCommunicationInfo = port.Required("CommunicationInfo");
        _mainQueueLength = port.Required("MainQueueLength");
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
            _communicationInfo.Read(b), _connectionPort.Read(b), (AlpcQueue)_queueType.Read(b), _canceled.IsSet(b),
            (uint)_messageId.Read(b));
    }

    /// <summary>Reads a port; null where it is not in the dump.</summary>
    public AlpcPort? ReadPort(ulong address)
    {
        if (!TryRead(address, _portBuffer))
            return null;
        ReadOnlySpan<byte> b = _portBuffer;
        // Bit 0 of OwnerProcess marks a port whose owner has closed it (System Informer's notes on !alpc, checked on dumps).
        ulong owner = _ownerProcess.Read(b);
        return new AlpcPort(address, (owner & 1) == 0 ? owner : 0, _portCommunicationInfo.Read(b), (uint)_mainQueueLength.Read(b));
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
