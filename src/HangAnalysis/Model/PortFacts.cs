namespace HangAnalysis.Model;

/// <summary>What a message port is for.</summary>
public enum PortKind
{
    /// <summary>Not known: nothing in the dump proves it.</summary>
    Unknown,

    /// <summary>The one that a server listens at and that clients connect to.</summary>
    Connection,

    /// <summary>The server's end of a connection.</summary>
    Server,

    /// <summary>The client's end of a connection.</summary>
    Client,
}

/// <summary>How many messages lie in one queue of a port.</summary>
/// <param name="Place">What it means to lie in that queue.</param>
/// <param name="Name">The system's own name of the queue.</param>
/// <param name="Count">Messages as the port counts them; null where it does not count.</param>
public readonly record struct PortQueueFacts(MessagePlace Place, string Name, uint? Count);

/// <summary>A message port.</summary>
/// <param name="Address">Address of the port.</param>
/// <param name="Kind">What it is for.</param>
public sealed record PortFacts(ulong Address, PortKind Kind)
{
    /// <summary>Last part of the name by which clients find it; null where it has none. Text from the dump.</summary>
    public string? Name { get; init; }

    /// <summary>Address of the process that owns it; 0 where none is recorded any more.</summary>
    public ulong OwnerAddress { get; init; }

    /// <summary>That process, if it is in the list of processes.</summary>
    public ProcessFacts? Owner { get; init; }

    /// <summary>Whether its owner or the other side has closed it.</summary>
    public bool IsClosed { get; init; }

    /// <summary>Whether it was the other side that ended the connection.</summary>
    public bool IsDisconnected { get; init; }

    /// <summary>Its connection; a connection port has a record that names it alone. Null where it is not in the dump.</summary>
    public PortConnection? Connection { get; init; }

    /// <summary>Its queues.</summary>
    public IReadOnlyList<PortQueueFacts> Queues { get; init; } = [];

    /// <summary>The queue of threads that is told of arrivals; 0 where threads receive from the port itself.</summary>
    public ulong CompletionQueue { get; init; }

    /// <summary>Threads that wait to receive from the port itself, as it counts them.</summary>
    public ulong Receivers { get; init; }

    /// <summary>Whether a driver's callback is told of arrivals.</summary>
    public bool HasCallback { get; init; }

    /// <summary>Messages that nobody has received; null where the port does not count them.</summary>
    public uint? NotReceived => Sum(MessagePlace.Queued, MessagePlace.TooLarge, MessagePlace.HandedOver);

    /// <summary>Messages that were received and whose reply is owed; null where the port does not count them.</summary>
    public uint? ReplyOwed => Sum(MessagePlace.Received);

    /// <summary>Messages that were cancelled; null where the port does not count them.</summary>
    public uint? Cancelled => Sum(MessagePlace.Cancelled);

    /// <summary>Whether any queue counts a message.</summary>
    public bool HoldsMessages
    {
        get
        {
            foreach (PortQueueFacts queue in Queues)
                if (queue.Count > 0)
                    return true;
            return false;
        }
    }

    private uint? Sum(params ReadOnlySpan<MessagePlace> places)
    {
        uint? sum = null;
        foreach (PortQueueFacts queue in Queues)
            if (queue.Count is { } count && places.Contains(queue.Place))
                sum = unchecked((sum ?? 0) + count);
        return sum;
    }
}

/// <summary>The ports of a connection, by their addresses; 0 for one that is not there, or not yet.</summary>
/// <param name="Address">Address of the connection's record.</param>
/// <param name="ConnectionPort">The port that the client connected to.</param>
/// <param name="ServerPort">The server's end.</param>
/// <param name="ClientPort">The client's end.</param>
public sealed record PortConnection(ulong Address, ulong ConnectionPort, ulong ServerPort, ulong ClientPort);

/// <summary>Who serves a port.</summary>
/// <param name="Threads">The threads that are registered with its queue, or that wait to receive from it.</param>
/// <param name="Free">How many of them wait for the next message.</param>
public sealed record PortServers(IReadOnlyList<ThreadFacts> Threads, int Free);
