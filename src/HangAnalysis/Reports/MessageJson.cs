namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!lpcwait</c>: the threads that wait for replies, by who should answer.</summary>
public sealed record LpcWaitJson(
    string Schema, IReadOnlyList<LpcServerJson> Servers, int Threads, IReadOnlyList<ReasonJson> NotShown);

/// <summary>A process that owes replies at one port. Callback: it is the client, and its server waits.</summary>
public sealed record LpcServerJson(
    string? Address, string? Process, ulong? Pid, string? Image, string? Port, string? PortName, bool Callback,
    int? ServingThreads, int? FreeThreads, string? Longest, IReadOnlyList<WaitingMessageJson> Waiting);

/// <summary>A message with the image of the process that waits for its reply.</summary>
public sealed record WaitingMessageJson(string? Image, MessageJson Message);

/// <summary>The JSON of <c>!msg</c>: the message, or why there is none; serving and free threads, chain in one sentence.</summary>
public sealed record MsgJson(
    string Schema, MessageJson? Message, string? Problem, int? ServingThreads, int? FreeThreads, string? Summary);

/// <summary>
/// A message. State is queued, too-large, handed-over, received, cancelled or nowhere; age is that of the wait for the reply.
/// </summary>
public sealed record MessageJson(
    string Address, string Kind, bool FromKernel, uint Id, uint CallbackId, int? DataLength, int? TotalLength, ulong SenderPid,
    ulong SenderTid, string? Sender, ThreadJson? Waiter, string? Age, string State, ThreadJson? Receiver, string? QueuePort,
    string? Queue, string? OwnerPort, string? ConnectionPort, string? PortName, string? Connection, string? Server, string? ServerProcess,
    ulong? ServerPid, bool Callback, bool ConnectionRequest, bool Cancelled, bool? Ready, bool? ReplyWaitReply);

/// <summary>A thread by its address; the rest is null where it is in no process's list.</summary>
public sealed record ThreadJson(string Thread, string? Process, ulong? Pid, ulong? Tid);

/// <summary>The JSON of <c>!lpcports</c>. Process is null where all ports were asked for.</summary>
public sealed record LpcPortsJson(
    string Schema, string? Process, IReadOnlyList<ListedPortJson> Ports, IReadOnlyList<PortPairJson> ConnectedTo, string? Problem);

/// <summary>
/// A port with what belongs to it; messages and the threads that serve it are null where no single port was asked for.
/// </summary>
public sealed record ListedPortJson(
    PortJson Port, int Waiting, string? Longest, IReadOnlyList<PortPairJson> Connections, IReadOnlyList<MessageJson>? Messages,
    IReadOnlyList<string>? ServingThreads, int? FreeThreads);

/// <summary>The ends of a connection, and the port that was connected to; null for one that is not in the dump.</summary>
public sealed record PortPairJson(PortJson? Server, PortJson? Client, PortJson? ConnectionPort);

/// <summary>A port. Kind is connection, server, client or unknown; counts are null where the port does not count.</summary>
public sealed record PortJson(
    string Address, string Kind, string? Name, string? Owner, string? Process, ulong? Pid, bool Closed, bool Disconnected,
    uint? NotReceived, uint? ReplyOwed, uint? Cancelled, IReadOnlyList<PortQueueJson> Queues, string? CompletionQueue,
    ulong Receivers, bool Callback, string? ConnectionPort, string? ServerPort, string? ClientPort);

/// <summary>A queue of a port, with the state of the messages in it.</summary>
public sealed record PortQueueJson(string Name, string State, uint? Count);
