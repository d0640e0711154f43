using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>The ALPC ports of the system, and the messages at them. Read when asked for.</summary>
/// <remarks>
/// The kernel links every port into AlpcpPortList. Further ones are reached from the messages that threads wait for, from
/// the records of connections and from the lists of a connection port's connections: all that there is where the list cannot
/// be had, and what makes up for a damaged one. What a port is for is told by its place in the record of its connection and
/// not by a number in the port: the record names it, and only a port is named there.
/// </remarks>
public sealed class MessagePorts
{
    private readonly WindowsSystem _system;
    private readonly AlpcReader _reader;
    private readonly AlpcMessages _messages;
    private readonly QueueReader _queues;
    private readonly FieldSlot _waitEntry;
    private readonly Dictionary<ulong, PortFacts> _index = [];
    private readonly Dictionary<ulong, PortConnection?> _connections = [];
    private readonly Dictionary<ulong, List<PortConnection>> _byConnectionPort = [];
    private readonly Queue<ulong> _reached = [];
    private readonly HashSet<ulong> _seen = [];
    private readonly HashSet<ulong> _counted = [];
    private readonly bool _hasLpc;
    private List<PortFacts>? _all;
    private List<MessageFacts>? _awaited;

    internal MessagePorts(WindowsSystem system)
    {
        _system = system;
        _reader = new AlpcReader(system.Session);
        _messages = new AlpcMessages(system, _reader, new ObjectNames(system.Session));
        _queues = new QueueReader(system);
        _hasLpc = system.Session.Types.Get("_ETHREAD").Optional("LpcReplyMessageId").IsPresent;
        _waitEntry = system.Session.Types.Get("_ETHREAD").Optional("AlpcWaitListEntry");
    }

    /// <summary>Whether the kernel's types describe messages and ports of ALPC.</summary>
    public bool IsDescribed => _reader.IsKnown && _reader.KnowsPorts;

    /// <summary>Why nothing can be told of messages and ports; null where it can.</summary>
    public string? Absence => !_system.HoldsThreads ? "this kind of dump holds no messages and no ports"
        : !_reader.IsKnown && _hasLpc ? "this system has LPC and not ALPC: who waits for whom is told by !lpcchain and !why"
        : !_reader.IsKnown ? "the kernel's symbols do not describe ALPC messages"
        : !_reader.KnowsPorts ? "the kernel's symbols do not describe ALPC ports"
        : null;

    /// <summary>Why ports may be missing; null where the kernel's list of them is whole.</summary>
    public string? Problem { get; private set; }

    /// <summary>All ports: those of the kernel's list in its order, then further ones that were reached.</summary>
    public IReadOnlyList<PortFacts> All => _all ??= ReadAll();

    /// <summary>The messages whose reply a thread awaits, each with that thread, in the order of the threads.</summary>
    public IReadOnlyList<MessageFacts> Awaited => _awaited ??= ReadAwaited();

    /// <summary>Threads that wait for a reply and whose message cannot be had, with the reason.</summary>
    public IReadOnlyList<(ThreadFacts Thread, string Why)> WithoutMessage { get; private set; } = [];

    /// <summary>The port at an address; null where none is there that is listed or proves itself.</summary>
    public PortFacts? Find(ulong address)
    {
        if (_index.TryGetValue(address, out PortFacts? known))
            return known;
        return Read(address) is { Kind: not PortKind.Unknown } port ? port : null;
    }

    /// <summary>The connections to a connection port, in the order of the list of ports.</summary>
    public IReadOnlyList<PortConnection> ConnectionsTo(PortFacts port) =>
        All.Count > 0 && _byConnectionPort.TryGetValue(port.Address, out List<PortConnection>? connections) ? connections : [];

    /// <summary>The messages in a port's queues, and those that are awaited there and lie in none.</summary>
    public IReadOnlyList<MessageFacts> MessagesAt(PortFacts port)
    {
        List<MessageFacts> messages = [];
        OrderedDictionary<ulong, AlpcQueue> queued = _messages.QueuesOf(port.Address);
        foreach ((ulong address, AlpcQueue queue) in queued)
            messages.Add(_messages.Describe(address)
                ?? new MessageFacts(address)
                {
                    Kind = "not in the dump", Place = AlpcMessages.PlaceOf(queue), Queue = AlpcMessages.NameOf(queue),
                });
        foreach (MessageFacts awaited in Awaited)
            if (awaited.QueuePort == port.Address && !queued.ContainsKey(awaited.Address))
                messages.Add(awaited);
        return messages;
    }

    /// <summary>The threads that serve a port; null where it has neither a queue nor threads that receive for themselves.</summary>
    public PortServers? ServersOf(PortFacts port)
    {
        List<ThreadFacts> threads = port.CompletionQueue == 0 ? [] : _queues.FindThreads(port.CompletionQueue) ?? [];
        threads.RemoveAll(t => t.HasExited || (port.Owner is not null && t.Process != port.Owner));
        if (port.CompletionQueue == 0)
            CollectReceivers(port, threads);
        else if (port.Owner is not null)
            // The queue's own list may be damaged; who waits for it serves it in any case.
            foreach (ThreadFacts thread in port.Owner.Threads)
                if (WaitsFor(thread, port.CompletionQueue) && !threads.Contains(thread))
                    threads.Add(thread);
        int free = 0;
        foreach (ThreadFacts thread in threads)
            if (QueueReader.IsFree(thread) || thread.WaitReason == "WrLpcReceive")
                free++;
        return port.CompletionQueue == 0 && threads.Count == 0 ? null : new PortServers(threads, free);
    }

    /// <summary>The message at an address, if what it names shows that it is one.</summary>
    /// <param name="address">The address.</param>
    /// <param name="why">Why it is none, and what was looked at; or null.</param>
    public MessageFacts? FindMessage(ulong address, out string? why)
    {
        why = null;
        if (!_system.Session.IsObject(address))
            why = "it is no address of a kernel object";
        else if (_reader.ReadMessage(address) is not { } message)
            why = "it is not in the dump";
        else if (message.WaitingThread != 0 && _system.FindThread(message.WaitingThread) is { } waiter
            && waiter.Message == address)
            return _messages.Describe(message);
        else
        {
            // A message belongs to a port and to a connection as long as it exists; either proves itself.
            bool namesPort = Find(message.PortQueue) is not null || Find(message.OwnerPort) is not null
                || Find(message.ConnectionPort) is not null;
            bool namesThreads = IsThreadOrNone(message.WaitingThread) && IsThreadOrNone(message.ServerThread);
            if (namesPort && namesThreads)
                return _messages.Describe(message);
            why = namesPort
                ? "what would be its waiting or its server thread is no thread"
                : "no thread that it names waits for it, and none of its three ports is a port";
        }
        return null;
    }

    /// <summary>The message of which a thread awaits the reply; null where it awaits none, or where that cannot be had.</summary>
    public MessageFacts? FindAwaited(ThreadFacts thread, out string? why) =>
        _messages.TryDescribeAwaited(thread, out MessageFacts? message, out why) ? message : null;

    private static bool WaitsFor(ThreadFacts thread, ulong queue)
    {
        foreach (WaitedObject waited in thread.WaitsFor)
            if (waited.Address == queue)
                return true;
        return false;
    }

    private bool IsThreadOrNone(ulong address) => address == 0 || _system.FindThread(address) is not null;

    private List<MessageFacts> ReadAwaited()
    {
        List<MessageFacts> awaited = [];
        List<(ThreadFacts, string)> without = [];
        foreach (ThreadFacts thread in _system.Threads)
        {
            if (_system.Session.Cancellation.IsCancellationRequested)
                break;
            if (_messages.TryDescribeAwaited(thread, out MessageFacts? message, out string? problem))
                awaited.Add(message);
            else if (problem is not null)
                without.Add((thread, problem));
        }
        WithoutMessage = without;
        return awaited;
    }

    private List<PortFacts> ReadAll()
    {
        List<PortFacts> all = [];
        if (Absence is not null)
            return all;
        foreach (ulong port in ReadList())
            Add(port, all, isListed: true);
        foreach (MessageFacts message in Awaited)
            foreach (ulong port in (ReadOnlySpan<ulong>)[message.QueuePort, message.OwnerPort, message.ConnectionPort])
                _reached.Enqueue(port);
        while (_reached.TryDequeue(out ulong port) && all.Count < Limits.Ports
            && !_system.Session.Cancellation.IsCancellationRequested)
            Add(port, all, isListed: false);
        foreach (PortFacts port in all)
            if (port.Kind is PortKind.Server or PortKind.Client && port.Connection is { } connection)
                AddConnection(connection);
        if (_system.Session.Cancellation.IsCancellationRequested)
            Problem = "interrupted: not all ports were looked at";
        return all;
    }

    /// <summary>The addresses of the ports in the kernel's list.</summary>
    private List<ulong> ReadList()
    {
        List<ulong> ports = [];
        if (!_reader.PortListEntry.IsPresent || !_system.Session.TryGetAddress("AlpcpPortList", out ulong head))
        {
            Problem = "the kernel's symbols do not have its list of ports (AlpcpPortList): only ports are shown that the "
                + "messages of waiting threads lead to";
            return ports;
        }
        if (LinkedList.Collect(_system.Session.Memory, head, Limits.Ports, ports) is { } problem)
            Problem = $"the kernel's list of ports is damaged: {problem}; further ports are shown as far as others lead to them";
        for (int i = 0; i < ports.Count; i++)
            ports[i] -= (ulong)_reader.PortListEntry.Offset;
        return ports;
    }

    private void Add(ulong address, List<PortFacts> all, bool isListed)
    {
        if (address == 0 || !_seen.Add(address))
            return;
        if (Read(address) is not { } port)
        {
            if (isListed)
                Problem ??= $"port {address:x16} of the kernel's list is not in the dump";
            return;
        }
        if (!isListed && port.Kind == PortKind.Unknown)
            return;
        all.Add(port);
        _index.Add(address, port);
        if (port.Connection is not { } connection)
            return;
        _reached.Enqueue(connection.ConnectionPort);
        _reached.Enqueue(connection.ServerPort);
        _reached.Enqueue(connection.ClientPort);
        if (port.Kind == PortKind.Connection)
            ReachConnections(connection);
    }

    /// <summary>The ports of the connections in a connection port's own list.</summary>
    private void ReachConnections(PortConnection own)
    {
        if (!_reader.ConnectionList.IsPresent)
            return;
        List<ulong> entries = [];
        // A list that is cut gives what it has: the ports are in the kernel's list, too.
        LinkedList.Collect(_system.Session.Memory, own.Address + (ulong)_reader.ConnectionList.Offset, Limits.Ports, entries);
        foreach (ulong entry in entries)
            if (FindConnection(entry - (ulong)_reader.ConnectionList.Offset) is { } connection
                && connection.ConnectionPort == own.ConnectionPort)
            {
                _reached.Enqueue(connection.ServerPort);
                _reached.Enqueue(connection.ClientPort);
            }
    }

    private void AddConnection(PortConnection connection)
    {
        if (!_byConnectionPort.TryGetValue(connection.ConnectionPort, out List<PortConnection>? list))
            _byConnectionPort.Add(connection.ConnectionPort, list = []);
        if (_counted.Add(connection.Address))
            list.Add(connection);
    }

    private PortFacts? Read(ulong address)
    {
        if (_reader.ReadPort(address) is not { } port)
            return null;
        PortConnection? connection = FindConnection(port.CommunicationInfo);
        PortKind kind = connection switch
        {
            null => PortKind.Unknown,
            _ when connection.ConnectionPort == address => PortKind.Connection,
            _ when connection.ServerPort == address => PortKind.Server,
            _ when connection.ClientPort == address => PortKind.Client,
            _ => PortKind.Unknown,
        };
        AlpcQueueLengths counts = port.Lengths;
        List<PortQueueFacts> queues = [];
        foreach ((AlpcQueue queue, uint? count) in (ReadOnlySpan<(AlpcQueue, uint?)>)
        [
            (AlpcQueue.Main, counts.Main), (AlpcQueue.Large, counts.Large), (AlpcQueue.Direct, counts.Direct),
            (AlpcQueue.Pending, counts.Pending), (AlpcQueue.Canceled, counts.Canceled),
        ])
            if (count is not null)
                queues.Add(new PortQueueFacts(AlpcMessages.PlaceOf(queue), AlpcMessages.NameOf(queue), count));
        return new PortFacts(address, kind)
        {
            Name = kind is PortKind.Connection or PortKind.Unknown ? _messages.FindName(address) : null,
            OwnerAddress = port.OwnerProcess,
            Owner = _system.FindProcess(port.OwnerProcess),
            IsClosed = port.IsClosed,
            IsDisconnected = port.IsDisconnected,
            Connection = connection,
            Queues = queues,
            CompletionQueue = port.CompletionPort,
            Receivers = port.Receivers,
            HasCallback = port.HasCallback,
        };
    }

    /// <summary>The connection whose record lies at an address; null where that is not in the dump.</summary>
    public PortConnection? FindConnection(ulong address)
    {
        if (!_connections.TryGetValue(address, out PortConnection? connection))
        {
            connection = _reader.ReadConnection(address) is { } read
                ? new PortConnection(address, read.ConnectionPort, read.ServerPort, read.ClientPort)
                : null;
            _connections.Add(address, connection);
        }
        return connection;
    }

    /// <summary>Adds the threads that wait to receive from a port itself.</summary>
    private void CollectReceivers(PortFacts port, List<ThreadFacts> threads)
    {
        if (!_waitEntry.IsPresent || !_reader.WaitQueue.IsPresent)
            return;
        List<ulong> entries = [];
        ulong head = port.Address + (ulong)_reader.WaitQueue.Offset;
        LinkedList.Collect(_system.Session.Memory, head, Limits.ThreadsPerProcess, entries);
        foreach (ulong entry in entries)
            // The same entry serves other waits: only a thread that waits to receive is a receiver.
            if (_system.FindThread(entry - (ulong)_waitEntry.Offset) is { WaitReason: "WrLpcReceive" } thread)
                threads.Add(thread);
    }
}
