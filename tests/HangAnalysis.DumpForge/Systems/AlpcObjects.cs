namespace HangAnalysis.DumpForge.Systems;

/// <summary>A connection: the port that a server listens at, and one port on each side.</summary>
public sealed record AlpcConnection(
    KernelStruct ConnectionPort, KernelStruct ServerPort, KernelStruct ClientPort, KernelStruct Info,
    ProcessBuilder Server, ProcessBuilder Client);

/// <summary>ALPC ports, connections and messages.</summary>
public sealed class AlpcObjects
{
    private readonly SystemBuilder _system;
    private readonly Dictionary<ulong, ulong> _lengths = [];
    private uint _nextMessage = 0x1c0;

    internal AlpcObjects(SystemBuilder system) => _system = system;

    /// <summary>The port that a server listens at.</summary>
    public KernelStruct ConnectionPort(ProcessBuilder owner, string? name = null, ulong? address = null)
    {
        KernelStruct port = NewPort(owner, name, address, 1);
        // A connection port has communication information of its own, which names it and nothing else.
        KernelStruct info = NewInfo();
        info.Set("ConnectionPort", port.Address);
        port.Set("CommunicationInfo", info.Address);
        return port;
    }

    /// <summary>A connection; its ports may have addresses.</summary>
    public AlpcConnection Connect(ProcessBuilder client, ProcessBuilder server, KernelStruct connectionPort,
        ulong? clientAddress = null, ulong? serverAddress = null)
    {
        KernelStruct serverPort = NewPort(server, null, serverAddress, 2), clientPort = NewPort(client, null, clientAddress, 3);
        KernelStruct info = NewInfo();
        info.Set("ConnectionPort", connectionPort.Address).Set("ServerCommunicationPort", serverPort.Address)
            .Set("ClientCommunicationPort", clientPort.Address);
        serverPort.Set("CommunicationInfo", info.Address);
        clientPort.Set("CommunicationInfo", info.Address);
        return new AlpcConnection(connectionPort, serverPort, clientPort, info, server, client);
    }

    /// <summary>
    /// A request that <paramref name="waiter"/> waits for the reply to. Without <paramref name="receiver"/> it lies in
    /// the main queue of the connection port, or in another of its queues; with one, in the pending queue, because its
    /// reply is owed.
    /// </summary>
    public ulong Request(
        AlpcConnection connection, ThreadBuilder waiter, ThreadBuilder? receiver, TimeSpan age, ulong? address = null,
        string queue = "MainQueue") =>
        Send(connection.ConnectionPort, connection.ClientPort, connection, waiter, receiver, age, address, queue);

    /// <summary>A request the other way: the server waits for its client, at whose port the message is.</summary>
    public ulong Callback(AlpcConnection connection, ThreadBuilder waiter, ThreadBuilder? receiver, TimeSpan age) =>
        Send(connection.ClientPort, connection.ServerPort, connection, waiter, receiver, age, null, "MainQueue");

    /// <summary>
    /// Requests that were received and will be answered some time, as calls that ask for news are: their senders have not
    /// waited for the replies.
    /// </summary>
    public void Outstanding(AlpcConnection connection, int count)
    {
        for (int i = 0; i < count; i++)
            Queue(connection.ConnectionPort, "PendingQueue",
                NewMessage(connection.ConnectionPort, connection.ClientPort, connection, connection.Client, true, null));
    }

    /// <summary>A thread that serves a queue and is at work: it stays on the queue's list.</summary>
    public void Serve(ulong queue, ThreadBuilder thread)
    {
        thread.Struct.Set("Tcb.Queue", queue);
        _system.Kernel.AppendToList(queue + (ulong)_system.Layout.Offset("_KQUEUE", "ThreadListHead"),
            thread.Struct.At("Tcb.QueueListEntry"));
    }

    private ulong Send(
        KernelStruct port, KernelStruct ownPort, AlpcConnection connection, ThreadBuilder waiter, ThreadBuilder? receiver,
        TimeSpan age, ulong? address, string queue)
    {
        KernelStruct message = NewMessage(port, ownPort, connection, waiter.Process, receiver is not null, address)
            .Set("WaitingThread", waiter.Address).Set("ServerThread", receiver?.Address ?? 0)
            .Set("PortMessage.ClientId.UniqueThread", waiter.Tid);
        if (queue == "CanceledQueue")
            message.TrySet("u1.s1.Canceled", 1);
        Queue(port, receiver is null ? queue : "PendingQueue", message);
        waiter.Struct.Set("AlpcMessage", message.Address).Set("AlpcMessageId", message.Get("PortMessage.MessageId"));
        waiter.Waiting("WrLpcReply", userMode: true, age, waiter.AlpcSemaphore);
        return message.Address;
    }

    private KernelStruct NewMessage(
        KernelStruct port, KernelStruct ownPort, AlpcConnection connection, ProcessBuilder sender, bool isReceived,
        ulong? address)
    {
        uint id = _nextMessage;
        _nextMessage += 4;
        return _system.NewStruct("_KALPC_MESSAGE", address).Set("PortQueue", port.Address).Set("OwnerPort", ownPort.Address)
            .Set("QuotaProcess", sender.Address).Set("CommunicationInfo", connection.Info.Address)
            .Set("ConnectionPort", connection.ConnectionPort.Address).Set("SequenceNo", id)
            .TrySet("u1.s1.QueueType", isReceived ? 2u : 1u).TrySet("u1.s1.QueuePortType", 1)
            .TrySet("u1.s1.Ready", 1)
            .TrySet("PortMessage.u1.s1.DataLength", 0x60).TrySet("PortMessage.u1.s1.TotalLength", 0x88)
            // LPC_REQUEST
            .TrySet("PortMessage.u2.s2.Type", 1)
            .Set("PortMessage.ClientId.UniqueProcess", sender.Pid).Set("PortMessage.MessageId", id);
    }

    internal void Finish()
    {
        foreach ((ulong field, ulong length) in _lengths)
            _system.Kernel.WriteUInt32(field, (uint)length);
    }

    private void Queue(KernelStruct port, string queue, KernelStruct message)
    {
        _system.Kernel.AppendToList(port.At(queue), message.At("Entry"));
        if (!port.Has(queue + "Length"))
            return;
        ulong field = port.At(queue + "Length");
        _lengths[field] = _lengths.GetValueOrDefault(field) + 1;
    }

    private KernelStruct NewPort(ProcessBuilder owner, string? name, ulong? address, uint kind)
    {
        KernelStruct port = _system.Objects.New("_ALPC_PORT", "ALPC Port", name, address);
        port.Set("OwnerProcess", owner.Address).TrySet("u1.s1.Type", kind);
        port.EmptyLists("MainQueue", "LargeMessageQueue", "PendingQueue", "DirectQueue", "WaitQueue", "CanceledQueue",
            "ResourceListHead");
        _system.Kernel.AppendToList(_system.Variables["AlpcpPortList"], port.At("PortListEntry"));
        return port;
    }

    private KernelStruct NewInfo() => _system.NewStruct("_ALPC_COMMUNICATION_INFO").EmptyLists("CommunicationList");
}
