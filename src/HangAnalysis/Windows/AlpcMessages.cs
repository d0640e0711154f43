using System.Diagnostics.CodeAnalysis;
using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Describes ALPC messages: who sent them, who waits, how far they have come.</summary>
/// <remarks>
/// In which queue a message lies is found from the port's side, once for all messages of a port: each queue is walked once,
/// however many messages are asked about.
/// </remarks>
internal sealed class AlpcMessages(WindowsSystem system, AlpcReader reader, ObjectNames names)
{
    /// <summary>LPC_KERNELMODE_MESSAGE of the public headers (phnt).</summary>
    private const int KernelMessage = 0x8000;

    /// <summary>
    /// Kinds of messages by LPC_TYPE (ReactOS, phnt); 11 to 13 as NtApiDotNet has them. Number 0 is a message that was not sent.
    /// </summary>
    private static readonly string[] s_kinds =
    [
        "new message", "request", "reply", "datagram", "lost reply", "port closed", "client died", "exception", "debug event",
        "error event", "connection request", "connection reply", "cancelled", "unregister process",
    ];

    private static readonly AlpcQueue[] s_queues =
        [AlpcQueue.Main, AlpcQueue.Large, AlpcQueue.Pending, AlpcQueue.Direct, AlpcQueue.Canceled];

    private readonly Dictionary<ulong, OrderedDictionary<ulong, AlpcQueue>> _queuesByPort = [];
    private readonly Dictionary<ulong, string?> _names = [];
    private Dictionary<ulong, ThreadFacts>? _threadsById;
    private Dictionary<ulong, ProcessFacts>? _processesById;

    /// <summary>The name of a port; null where it has none.</summary>
    public string? FindName(ulong port)
    {
        if (!_names.TryGetValue(port, out string? name))
            _names.Add(port, name = names.Find(port));
        return name;
    }

    /// <summary>The messages in the queues of a port, in the order of the queues and, in each, of arrival.</summary>
    public OrderedDictionary<ulong, AlpcQueue> QueuesOf(ulong port)
    {
        if (_queuesByPort.TryGetValue(port, out OrderedDictionary<ulong, AlpcQueue>? known))
            return known;
        OrderedDictionary<ulong, AlpcQueue> places = [];
        _queuesByPort.Add(port, places);
        if (reader.ReadPort(port) is null)
            return places;
        List<ulong> messages = [];
        foreach (AlpcQueue queue in s_queues)
        {
            messages.Clear();
            if (reader.CollectQueue(port, queue, messages) is { } problem)
                system.Session.AddUnknown($"some messages at port {port:x16}", $"its {NameOf(queue)} queue is damaged: {problem}");
            foreach (ulong message in messages)
                places.TryAdd(message, queue);
        }
        return places;
    }

    /// <summary>Describes what is at an address as a message; null where that is not in the dump.</summary>
    public MessageFacts? Describe(ulong address) => reader.ReadMessage(address) is { } message ? Describe(message) : null;

    /// <summary>Describes the message of which a thread awaits the reply.</summary>
    /// <returns>False where it awaits none, or its message cannot be had: <paramref name="problem"/> then says why.</returns>
    public bool TryDescribeAwaited(ThreadFacts thread, [NotNullWhen(true)] out MessageFacts? message, out string? problem)
    {
        message = null;
        problem = null;
        if (thread.Message == 0)
            return false;
        if (reader.ReadMessage(thread.Message) is not { } read)
            problem = $"its message {thread.Message:x16} is not in the dump";
        else if (read.WaitingThread != thread.Address.Value)
            problem = $"its message {thread.Message:x16} names another waiting thread ({read.WaitingThread:x16})";
        else
            message = Describe(read);
        return message is not null;
    }

    /// <summary>Describes a message that was read.</summary>
    public MessageFacts Describe(in AlpcMessage message)
    {
        (ulong answerer, ulong connectionPort) = reader.FindAnswerer(message);
        ThreadFacts? waiter = system.FindThread(message.WaitingThread);
        const int KindMask = 0xff;
        AlpcQueue queue = message.PortQueue == 0
            ? AlpcQueue.None
            : QueuesOf(message.PortQueue).GetValueOrDefault(message.Address);
        int kind = message.Type & KindMask;
        return new MessageFacts(message.Address)
        {
            Kind = kind < s_kinds.Length ? s_kinds[kind] : $"message of type {kind}",
            IsFromKernel = (message.Type & KernelMessage) != 0,
            Id = message.Id,
            CallbackId = message.CallbackId,
            DataLength = message.DataLength,
            TotalLength = message.TotalLength,
            SenderProcessId = message.SenderProcess,
            SenderThreadId = message.SenderThread,
            SenderProcess = FindProcess(message.SenderProcess),
            Sender = FindSender(message),
            WaiterAddress = message.WaitingThread,
            Waiter = waiter is not null && waiter.Message == message.Address ? waiter : null,
            ReceiverAddress = message.ServerThread,
            Receiver = system.FindThread(message.ServerThread),
            // The mark of a cancelled message may stand on one that its server could still receive.
            Place = message.ServerThread != 0 ? MessagePlace.Received
                : message.IsCanceled && queue != AlpcQueue.Main ? MessagePlace.Cancelled
                : PlaceOf(queue),
            QueuePort = message.PortQueue,
            Queue = queue == AlpcQueue.None ? null : NameOf(queue),
            OwnerPort = message.OwnerPort,
            ConnectionPort = connectionPort,
            PortName = FindName(connectionPort),
            Connection = message.CommunicationInfo,
            AnswererAddress = answerer,
            Answerer = system.FindProcess(answerer),
            IsConnectionRequest = message.IsConnectionRequest,
            IsCallback = reader.IsCallback(message),
            IsCancelled = message.IsCanceled,
            IsReady = message.IsReady,
            IsReplyWaitReply = message.IsReplyWaitReply,
        };
    }

    /// <summary>What it means for a message to lie in a queue.</summary>
    public static MessagePlace PlaceOf(AlpcQueue queue) => queue switch
    {
        AlpcQueue.Main => MessagePlace.Queued,
        AlpcQueue.Large => MessagePlace.TooLarge,
        AlpcQueue.Pending => MessagePlace.Received,
        AlpcQueue.Direct => MessagePlace.HandedOver,
        AlpcQueue.Canceled => MessagePlace.Cancelled,
        _ => MessagePlace.Nowhere,
    };

    /// <summary>What to call a queue: as in the names of its fields.</summary>
    public static string NameOf(AlpcQueue queue) => queue switch
    {
        AlpcQueue.Main => "main",
        AlpcQueue.Large => "large message",
        AlpcQueue.Pending => "pending",
        AlpcQueue.Direct => "direct",
        AlpcQueue.Canceled => "canceled",
        _ => "no",
    };

    private ProcessFacts? FindProcess(ulong id)
    {
        if (_processesById is null)
        {
            _processesById = [];
            foreach (ProcessFacts process in system.Processes)
                // An identifier is free again when its process has exited.
                if (!process.HasExited)
                    _processesById.TryAdd(process.Id, process);
        }
        return id == 0 ? null : _processesById.GetValueOrDefault(id);
    }

    /// <summary>The thread that a message's client identifier means: a thread may have got the number of an older one.</summary>
    private ThreadFacts? FindSender(in AlpcMessage message)
    {
        if (_threadsById is null)
        {
            _threadsById = [];
            foreach (ThreadFacts thread in system.Threads)
                _threadsById.TryAdd(thread.Id, thread);
        }
        return _threadsById.TryGetValue(message.SenderThread, out ThreadFacts? sender) && sender.Process.Id == message.SenderProcess
            ? sender
            : null;
    }
}
