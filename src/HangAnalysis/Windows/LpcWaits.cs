using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Follows threads of XP and 2003 that wait for the reply to an LPC message.</summary>
/// <remarks>
/// A waiting client keeps the number of its message and the port it was sent by (the pointer's lowest bits are flags: ReactOS
/// ntoskrnl/include/internal/lpc.h). A server's thread that has taken a message keeps its number: that the two are equal is
/// the only record of who has it in work. What nobody has taken lies in the queue of the connection port. Later systems have
/// no such fields, and ALPC in their place.
/// </remarks>
internal sealed class LpcWaits
{
    /// <summary>LPCP_THREAD_FLAG_IS_PORT and LPCP_THREAD_FLAG_NO_IMPERSONATION.</summary>
    private const ulong PortFlags = 3;

    /// <summary>What chains call a message and a port.</summary>
    internal const string MessageName = "LPC message", PortName = "LPC port";

    private readonly WindowsSystem _system;
    private readonly KernelSession _session;
    private readonly ObjectNames _names;
    private readonly WaitGraphBuilder _graph;
    private readonly FieldSlot _awaited, _port, _received, _isReceivedValid, _connectionPort, _serverProcess, _creator, _queue;
    private readonly FieldSlot _entry, _messageId;
    private Dictionary<uint, List<ThreadFacts>>? _receivers;

    public LpcWaits(WindowsSystem system, ObjectNames names, WaitGraphBuilder graph)
    {
        (_system, _session, _names, _graph) = (system, system.Session, names, graph);
        StructLayout thread = _session.Types.Get("_ETHREAD");
        _awaited = thread.Optional("LpcReplyMessageId");
        if (!_awaited.IsPresent)
            return;
        _port = thread.Optional("LpcWaitingOnPort");
        _received = thread.Optional("LpcReceivedMessageId");
        _isReceivedValid = thread.Optional("LpcReceivedMsgIdValid");
        StructLayout port = _session.Types.Get("_LPCP_PORT_OBJECT");
        _connectionPort = port.Optional("ConnectionPort");
        _serverProcess = port.Optional("ServerProcess");
        _creator = port.Optional("Creator");
        _queue = port.Optional("MsgQueue.ReceiveHead");
        StructLayout message = _session.Types.Get("_LPCP_MESSAGE");
        _entry = message.Optional("Entry");
        _messageId = message.Optional("Request.MessageId");
    }

    /// <summary>Adds the steps of one thread.</summary>
    public void Add(ThreadFacts thread)
    {
        if (!_awaited.IsPresent || thread.WaitReason != "WrLpcReply" || !TryReadNumber(thread, _awaited, out uint number)
            || number == 0)
            return;
        ObjectReference from = ObjectReference.To(thread.Address);
        string evidence = $"!lpc message {number:x}";
        ulong connection = FindConnectionPort(thread);
        string name = connection == 0 ? "" : _names.Find(connection) is { } found ? $" at port {found}" : "";
        ProcessFacts? owner = connection == 0 ? null : FindServer(connection);
        if (FindQueued(connection, number) is var queued && queued != 0)
        {
            AddQueued(from, queued, number, name, connection, owner, evidence);
            return;
        }
        List<ThreadFacts> receivers = FindReceivers(number, owner);
        if (receivers is [{ WaitReason: not "WrLpcReceive" } server])
            _graph.Add(from, ObjectReference.To(server.Address),
                Phrase.Of($"reply to LPC message {number:x}{name}, received by thread {ObjectReference.To(server.Address)} of {server.Process}"),
                owner is null || owner == server.Process ? Certainty.Proven : Certainty.Inferred, evidence);
        else if (owner is not null)
            _graph.Add(from, ObjectReference.To(owner.Address),
                Phrase.Of($"reply to LPC message {number:x}{name}, which {owner} owes: {HowReceived(receivers)}"),
                Certainty.Inferred, evidence);
        else
            _session.AddUnknown($"who should answer LPC message {number:x} of thread {thread.Address.Value:x16}",
                "no thread has received it, and its port leads to no process");
    }

    private static string HowReceived(List<ThreadFacts> receivers) => receivers.Count switch
    {
        0 => "it is not in the port's queue, and no thread is recorded as its receiver",
        1 => "the thread that received it waits for the next message",
        _ => $"{receivers.Count} threads are recorded as its receivers",
    };

    private void AddQueued(ObjectReference from, ulong message, uint number, string name, ulong connection, ProcessFacts? owner,
        string evidence)
    {
        ObjectReference reference = new(ObjectKind.Message, message), port = new(ObjectKind.Port, connection);
        _graph.Add(from, reference, Phrase.Of($"reply to LPC message {number:x}{name}, queued at port {port}"),
            Certainty.Proven, evidence);
        _graph.Describe(new ObjectFacts(port, PortName, null, null));
        _graph.Describe(new ObjectFacts(reference, MessageName, null,
            owner is null ? Phrase.Of("its port's server is no process in the list") : null));
        if (owner is not null)
            _graph.Add(reference, ObjectReference.To(owner.Address), owner.HasExited
                ? Phrase.Of($"{owner}: it has exited without an answer")
                : Phrase.Of($"{owner}: no thread has received it"), Certainty.Proven, evidence);
    }

    /// <summary>The threads that have taken a message of a number: those of the port's server, where it has any of them.</summary>
    private List<ThreadFacts> FindReceivers(uint number, ProcessFacts? owner)
    {
        if (!(_receivers ??= ReadReceivers()).TryGetValue(number, out List<ThreadFacts>? receivers))
            return [];
        List<ThreadFacts> own = receivers.FindAll(t => t.Process == owner);
        return own.Count > 0 ? own : receivers;
    }

    private Dictionary<uint, List<ThreadFacts>> ReadReceivers()
    {
        Dictionary<uint, List<ThreadFacts>> receivers = [];
        foreach (ThreadFacts thread in _system.Threads)
        {
            if (thread.HasExited || !TryReadNumber(thread, _received, out uint number) || number == 0
                || (_isReceivedValid.IsPresent && !IsMarked(thread)))
                continue;
            if (!receivers.TryGetValue(number, out List<ThreadFacts>? list))
                receivers.Add(number, list = []);
            list.Add(thread);
        }
        return receivers;
    }

    private bool IsMarked(ThreadFacts thread)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        int size = Math.Clamp(_isReceivedValid.Size, 1, bytes.Length);
        FieldSlot mark = new(0, size, _isReceivedValid.BitPosition, _isReceivedValid.BitLength);
        return _session.Memory.TryRead(thread.Address.Value + (ulong)_isReceivedValid.Offset, bytes[..size])
            && mark.IsSet(bytes[..size]);
    }

    private bool TryReadNumber(ThreadFacts thread, FieldSlot field, out uint number)
    {
        number = 0;
        return field.IsPresent && _session.Memory.TryReadUInt32(thread.Address.Value + (ulong)field.Offset, out number);
    }

    /// <summary>The port on which a server listens: a connection port is its own one, which no other memory looks like.</summary>
    private ulong FindConnectionPort(ThreadFacts thread)
    {
        if (!_port.IsPresent || !_connectionPort.IsPresent
            || !_session.Memory.TryReadPointer(thread.Address.Value + (ulong)_port.Offset, out ulong port))
            return 0;
        return TryReadPort(port & ~PortFlags, out ulong connection) && TryReadPort(connection, out ulong own) && own == connection
            ? connection
            : 0;
    }

    private bool TryReadPort(ulong port, out ulong connection)
    {
        connection = 0;
        return _session.IsObject(port)
            && _session.Memory.TryReadPointer(port + (ulong)_connectionPort.Offset, out connection)
            && _session.IsObject(connection);
    }

    private ProcessFacts? FindServer(ulong connection)
    {
        if (_serverProcess.IsPresent && _session.Memory.TryReadPointer(connection + (ulong)_serverProcess.Offset, out ulong process)
            && _system.FindProcess(process) is { } server)
            return server;
        // CLIENT_ID begins with the identifier of the process.
        if (_creator.IsPresent && _session.Memory.TryReadPointer(connection + (ulong)_creator.Offset, out ulong id))
            foreach (ProcessFacts candidate in _system.Processes)
                if (candidate.Id == id && id != 0)
                    return candidate;
        return null;
    }

    /// <summary>Address of a message in a port's queue; 0 where it is not there.</summary>
    private ulong FindQueued(ulong connection, uint number)
    {
        if (connection == 0 || !_queue.IsPresent || !_messageId.IsPresent)
            return 0;
        List<ulong> entries = [];
        LinkedList.Collect(_session.Memory, connection + (ulong)_queue.Offset, Limits.QueuedMessages, entries);
        foreach (ulong entry in entries)
        {
            ulong message = entry - (ulong)_entry.Offset;
            if (_session.Memory.TryReadUInt32(message + (ulong)_messageId.Offset, out uint id) && id == number)
                return message;
        }
        return 0;
    }
}
