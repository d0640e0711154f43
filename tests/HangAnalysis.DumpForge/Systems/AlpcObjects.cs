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

    public AlpcConnection Connect(ProcessBuilder client, ProcessBuilder server, KernelStruct connectionPort)
    {
        KernelStruct serverPort = NewPort(server, null, null, 2), clientPort = NewPort(client, null, null, 3);
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
        const string Type = "_KALPC_MESSAGE";
        ulong at = address ?? _system.Pool.Take(_system.Layout.Size(Type));
        KernelStruct message = _system.NewStruct(Type, at);
        uint id = _nextMessage;
        _nextMessage += 4;
        message.Set("PortQueue", port.Address).Set("OwnerPort", ownPort.Address)
            .Set("WaitingThread", waiter.Address).Set("ServerThread", receiver?.Address ?? 0)
            .Set("QuotaProcess", waiter.Process.Address).Set("CommunicationInfo", connection.Info.Address)
            .Set("ConnectionPort", connection.ConnectionPort.Address).Set("SequenceNo", id)
            .TrySet("u1.s1.QueueType", receiver is null ? 1u : 2u).TrySet("u1.s1.QueuePortType", 1)
            .TrySet("u1.s1.Ready", 1)
            .TrySet("PortMessage.u1.s1.DataLength", 0x60).TrySet("PortMessage.u1.s1.TotalLength", 0x88)
            // LPC_REQUEST
            .TrySet("PortMessage.u2.s2.Type", 1)
            .Set("PortMessage.ClientId.UniqueProcess", waiter.Process.Pid)
            .Set("PortMessage.ClientId.UniqueThread", waiter.Tid).Set("PortMessage.MessageId", id);
        if (queue == "CanceledQueue")
            message.TrySet("u1.s1.Canceled", 1);
        Queue(port, receiver is null ? queue : "PendingQueue", message);
        waiter.Struct.Set("AlpcMessage", at).Set("AlpcMessageId", id);
        waiter.Waiting("WrLpcReply", userMode: true, age, waiter.AlpcSemaphore);
        return at;
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
