using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!msg</c>: one message between processes.</summary>
internal sealed class MsgCommand : ICommand
{
    private const int LabelWidth = 14;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "msg",
        "shows one message: who sent it, who waits for the reply, who received it, at which port it is",
        "!msg MESSAGE | THREAD [/json] [/q]",
        CommandHelp.ListingOptions,
        [("!msg ffffce0e5b04dcf0", "one message, by its address"),
            ("!msg ffffab06b1b28800", "the message that a thread awaits the reply to")])
    {
        Subject = "ALPC messages",
    };

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count != 1)
            throw new CommandUsageException("!msg: name a message, or a thread that waits for the reply to one; see !msg /?");
        WindowsSystem system = session.RequireWindows(Help.Name);
        if (system.MessagePorts.Absence is { } absence)
            throw new CommandDeclinedException($"!msg: {absence}");
        MessageFacts? message = Find(session, arguments.Words[0], out string? problem);
        PortServers? servers = message is null ? null : Servers(message, system);
        string? summary = message?.Waiter is { } waiter ? new WaitTree(system, waiter).Summary.ToString() : null;
        return new CommandOutput(
            message is null ? new Document().Add(problem!) : Arrange(message, session),
            () => JsonSerializer.Serialize(
                new MsgJson("hanganalysis-msg/1", message is null ? null : MessageWords.ToJson(message), problem,
                    servers?.Threads.Count, servers?.Free, summary), ReportJsonContext.Default.MsgJson),
            message is null ? [] : [message.Address]);
    }

    /// <summary>The message that a word means, or why there is none.</summary>
    private static MessageFacts? Find(CommandSession session, string word, out string? problem)
    {
        WindowsSystem system = session.Windows;
        ulong value = session.ParseAddress(word);
        // Addresses of messages are the kernel's, and identifiers of threads small numbers.
        ThreadFacts? thread = system.FindThread(value) ?? (system.IsKernel(value) ? null : session.FindThread(word));
        if (thread is not null)
        {
            MessageFacts? awaited = system.MessagePorts.FindAwaited(thread, out string? why);
            string what = why is null ? "waits for the reply to no message" : $"waits for a reply, and {why}";
            problem = awaited is not null ? null : $"thread {thread.Address.Value:x16} of {thread.Process.Title} {what}";
            return awaited;
        }
        MessageFacts? message = system.MessagePorts.FindMessage(value, out string? reason);
        problem = message is not null ? null
            : system.FindProcess(value) is { } process ? $"{value:x16} is the process {process.Title}; see !lpcwait {value:x16}"
            : system.MessagePorts.Find(value) is { } port
                ? $"{value:x16} is a {MessageWords.Of(port.Kind)}; see !lpcports {value:x16}"
            : $"{value:x16} is no message: {reason}";
        return message;
    }

    private static PortServers? Servers(MessageFacts message, WindowsSystem system) =>
        Awaiting(message, system) is { } port ? system.MessagePorts.ServersOf(port) : null;

    /// <summary>The port at which the message is to be received.</summary>
    private static PortFacts? Awaiting(MessageFacts message, WindowsSystem system) =>
        system.MessagePorts.Find(message.QueuePort != 0 ? message.QueuePort : message.ConnectionPort);

    private static Document Arrange(MessageFacts message, CommandSession session)
    {
        WindowsSystem system = session.Windows;
        Document document = new();
        string kind = message.Kind + (message.IsFromKernel ? " sent by the kernel" : "")
            + (message.IsCallback ? ", a call back to the client" : "");
        document.Add(new Span("ALPC message", Tone.Strong), $" {message.Address:x16}  {kind}; ",
            new Span(MessageWords.Meaning(message), message.Place == MessagePlace.Received ? Tone.Normal : Tone.Caution));
        document.Blank();
        AddSender(document, message);
        AddWaiter(document, message);
        AddReceiver(document, message, session);
        AddPlace(document, message, system);
        AddConnection(document, message, system);
        Add(document, "Numbers", $"message id {message.Id:x}, callback id {message.CallbackId:x}, {Lengths(message)}");
        Add(document, "Marks", Marks(message));
        if (message.Waiter is { } waiter)
        {
            document.Blank();
            document.Add(new LineBlock([new Span("WHY".PadRight(LabelWidth), Tone.Bad),
                .. Links.ToSpans(new WaitTree(system, waiter).Summary, system)], [], 0, LabelWidth));
        }
        document.Blank();
        AddNext(document, message);
        return document;
    }

    private static void AddSender(Document document, MessageFacts message)
    {
        string ids = $"{message.SenderProcessId:x}.{message.SenderThreadId:x}";
        if (message.Sender is { } sender)
            Add(document, "Sent by", Process(sender.Process), "  thread ", Links.To(sender.Address), $"  {ids}");
        else
            Add(document, "Sent by", message.SenderProcess is { } process ? Process(process) : $"process {message.SenderProcessId:x}",
                message.SenderThreadId == 0 ? ", thread not recorded" : $", thread {ids}, which is in no process's list");
    }

    private static void AddWaiter(Document document, MessageFacts message)
    {
        if (message.Waiter is { } waiter)
            Add(document, "Waiting", Process(waiter.Process), "  thread ", Links.To(waiter.Address), "  ",
                new Span(AgeText.Format(waiter.Age), Tone.Strong));
        else
            Add(document, "Waiting", message.WaiterAddress == 0
                ? "no thread waits for the reply"
                : $"recorded is thread {message.WaiterAddress:x16}, which does not wait for this message now");
    }

    private static void AddReceiver(Document document, MessageFacts message, CommandSession session)
    {
        WindowsSystem system = session.Windows;
        if (message.Receiver is { } receiver)
        {
            List<Span> text = [Process(receiver.Process), "  thread ", Links.To(receiver.Address)];
            if (system.DescribeLandmark(system.GetStack(receiver)) is { } landmark)
                text.Add($"  {landmark}");
            Add(document, "Received by", text);
            Phrase? waits = session.Chains.HasSteps(receiver)
                ? session.Chains.Follow(receiver).Links[0].WaitsFor : system.DescribeWait(receiver);
            string state = receiver.Activity == ThreadActivity.Waiting ? "waits" : $"is {receiver.State}";
            List<Span> doing = [$"which {state} {AgeText.Format(receiver.Age)}"];
            if (waits is not null)
                doing.AddRange([": ", .. Links.ToSpans(waits, system)]);
            Add(document, "", doing);
        }
        else if (message.ReceiverAddress != 0)
            Add(document, "Received by", $"thread {message.ReceiverAddress:x16}, which is in no process's list");
        else
            Add(document, "Received by", message.Place == MessagePlace.Received ? "not recorded" : "nobody");
    }

    private static void AddPlace(Document document, MessageFacts message, WindowsSystem system)
    {
        List<Span> owed = message.Answerer is { } answerer ? [Process(answerer), "  ", Links.To(answerer)]
            : message.AnswererAddress == 0 ? ["nobody: its port has no owner any more"]
            : [$"{message.AnswererAddress:x16}, which is in no list of processes"];
        Add(document, "Addressed to", owed);
        if (message.QueuePort == 0)
            Add(document, "Queue", "none");
        else
            Add(document, "Queue", [message.Queue is { } queue ? $"{queue} queue of " : "none of the queues of ",
                .. Port(message.QueuePort, system)]);
        if (Awaiting(message, system) is { Kind: not PortKind.Client } port)
            Add(document, "", MessageWords.Describe(port, system.MessagePorts.ServersOf(port)));
    }

    private static void AddConnection(Document document, MessageFacts message, WindowsSystem system)
    {
        if (message.OwnerPort != 0)
            Add(document, "Sent through", [.. Port(message.OwnerPort, system)]);
        PortConnection? connection = system.MessagePorts.FindConnection(message.Connection);
        ulong server = connection?.ServerPort ?? 0, client = connection?.ClientPort ?? 0;
        string name = message.PortName is { } known ? $" ({known})" : "";
        Add(document, "Connection", "port ", MessageWords.Port(message.ConnectionPort), $"{name}, server's end ",
            MessageWords.Port(server), ", client's end ", MessageWords.Port(client));
        if (message.Connection != 0)
            Add(document, "", "record ", new Span($"{message.Connection:x16}", Tone.Normal,
                $"dt nt!_ALPC_COMMUNICATION_INFO 0x{message.Connection:x16}"));
    }

    private static void AddNext(Document document, MessageFacts message)
    {
        List<string> commands = [];
        if (message.Waiter is { } waiter)
            commands.Add($"!lpcchain {waiter.Address.Value:x16}");
        if (message.Answerer is { } answerer)
            commands.Add($"!lpcwait {answerer.Address.Value:x16}");
        if (message.QueuePort != 0 || message.ConnectionPort != 0)
            commands.Add($"!lpcports {(message.QueuePort != 0 ? message.QueuePort : message.ConnectionPort):x16}");
        commands.Add($"dt nt!_KALPC_MESSAGE 0x{message.Address:x16}");
        List<Span> spans = [];
        foreach (string command in commands)
        {
            if (spans.Count > 0)
                spans.Add(" · ");
            spans.Add(new Span(command, Tone.Normal, command));
        }
        Add(document, "Next", spans);
    }

    private static string Lengths(MessageFacts message) => message is { DataLength: { } data, TotalLength: { } total }
        ? $"{data:N0} bytes of data, {total:N0} in all"
        : "lengths not recorded";

    private static string Marks(MessageFacts message)
    {
        List<string> marks = [];
        if (message.IsReady is { } ready)
            marks.Add(ready ? "ready" : "not ready");
        marks.Add(message.IsCancelled ? "cancelled" : "not cancelled");
        if (message.IsReplyWaitReply == true)
            marks.Add("the receiver replies and waits for a reply again");
        return string.Join(", ", marks);
    }

    private static Span Process(ProcessFacts process) => new(process.Title, Tone.Strong, Links.CommandFor(process));

    private static IEnumerable<Span> Port(ulong address, WindowsSystem system)
    {
        PortFacts? port = system.MessagePorts.Find(address);
        yield return port is null ? "" : $"the {MessageWords.Of(port.Kind)} ";
        yield return Links.ToPort(address);
        if (port?.Owner is { } owner)
        {
            yield return " of ";
            yield return new Span(owner.Title, Tone.Normal, Links.CommandFor(owner));
        }
        if (port is { IsClosed: true })
            yield return ", which is closed";
    }

    private static void Add(Document document, string label, params IReadOnlyList<Span> text) =>
        document.Add(new LineBlock([new Span(label.PadRight(LabelWidth), Tone.Strong), .. text], [], 0, LabelWidth));
}
