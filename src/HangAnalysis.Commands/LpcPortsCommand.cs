using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!lpcports</c>: message ports with their connections and queues.</summary>
internal sealed class LpcPortsCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "lpcports",
        "lists message ports: those of a process with its connections, one port, or all where somebody waits",
        "!lpcports [PROCESS | PORT] [-a] [/json] [/q]",
        [
            new("a", null, "every connection port of the system, and not only those with waiting threads or messages"),
            .. CommandHelp.ListingOptions,
        ],
        [("!lpcports", "connection ports with waiting threads or messages, the most awaited first"),
            ("!lpcports ffffe00100fda900", "ports that a process made, with who is connected, and ports that it is connected to"),
            ("!lpcports ffffab06b853c540",
                "one port: its owner, queues, messages, connections, and the threads that serve it")])
    {
        Subject = "ALPC ports",
    };

    /// <summary>A connection port, the messages that are awaited through it, and what its connections' ports hold.</summary>
    private sealed record Listed(PortFacts Port, List<MessageFacts> Awaited)
    {
        public uint? NotReceived { get; set; } = Port.NotReceived;

        public uint? ReplyOwed { get; set; } = Port.ReplyOwed;

        public int Connections { get; set; }

        public MessageFacts? Oldest => MessageWords.Oldest(Awaited);
    }

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!lpcports: one process or port at a time; see !lpcports /?");
        WindowsSystem system = session.RequireWindows(Help.Name);
        MessagePorts ports = system.MessagePorts;
        if (ports.Absence is { } absence)
            throw new CommandDeclinedException($"!lpcports: {absence}");
        if (arguments.Words.Count == 0)
            return All(system, arguments.Has("a"));
        ulong value = session.ParseAddress(arguments.Words[0]);
        if (system.FindProcess(value) is null && ports.Find(value) is { } port)
            return One(session, port);
        // What has the address of the kernel's objects is no identifier.
        if (system.IsKernel(value) && system.FindProcess(value) is null)
            throw new CommandUsageException(
                $"!lpcports: {value:x16} is neither a process nor a port that a connection's record names");
        return Of(session, session.FindProcess(arguments.Words[0]));
    }

    private static CommandOutput All(WindowsSystem system, bool withQuiet)
    {
        List<Listed> listed = Select(system.MessagePorts, withQuiet, out int count);
        return new CommandOutput(ArrangeAll(listed, count, withQuiet, system),
            () => Serialize(
                null, [.. listed.Select(l => ToJson(l.Port, l.Awaited, system.MessagePorts))], [], system.MessagePorts),
            [.. listed.Select(l => l.Port.Address)]);
    }

    private static List<Listed> Select(MessagePorts ports, bool withQuiet, out int count)
    {
        Dictionary<ulong, Listed> byPort = [];
        foreach (PortFacts port in ports.All)
            if (port.Kind == PortKind.Connection)
                byPort.Add(port.Address, new Listed(port, []));
        foreach (PortFacts port in ports.All)
            if (port.Kind is PortKind.Server or PortKind.Client
                && byPort.TryGetValue(port.Connection!.ConnectionPort, out Listed? of))
            {
                of.NotReceived = Sum(of.NotReceived, port.NotReceived);
                of.ReplyOwed = Sum(of.ReplyOwed, port.ReplyOwed);
            }
        foreach (MessageFacts message in ports.Awaited)
            if (byPort.TryGetValue(message.ConnectionPort, out Listed? of))
                of.Awaited.Add(message);
        count = byPort.Count;
        List<Listed> listed = [];
        foreach (Listed candidate in byPort.Values)
        {
            candidate.Connections = ports.ConnectionsTo(candidate.Port).Count;
            if (withQuiet || candidate.Awaited.Count > 0 || candidate.NotReceived > 0 || candidate.ReplyOwed > 0
                || candidate.Port.Cancelled > 0)
                listed.Add(candidate);
        }
        listed.Sort(Compare);
        return listed;
    }

    private static uint? Sum(uint? a, uint? b) => a is null ? b : b is null ? a : unchecked(a + b);

    private static int Compare(Listed a, Listed b)
    {
        int order = b.Awaited.Count.CompareTo(a.Awaited.Count);
        order = order != 0 ? order
            : (b.Oldest?.Waiter?.Age ?? TimeSpan.MinValue).CompareTo(a.Oldest?.Waiter?.Age ?? TimeSpan.MinValue);
        order = order != 0 ? order : (b.NotReceived ?? 0).CompareTo(a.NotReceived ?? 0);
        order = order != 0 ? order : (b.ReplyOwed ?? 0).CompareTo(a.ReplyOwed ?? 0);
        return order != 0 ? order : a.Port.Address.CompareTo(b.Port.Address);
    }

    private static Document ArrangeAll(List<Listed> listed, int count, bool withQuiet, WindowsSystem system)
    {
        Document document = new();
        if (listed.Count > 0)
        {
            document.Add(new TableBlock(
                [
                    new("Connection port"), new("Name", CanShrink: true), new("New", Align.Right), new("Owed", Align.Right),
                    new("Waiting", Align.Right), new("Longest", Align.Right), new("Connections", Align.Right),
                    new("Owner", CanShrink: true),
                ],
                listed.Select(l => (IReadOnlyList<Span>)
                [
                    Links.ToPort(l.Port.Address), l.Port.Name ?? ThreadCells.NotRecorded, MessageWords.Count(l.NotReceived),
                    MessageWords.Count(l.ReplyOwed), MessageWords.Count((uint)l.Awaited.Count),
                    AgeText.Format(l.Oldest?.Waiter?.Age), $"{l.Connections:N0}",
                    l.Port.Owner is { } owner
                        ? new Span(owner.Title, Tone.Normal, Links.CommandFor(owner)) : ThreadCells.NotRecorded,
                ])));
            document.Blank();
            document.Add(PortDocument.Legend + "; with those at the ports of its connections");
        }
        document.Add(withQuiet ? $"{ChainDocument.Count(count, "connection port")}"
            : $"{listed.Count:N0} of {ChainDocument.Count(count, "connection port")} with waiting threads or messages" +
                (count > listed.Count ? "; -a lists all" : ""));
        PortDocument.AddProblem(document, system.MessagePorts);
        return document;
    }

    private static CommandOutput Of(CommandSession session, ProcessFacts process)
    {
        MessagePorts ports = session.Windows.MessagePorts;
        List<PortFacts> made = [], connected = [];
        foreach (PortFacts port in ports.All)
            if (port.OwnerAddress == process.Address.Value)
            {
                if (port.Kind is PortKind.Connection or PortKind.Unknown)
                    made.Add(port);
                else if (port.Kind == PortKind.Client)
                    connected.Add(port);
            }
        return new CommandOutput(PortDocument.OfProcess(process, made, connected, session.Windows),
            () => Serialize(process, [.. made.Select(p => ToJson(p, AwaitedThrough(p, ports), ports))],
                [.. connected.Select(p => Pair(p.Connection!, ports))], ports),
            [.. made.Select(p => p.Address), .. connected.Select(p => p.Address)]);
    }

    private static CommandOutput One(CommandSession session, PortFacts port)
    {
        MessagePorts ports = session.Windows.MessagePorts;
        IReadOnlyList<MessageFacts> messages = ports.MessagesAt(port);
        PortServers? servers = ports.ServersOf(port);
        return new CommandOutput(PortDocument.OfPort(port, messages, servers, session),
            () => Serialize(null, [ToJson(port, AwaitedThrough(port, ports), ports) with
            {
                Messages = [.. messages.Select(MessageWords.ToJson)],
                ServingThreads = servers is null
                    ? null : [.. servers.Threads.Select(t => VerdictJsonMapper.Hex(t.Address.Value))],
                FreeThreads = servers?.Free,
            }], [], ports),
            [.. messages.Select(m => m.Address)]);
    }

    private static List<MessageFacts> AwaitedThrough(PortFacts port, MessagePorts ports)
    {
        List<MessageFacts> awaited = [];
        foreach (MessageFacts message in ports.Awaited)
            if (message.QueuePort == port.Address || message.ConnectionPort == port.Address || message.OwnerPort == port.Address)
                awaited.Add(message);
        return awaited;
    }

    private static string Serialize(
        ProcessFacts? process, IReadOnlyList<ListedPortJson> listed, IReadOnlyList<PortPairJson> connectedTo,
        MessagePorts ports) =>
        JsonSerializer.Serialize(new LpcPortsJson("hanganalysis-lpcports/1",
            process is null ? null : VerdictJsonMapper.Hex(process.Address.Value), listed, connectedTo, ports.Problem),
            ReportJsonContext.Default.LpcPortsJson);

    private static ListedPortJson ToJson(PortFacts port, List<MessageFacts> awaited, MessagePorts ports) => new(
        MessageWords.ToJson(port), awaited.Count,
        VerdictJsonMapper.Age(MessageWords.Oldest(awaited)?.Waiter?.Age),
        [.. ports.ConnectionsTo(port).Select(c => Pair(c, ports))], null, null, null);

    private static PortPairJson Pair(PortConnection connection, MessagePorts ports) => new(
        Find(connection.ServerPort, ports), Find(connection.ClientPort, ports), Find(connection.ConnectionPort, ports));

    private static PortJson? Find(ulong address, MessagePorts ports) =>
        ports.Find(address) is { } port ? MessageWords.ToJson(port) : null;
}
