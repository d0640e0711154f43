using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary>Arranges the ports of a process, and one port in detail.</summary>
internal static class PortDocument
{
    private const int LabelWidth = 12;

    /// <summary>Threads of a port's pool that are listed; those that are free come last.</summary>
    private const int MostThreads = 64;

    /// <summary>What the columns of figures count.</summary>
    public const string Legend = "New: messages that nobody has received; Owed: received, the reply is owed";

    /// <summary>The ports of a process: those that it made, with who is connected, and those that it is connected to.</summary>
    public static Document OfProcess(
        ProcessFacts process, IReadOnlyList<PortFacts> made, IReadOnlyList<PortFacts> connected, WindowsSystem system)
    {
        MessagePorts ports = system.MessagePorts;
        Document document = new();
        document.Add(new Span($"Ports created by the process {process.Title}", Tone.Strong), "  ", Links.To(process));
        int connections = 0;
        foreach (PortFacts port in made)
            connections += ports.ConnectionsTo(port).Count;
        if (made.Count > 0)
            document.Add(new TableBlock(
                [
                    new("Port"), new("New", Align.Right), new("Owed", Align.Right),
                    new("Name, or client's port", CanShrink: true), new("New", Align.Right), new("Owed", Align.Right),
                    new("Client process"), new("Image", CanShrink: true),
                ],
                made.SelectMany(p => MadeRows(p, ports)), 2));
        else
            document.Add("  none");
        document.Blank();
        document.Add(new Span($"Ports the process {process.Title} is connected to", Tone.Strong));
        if (connected.Count > 0)
            document.Add(new TableBlock(
                [
                    new("Client's port"), new("New", Align.Right), new("Owed", Align.Right), new("Connection port"),
                    new("Name", CanShrink: true), new("New", Align.Right), new("Owed", Align.Right),
                    new("Server process"), new("Image", CanShrink: true),
                ],
                connected.Select(p => ConnectedRow(p, ports))));
        else
            document.Add("  none");
        document.Blank();
        AddOldest(document, made, connected, ports);
        document.Add($"{ChainDocument.Count(made.Count, "port")} created with " +
            $"{ChainDocument.Count(connections, "connection")}, connected to {ChainDocument.Count(connected.Count, "port")}");
        document.Add(Legend);
        AddProblem(document, ports);
        return document;
    }

    /// <summary>One port: owner, queues, messages, connections, and the threads that serve it.</summary>
    public static Document OfPort(
        PortFacts port, IReadOnlyList<MessageFacts> messages, PortServers? servers, CommandSession session)
    {
        WindowsSystem system = session.Windows;
        MessagePorts ports = system.MessagePorts;
        Document document = new();
        string state = port.IsDisconnected ? ", disconnected" : port.IsClosed ? ", closed" : "";
        document.Add(new Span($"ALPC {MessageWords.Of(port.Kind)}", Tone.Strong), $" {port.Address:x16}",
            port.Name is null ? "" : $"  {port.Name}", new Span(state, Tone.Caution));
        document.Blank();
        Add(document, "Owner", port.OwnerAddress == 0 ? "not recorded any more" : MessageWords.Owner(port));
        Add(document, "Queues", [.. Queues(port)]);
        // Which threads of a client receive calls of its server is its own affair.
        if (port.Kind != PortKind.Client)
            Add(document, "Served by", MessageWords.Describe(port, servers));
        if (port.CompletionQueue != 0)
            Add(document, "", "completion queue ", Links.To(new ObjectReference(ObjectKind.Queue, port.CompletionQueue), system));
        if (port is { Kind: PortKind.Server or PortKind.Client, Connection: { } own })
            AddConnection(document, own, ports);
        Add(document, "Evidence", Command($"dt nt!_ALPC_PORT 0x{port.Address:x16}"));
        AddMessages(document, messages, system);
        AddConnections(document, ports.ConnectionsTo(port), ports);
        AddServers(document, servers, session);
        AddProblem(document, ports);
        return document;
    }

    /// <summary>Says why ports may be missing.</summary>
    public static void AddProblem(Document document, MessagePorts ports)
    {
        if (ports.Problem is { } problem)
            document.Add(new Span(problem, Tone.Caution));
    }

    private static IEnumerable<IReadOnlyList<Span>> MadeRows(PortFacts port, MessagePorts ports)
    {
        IReadOnlyList<PortConnection> connections = ports.ConnectionsTo(port);
        yield return
        [
            Links.ToPort(port.Address), MessageWords.Count(port.NotReceived), MessageWords.Count(port.ReplyOwed),
            new Span(port.Name ?? "without a name", Tone.Strong), "", "",
            ChainDocument.Count(connections.Count, "connection"), port.IsClosed ? "closed" : "",
        ];
        foreach (PortConnection connection in connections)
        {
            PortFacts? server = ports.Find(connection.ServerPort), client = ports.Find(connection.ClientPort);
            yield return
            [
                connection.ServerPort == 0 ? "  not accepted"
                    : Links.ToPort(connection.ServerPort) with { Text = $"  {connection.ServerPort:x16}" },
                MessageWords.Count(server?.NotReceived), MessageWords.Count(server?.ReplyOwed),
                connection.ClientPort == 0 ? "-> -"
                    : Links.ToPort(connection.ClientPort) with { Text = $"-> {connection.ClientPort:x16}" },
                MessageWords.Count(client?.NotReceived), MessageWords.Count(client?.ReplyOwed), MessageWords.OwnerAddress(client),
                MessageWords.OwnerTitle(client),
            ];
        }
    }

    private static IReadOnlyList<Span> ConnectedRow(PortFacts client, MessagePorts ports)
    {
        PortConnection connection = client.Connection!;
        PortFacts? port = ports.Find(connection.ConnectionPort);
        // The owner of a closed connection port is forgotten; that of the server's end may still be there.
        PortFacts? server = port?.Owner is null ? ports.Find(connection.ServerPort) ?? port : port;
        return
        [
            Links.ToPort(client.Address), MessageWords.Count(client.NotReceived), MessageWords.Count(client.ReplyOwed),
            MessageWords.Port(connection.ConnectionPort), port?.Name ?? ThreadCells.NotRecorded,
            MessageWords.Count(port?.NotReceived), MessageWords.Count(port?.ReplyOwed),
            MessageWords.OwnerAddress(server), MessageWords.OwnerTitle(server),
        ];
    }

    /// <summary>The longest wait at each of the ports where somebody waits.</summary>
    private static void AddOldest(
        Document document, IReadOnlyList<PortFacts> made, IReadOnlyList<PortFacts> connected, MessagePorts ports)
    {
        HashSet<ulong> mine = [];
        foreach (PortFacts port in made)
            mine.Add(port.Address);
        HashSet<ulong> ends = [];
        foreach (PortFacts port in connected)
            ends.Add(port.Connection!.Address);
        Dictionary<ulong, List<MessageFacts>> byPort = [];
        foreach (MessageFacts message in ports.Awaited)
            if (mine.Contains(message.ConnectionPort) || ends.Contains(message.Connection))
            {
                if (!byPort.TryGetValue(message.ConnectionPort, out List<MessageFacts>? list))
                    byPort.Add(message.ConnectionPort, list = []);
                list.Add(message);
            }
        if (byPort.Count == 0)
            return;
        document.Add(new Span("Threads that wait for replies through these ports", Tone.Strong));
        document.Add(new TableBlock(
            [
                new("Connection port"), new("Threads", Align.Right), new("Longest", Align.Right), new("Thread"),
                new("Process", CanShrink: true), new("Message"), new("Received by"),
            ],
            [.. byPort.Values.Select(OldestRow)], 2));
        document.Blank();
    }

    private static IReadOnlyList<Span> OldestRow(List<MessageFacts> messages)
    {
        MessageFacts oldest = MessageWords.Oldest(messages)!;
        ThreadFacts waiter = oldest.Waiter!;
        return
        [
            MessageWords.Port(oldest.ConnectionPort), $"{messages.Count:N0}", AgeText.Format(waiter.Age),
            Links.To(waiter.Address), new Span(waiter.Process.Title, Tone.Normal, Links.CommandFor(waiter.Process)), Links.ToMessage(oldest.Address),
            MessageWords.Receiver(oldest),
        ];
    }

    private static IEnumerable<Span> Queues(PortFacts port)
    {
        for (int i = 0; i < port.Queues.Count; i++)
        {
            yield return $"{(i == 0 ? "" : ", ")}{port.Queues[i].Name} ";
            yield return MessageWords.Count(port.Queues[i].Count);
        }
        if (port.Queues.Count == 0)
            yield return "the kernel's symbols have no counts of its queues";
    }

    private static void AddConnection(Document document, PortConnection connection, MessagePorts ports)
    {
        PortFacts? port = ports.Find(connection.ConnectionPort);
        Add(document, "Connected", "port ", MessageWords.Port(connection.ConnectionPort),
            port?.Name is { } name ? $" ({name})" : "", " of ", MessageWords.Owner(port));
        Add(document, "", "server's end ", MessageWords.Port(connection.ServerPort), " of ",
            MessageWords.Owner(ports.Find(connection.ServerPort)));
        Add(document, "", "client's end ", MessageWords.Port(connection.ClientPort), " of ",
            MessageWords.Owner(ports.Find(connection.ClientPort)));
    }

    private static void AddMessages(Document document, IReadOnlyList<MessageFacts> messages, WindowsSystem system)
    {
        document.Blank();
        if (messages.Count == 0)
        {
            document.Add("no message in its queues");
            return;
        }
        document.Add(new Span(ChainDocument.Count(messages.Count, "message"), Tone.Strong));
        document.Add(new TableBlock(
            [
                new("Message"), new("State"), new("Kind", CanShrink: true), new("Waiting thread"), new("Wait", Align.Right),
                new("Sender", CanShrink: true), new("Received by"),
            ],
            messages.Select(m => (IReadOnlyList<Span>)
            [
                Links.ToMessage(m.Address), new Span(MessageWords.Of(m.Place), ToneOf(m.Place)), m.Kind,
                m.Waiter is { } waiter ? Links.To(waiter.Address) : ThreadCells.NotRecorded, AgeText.Format(m.Waiter?.Age),
                Sender(m, system), m.ReceiverAddress == 0 ? ThreadCells.NotRecorded : MessageWords.Receiver(m),
            ]), 2));
    }

    private static Span Sender(MessageFacts message, WindowsSystem system)
    {
        return message.SenderProcess is { } process ? new Span(process.Title, Tone.Normal, Links.CommandFor(process))
            : message.SenderThreadId != 0 ? $"{message.SenderProcessId:x}.{message.SenderThreadId:x}" : ThreadCells.NotRecorded;
    }

    private static void AddConnections(Document document, IReadOnlyList<PortConnection> connections, MessagePorts ports)
    {
        if (connections.Count == 0)
            return;
        document.Blank();
        document.Add(new Span(ChainDocument.Count(connections.Count, "connection"), Tone.Strong));
        document.Add(new TableBlock(
            [
                new("Server's port"), new("New", Align.Right), new("Owed", Align.Right), new("Client's port"),
                new("New", Align.Right), new("Owed", Align.Right), new("Client process"), new("Image", CanShrink: true),
            ],
            connections.Select(c => ConnectionRow(c, ports)), 2));
        document.Add(new LineBlock([new Span(Legend, Tone.Muted)], [], 2));
    }

    private static IReadOnlyList<Span> ConnectionRow(PortConnection connection, MessagePorts ports)
    {
        PortFacts? server = ports.Find(connection.ServerPort), client = ports.Find(connection.ClientPort);
        return
        [
            connection.ServerPort == 0 ? "not accepted" : Links.ToPort(connection.ServerPort),
            MessageWords.Count(server?.NotReceived), MessageWords.Count(server?.ReplyOwed),
            MessageWords.Port(connection.ClientPort), MessageWords.Count(client?.NotReceived),
            MessageWords.Count(client?.ReplyOwed), MessageWords.OwnerAddress(client), MessageWords.OwnerTitle(client),
        ];
    }

    /// <summary>The threads that serve a port and what they do; those that are at work first.</summary>
    private static void AddServers(Document document, PortServers? servers, CommandSession session)
    {
        if (servers is null || servers.Threads.Count == 0)
            return;
        document.Blank();
        document.Add(new Span($"{ChainDocument.Count(servers.Threads.Count, "thread")} for its messages, " +
            $"{servers.Threads.Count - servers.Free:N0} at work", Tone.Strong));
        List<ThreadFacts> sorted = [.. servers.Threads];
        sorted.Sort((a, b) => IsFree(a) != IsFree(b) ? IsFree(a).CompareTo(IsFree(b)) : Nullable.Compare(b.Age, a.Age));
        document.Add(new TableBlock(
            [
                new("Thread"), new("Id", Align.Right), new("State"), new("Time", Align.Right), new("Reason"),
                new("Waits for", CanShrink: true),
            ],
            [.. sorted.Take(MostThreads).Select(t => (IReadOnlyList<Span>)
            [
                Links.To(t.Address), t.IdText, ThreadCells.State(t), AgeText.Format(t.Age),
                t.WaitReason ?? ThreadCells.NotRecorded, WaitsFor(t, session),
            ])], 2));
        if (sorted.Count > MostThreads)
            document.Add(new LineBlock([$"… and {sorted.Count - MostThreads:N0} more; see /json"], [], 2));
    }

    private static bool IsFree(ThreadFacts thread) => thread.WaitGroup == WaitGroup.Work;

    private static string WaitsFor(ThreadFacts thread, CommandSession session) => IsFree(thread) ? "the next message"
        : (session.Chains.HasSteps(thread)
            ? session.Chains.Follow(thread).Links[0].WaitsFor
            : session.System.DescribeWait(thread))?.ToString() ?? ThreadCells.NotRecorded;

    private static Tone ToneOf(MessagePlace place) => place == MessagePlace.Received ? Tone.Normal : Tone.Caution;

    private static Span Command(string command) => new(command, Tone.Normal, command);

    private static void Add(Document document, string label, params IReadOnlyList<Span> text) =>
        document.Add(new LineBlock([new Span(label.PadRight(LabelWidth), Tone.Strong), .. text], [], 0, LabelWidth));
}
