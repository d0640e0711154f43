using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Words, cells and JSON of messages and ports: the commands on them show both in the same way.</summary>
internal static class MessageWords
{
    /// <summary>The state of a message in a cell.</summary>
    public static string Of(MessagePlace place) => place switch
    {
        MessagePlace.Queued => "queued",
        MessagePlace.TooLarge => "too large",
        MessagePlace.HandedOver => "handed over",
        MessagePlace.Received => "received",
        MessagePlace.Cancelled => "cancelled",
        _ => "in no queue",
    };

    /// <summary>What the state of a message means; a receiver that is recorded is named beside it.</summary>
    public static string Meaning(MessageFacts message) => message.Place switch
    {
        MessagePlace.Queued => "queued: nobody has received it",
        MessagePlace.TooLarge => "queued: it waits for a receiver with a larger buffer",
        MessagePlace.HandedOver => "handed to one thread, which has not taken it",
        MessagePlace.Received when message.ReceiverAddress != 0 => "received, the reply is owed",
        MessagePlace.Received => "received, by which thread is not recorded; the reply is owed",
        MessagePlace.Cancelled => "cancelled",
        _ => "in none of its port's queues, and no receiver is recorded",
    };

    /// <summary>What kind of port it is.</summary>
    public static string Of(PortKind kind) => kind switch
    {
        PortKind.Connection => "connection port",
        PortKind.Server => "server's port of a connection",
        PortKind.Client => "client's port of a connection",
        _ => "port of unknown kind",
    };

    /// <summary>Who received a message, or why nobody did.</summary>
    public static Span Receiver(MessageFacts message) => message.ReceiverAddress != 0
        ? Links.To(new ThreadAddress(message.ReceiverAddress))
        : new Span(Of(message.Place), message.Place == MessagePlace.Received ? Tone.Normal : Tone.Caution);

    /// <summary>A port's address, or a dash.</summary>
    public static Span Port(ulong address) => address == 0 ? ThreadCells.NotRecorded : Links.ToPort(address);

    /// <summary>A count of messages; what is there catches the eye.</summary>
    public static Span Count(uint? count) => count switch
    {
        null => ThreadCells.NotRecorded,
        0 => "0",
        _ => new Span($"{count:N0}", Tone.Caution),
    };

    /// <summary>A process with its address, which links to it.</summary>
    public static Span Owner(PortFacts? port) =>
        port?.Owner is { } owner ? new Span($"{owner.Address.Value:x16} {owner.Title}", Tone.Normal, Links.CommandFor(owner))
        : port is { OwnerAddress: not 0 } ? $"{port.OwnerAddress:x16} in no list of processes"
        : ThreadCells.NotRecorded;

    /// <summary>The address of the process that owns a port.</summary>
    public static Span OwnerAddress(PortFacts? port) => port?.Owner is { } owner ? Links.To(owner)
        : port is { OwnerAddress: not 0 } ? $"{port.OwnerAddress:x16}" : ThreadCells.NotRecorded;

    /// <summary>The name of the process that owns a port.</summary>
    public static Span OwnerTitle(PortFacts? port) => port?.Owner is { } owner
        ? new Span(owner.Title, Tone.Normal, Links.CommandFor(owner))
        : port is { OwnerAddress: not 0 } ? "in no list of processes" : ThreadCells.NotRecorded;

    /// <summary>How many threads serve a port.</summary>
    public static string Describe(PortFacts port, PortServers? servers)
    {
        if (servers is { Threads.Count: > 0 })
            return $"{ChainDocument.Count(servers.Threads.Count, "thread")} serve{(servers.Threads.Count == 1 ? "s" : "")} it, " +
                $"{(servers.Free == 0 ? "none" : servers.Free.ToString("N0"))} free";
        if (port.HasCallback)
            return "a driver's routine is called for arrivals";
        return servers is not null ? "its completion queue has no thread"
            : port.Receivers == 0 ? "no thread waits to receive from it"
            : $"it counts {port.Receivers:N0} waiting to receive, of which no thread was found";
    }

    /// <summary>The longest wait for one of several messages; null where none is known.</summary>
    public static MessageFacts? Oldest(IReadOnlyList<MessageFacts> messages)
    {
        MessageFacts? oldest = null;
        foreach (MessageFacts message in messages)
            if (message.Waiter is not null && (oldest is null || message.Waiter.Age > (oldest.Waiter!.Age ?? TimeSpan.MinValue)))
                oldest = message;
        return oldest;
    }

    /// <summary>The longest wait first; those whose age is unknown last.</summary>
    public static int CompareAge(MessageFacts a, MessageFacts b)
    {
        int order = (b.Waiter?.Age ?? TimeSpan.MinValue).CompareTo(a.Waiter?.Age ?? TimeSpan.MinValue);
        return order != 0 ? order : a.Address.CompareTo(b.Address);
    }

    /// <summary>A message in JSON.</summary>
    public static MessageJson ToJson(MessageFacts m) => new(
        VerdictJsonMapper.Hex(m.Address), m.Kind, m.IsFromKernel, m.Id, m.CallbackId, m.DataLength, m.TotalLength,
        m.SenderProcessId, m.SenderThreadId, Address(m.Sender?.Address.Value ?? 0), Thread(m.WaiterAddress, m.Waiter),
        VerdictJsonMapper.Age(m.Waiter?.Age), Json(m.Place), Thread(m.ReceiverAddress, m.Receiver),
        Address(m.QueuePort), m.Queue, Address(m.OwnerPort), Address(m.ConnectionPort), m.PortName, Address(m.Connection),
        Address(m.AnswererAddress), m.Answerer?.Name, m.Answerer?.Id, m.IsCallback, m.IsConnectionRequest, m.IsCancelled,
        m.IsReady, m.IsReplyWaitReply);

    /// <summary>A port in JSON.</summary>
    public static PortJson ToJson(PortFacts p) => new(
        VerdictJsonMapper.Hex(p.Address),
        p.Kind switch
        {
            PortKind.Connection => "connection", PortKind.Server => "server", PortKind.Client => "client", _ => "unknown",
        },
        p.Name, Address(p.OwnerAddress), p.Owner?.Name, p.Owner?.Id, p.IsClosed, p.IsDisconnected, p.NotReceived, p.ReplyOwed,
        p.Cancelled, [.. p.Queues.Select(q => new PortQueueJson(q.Name, Json(q.Place), q.Count))], Address(p.CompletionQueue),
        p.Receivers, p.HasCallback, Address(p.Connection?.ConnectionPort ?? 0), Address(p.Connection?.ServerPort ?? 0),
        Address(p.Connection?.ClientPort ?? 0));

    /// <summary>An address in JSON; null for none.</summary>
    public static string? Address(ulong address) => address == 0 ? null : VerdictJsonMapper.Hex(address);

    private static ThreadJson? Thread(ulong address, ThreadFacts? thread) => address == 0
        ? null
        : new ThreadJson(VerdictJsonMapper.Hex(address), thread?.Process.Name, thread?.Process.Id, thread?.Id);

    private static string Json(MessagePlace place) => place switch
    {
        MessagePlace.Queued => "queued",
        MessagePlace.TooLarge => "too-large",
        MessagePlace.HandedOver => "handed-over",
        MessagePlace.Received => "received",
        MessagePlace.Cancelled => "cancelled",
        _ => "nowhere",
    };
}
