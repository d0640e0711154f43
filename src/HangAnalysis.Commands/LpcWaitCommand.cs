using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!lpcwait</c>: threads that wait for replies, by the server that owes them.</summary>
internal sealed class LpcWaitCommand : ICommand
{
    /// <summary>Threads whose message cannot be had that are named.</summary>
    private const int MostWithoutMessage = 5;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "lpcwait",
        "lists threads that wait for the reply to a message, by server process and port, the most awaited first",
        "!lpcwait [PROCESS] [-p PROCESS] [/json] [/q]",
        [new("p", "PROCESS", "waiting threads of one process, by its address or identifier"), .. CommandHelp.ListingOptions],
        [("!lpcwait", "every thread that waits for a reply"),
            ("!lpcwait ffffab06b8137800", "those that wait for one server process, by its address or identifier"),
            ("!lpcwait -p 3a4", "those of one client process"),
            (".foreach (t {!lpcwait /q}) {!why ${t}}", "says why each of them does not go on")])
    {
        Subject = "ALPC messages",
    };

    /// <summary>A process that owes replies at one port; a client that does is one that its server has called back.</summary>
    private sealed record Server(ulong Address, ProcessFacts? Process, ulong Port, bool IsCallback, List<MessageFacts> Waiting)
    {
        public TimeSpan? Longest => MessageWords.Oldest(Waiting)?.Waiter?.Age;
    }

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!lpcwait: one server process at a time; see !lpcwait /?");
        WindowsSystem system = session.RequireWindows(Help.Name);
        if (system.MessagePorts.Absence is { } absence)
            throw new CommandDeclinedException($"!lpcwait: {absence}");
        ProcessFacts? server = arguments.Words.Count == 0 ? null : session.FindProcess(arguments.Words[0]);
        ProcessFacts? client = arguments.Value("p") is { } named ? session.FindProcess(named) : null;
        List<Server> servers = Select(system, server, client);
        return new CommandOutput(Arrange(servers, session, server, client),
            () => JsonSerializer.Serialize(ToJson(servers, system), ReportJsonContext.Default.LpcWaitJson),
            [.. servers.SelectMany(s => s.Waiting).Select(m => m.WaiterAddress)]);
    }

    private static List<Server> Select(WindowsSystem system, ProcessFacts? server, ProcessFacts? client)
    {
        Dictionary<(ulong, ulong, bool), Server> servers = [];
        foreach (MessageFacts message in system.MessagePorts.Awaited)
        {
            if ((server is not null && message.Answerer != server) || (client is not null && message.Waiter?.Process != client))
                continue;
            (ulong, ulong, bool) key = (message.AnswererAddress, message.ConnectionPort, message.IsCallback);
            if (!servers.TryGetValue(key, out Server? known))
                servers.Add(key, known = new Server(
                    message.AnswererAddress, message.Answerer, message.ConnectionPort, message.IsCallback, []));
            known.Waiting.Add(message);
        }
        List<Server> sorted = [.. servers.Values];
        foreach (Server one in sorted)
            one.Waiting.Sort(MessageWords.CompareAge);
        sorted.Sort(Compare);
        return sorted;
    }

    private static int Compare(Server a, Server b)
    {
        int order = b.Waiting.Count.CompareTo(a.Waiting.Count);
        order = order != 0 ? order : (b.Longest ?? TimeSpan.MinValue).CompareTo(a.Longest ?? TimeSpan.MinValue);
        return order != 0 ? order : a.Port.CompareTo(b.Port);
    }

    private static Document Arrange(List<Server> servers, CommandSession session, ProcessFacts? server, ProcessFacts? client)
    {
        WindowsSystem system = session.Windows;
        Document document = new();
        foreach (Server one in servers)
        {
            AddHeader(document, one, system);
            document.Blank();
            bool back = one.IsCallback;
            document.Add(new TableBlock(
                [
                    new(back ? "Server thread" : "Client thread"), new("Wait", Align.Right), new("Message"),
                    new(back ? "Received by" : "Server thread"), new("PID", Align.Right),
                    new(back ? "Server image" : "Client image", CanShrink: true),
                ],
                one.Waiting.Select(m => Row(m, system)), 2));
            document.Blank();
            document.Add(new LineBlock([$"{ChainDocument.Count(one.Waiting.Count, "thread")} waiting"], [], 2));
            document.Blank();
        }
        AddFooter(document, servers, system, server, client);
        if (session.Cancellation.IsCancellationRequested)
            document.Add("interrupted: not all threads were looked at");
        return document;
    }

    private static void AddHeader(Document document, Server server, WindowsSystem system)
    {
        string role = server.IsCallback ? "Client Process" : "Server Process";
        Span process = server.Process is { } known ? Links.To(known)
            : server.Address != 0 ? $"{server.Address:x16}" : new Span("not recorded", Tone.Caution);
        string? image = server.Process is null ? null : system.GetImagePath(server.Process) ?? server.Process.Name;
        document.Add(new LineBlock(
            [
                new Span(role, Tone.Strong), " ", process, "  ", new Span("Connection Port", Tone.Strong), " ",
                MessageWords.Port(server.Port), image is null ? "" : $"  ({image})",
            ], [], 0, 2));
        string who = server.Process is { } owner ? $"{owner.Title}{(server.IsCallback ? ", called back by its server" : "")}"
            : server.Address != 0 ? "the port's owner is in no list of processes" : "the port has no owner any more";
        string text = server.Waiting[0].PortName is { } name ? $"{who}, port {name}" : who;
        PortFacts? port = system.MessagePorts.Find(server.Port);
        if (port is { IsClosed: true })
            text += ", which is closed";
        // Which threads of a client receive calls of its server is its own affair.
        if (port is not null && !server.IsCallback)
            text += $": {MessageWords.Describe(port, system.MessagePorts.ServersOf(port))}";
        document.Add(new LineBlock([text], [], 2));
    }

    private static IReadOnlyList<Span> Row(MessageFacts message, WindowsSystem system)
    {
        ThreadFacts waiter = message.Waiter!;
        return
        [
            Links.To(waiter.Address), AgeText.Format(waiter.Age), Links.ToMessage(message.Address),
            MessageWords.Receiver(message), waiter.Process.IdText,
            new Span(system.GetImagePath(waiter.Process) ?? waiter.Process.Name, Tone.Normal, Links.CommandFor(waiter.Process)),
        ];
    }

    private static void AddFooter(
        Document document, List<Server> servers, WindowsSystem system, ProcessFacts? server, ProcessFacts? client)
    {
        int threads = 0, received = 0, cancelled = 0;
        TimeSpan? longest = null;
        foreach (Server one in servers)
        {
            threads += one.Waiting.Count;
            longest = one.Longest is { } age && !(longest >= age) ? age : longest;
            foreach (MessageFacts message in one.Waiting)
            {
                received += message.Place == MessagePlace.Received ? 1 : 0;
                cancelled += message.Place == MessagePlace.Cancelled ? 1 : 0;
            }
        }
        string whose = client is null ? "" : $" of {client.Title}";
        string whom = server is null ? "" : $" of {server.Title}";
        if (threads == 0)
            document.Add($"no thread{whose} waits for the reply to a message{(server is null ? "" : $" by {server.Title}")}");
        else
        {
            string others = cancelled == 0 ? "" : $", {cancelled:N0} cancelled";
            document.Add($"{ChainDocument.Count(threads, "thread")}{whose} wait{(threads == 1 ? "s" : "")} for replies at " +
                $"{ChainDocument.Count(servers.Count, "port")}{whom}, the longest {AgeText.Format(longest)}; " +
                $"{received:N0} received, {threads - received - cancelled:N0} not received{others}");
        }
        IReadOnlyList<(ThreadFacts Thread, string Why)> without = system.MessagePorts.WithoutMessage;
        for (int i = 0; i < without.Count && i < MostWithoutMessage; i++)
            document.Add("not shown: thread ", Links.To(without[i].Thread.Address),
                $" of {without[i].Thread.Process.Title}: {without[i].Why}");
        if (without.Count > MostWithoutMessage)
            document.Add($"… and {without.Count - MostWithoutMessage:N0} more threads not shown; see /json");
    }

    private static LpcWaitJson ToJson(List<Server> servers, WindowsSystem system) => new("hanganalysis-lpcwait/1",
        [.. servers.Select(s => ToJson(s, system))], servers.Sum(s => s.Waiting.Count),
        [.. system.MessagePorts.WithoutMessage.Select(w => new ReasonJson($"thread {w.Thread.Address.Value:x16}", w.Why))]);

    private static LpcServerJson ToJson(Server server, WindowsSystem system)
    {
        PortServers? servers = !server.IsCallback && system.MessagePorts.Find(server.Port) is { } port
            ? system.MessagePorts.ServersOf(port) : null;
        return new LpcServerJson(MessageWords.Address(server.Address), server.Process?.Name, server.Process?.Id,
            server.Process is null ? null : system.GetImagePath(server.Process), MessageWords.Address(server.Port),
            server.Waiting[0].PortName, server.IsCallback, servers?.Threads.Count, servers?.Free,
            VerdictJsonMapper.Age(server.Longest),
            [.. server.Waiting.Select(
                m => new WaitingMessageJson(system.GetImagePath(m.Waiter!.Process), MessageWords.ToJson(m)))]);
    }
}
