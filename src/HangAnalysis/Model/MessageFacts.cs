namespace HangAnalysis.Model;

/// <summary>How far a message between processes has come.</summary>
public enum MessagePlace
{
    /// <summary>In no queue, and no receiver is recorded.</summary>
    Nowhere,

    /// <summary>In a port's queue: nobody has received it.</summary>
    Queued,

    /// <summary>Nobody has received it, because no receiver's buffer is large enough.</summary>
    TooLarge,

    /// <summary>Handed to one thread directly, which has not taken it.</summary>
    HandedOver,

    /// <summary>Received; the reply is owed.</summary>
    Received,

    /// <summary>Cancelled; its sender may not know.</summary>
    Cancelled,
}

/// <summary>A message between processes.</summary>
/// <param name="Address">Address of the message.</param>
public sealed record MessageFacts(ulong Address)
{
    /// <summary>What kind of message it is, such as <c>request</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Whether kernel code and no program sent it.</summary>
    public bool IsFromKernel { get; init; }

    /// <summary>Number by which the reply names it.</summary>
    public uint Id { get; init; }

    /// <summary>Number of the call back to the client that it belongs to; 0 for none.</summary>
    public uint CallbackId { get; init; }

    /// <summary>Bytes of data; null where the symbols do not tell.</summary>
    public int? DataLength { get; init; }

    /// <summary>Bytes with the header; null where the symbols do not tell.</summary>
    public int? TotalLength { get; init; }

    /// <summary>Identifier of the process that sent it.</summary>
    public ulong SenderProcessId { get; init; }

    /// <summary>Identifier of the thread that sent it.</summary>
    public ulong SenderThreadId { get; init; }

    /// <summary>The process that sent it, if it is still there.</summary>
    public ProcessFacts? SenderProcess { get; init; }

    /// <summary>The thread that sent it, if it is still there.</summary>
    public ThreadFacts? Sender { get; init; }

    /// <summary>Address of the thread that waits for the reply; 0 where nobody does.</summary>
    public ulong WaiterAddress { get; init; }

    /// <summary>That thread, if it is in a process's list and waits for this message.</summary>
    public ThreadFacts? Waiter { get; init; }

    /// <summary>Address of the thread that received it; 0 where none is recorded.</summary>
    public ulong ReceiverAddress { get; init; }

    /// <summary>That thread, if it is in a process's list.</summary>
    public ThreadFacts? Receiver { get; init; }

    /// <summary>How far it has come.</summary>
    public MessagePlace Place { get; init; }

    /// <summary>The port in whose queue it lies, by its own record; 0 where none.</summary>
    public ulong QueuePort { get; init; }

    /// <summary>The system's own name of that port's queue; null where it lies in none of them.</summary>
    public string? Queue { get; init; }

    /// <summary>The port through which it was sent; 0 where none is recorded.</summary>
    public ulong OwnerPort { get; init; }

    /// <summary>The port that the connection was made to; 0 where none is recorded.</summary>
    public ulong ConnectionPort { get; init; }

    /// <summary>Name of that port; null where it has none. Text from the dump.</summary>
    public string? PortName { get; init; }

    /// <summary>Address of the connection's record; 0 where none.</summary>
    public ulong Connection { get; init; }

    /// <summary>Address of the process that should answer; 0 where none is recorded any more.</summary>
    public ulong AnswererAddress { get; init; }

    /// <summary>That process, if it is in the list of processes.</summary>
    public ProcessFacts? Answerer { get; init; }

    /// <summary>Whether it asks for a connection that nobody has accepted.</summary>
    public bool IsConnectionRequest { get; init; }

    /// <summary>Whether a server sent it and its client should answer.</summary>
    public bool IsCallback { get; init; }

    /// <summary>Whether it is marked as cancelled.</summary>
    public bool IsCancelled { get; init; }

    /// <summary>Whether it is marked as ready to be received; null where the dump does not tell.</summary>
    public bool? IsReady { get; init; }

    /// <summary>Whether the receiver is to reply and wait for a reply again; null where the dump does not tell.</summary>
    public bool? IsReplyWaitReply { get; init; }
}
