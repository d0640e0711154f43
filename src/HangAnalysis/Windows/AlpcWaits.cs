using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that wait for the reply to an ALPC message.</summary>
/// <remarks>
/// A message that a thread has received names it. One that nobody has received lies in a port's queue: then the port's
/// owner is the next step, and from it <see cref="AlpcServers"/> goes on. Who waits is checked from both sides: the
/// thread's message must name the thread. The waiter's own port tells its side of the connection: a server that waits at
/// its own port has called its client back, and the client owes the reply.
/// </remarks>
internal sealed class AlpcWaits(
    WindowsSystem system, AlpcReader reader, AlpcServers servers, ObjectNames names, WaitGraphBuilder graph)
{
    /// <summary>Adds the steps of one thread.</summary>
    public void Add(ThreadFacts thread)
    {
        if (thread.Message == 0 || !reader.IsKnown)
            return;
        ObjectReference from = ObjectReference.To(thread.Address);
        ObjectReference messageReference = new(ObjectKind.Message, thread.Message);
        string evidence = $"dt nt!_KALPC_MESSAGE {thread.Message:x16}";
        if (reader.ReadMessage(thread.Message) is not { } message)
        {
            system.Session.AddUnknown($"what thread {thread.Address.Value:x16} waits for",
                $"its ALPC message {thread.Message:x16} is not in the dump");
            return;
        }
        bool proven = message.WaitingThread == thread.Address.Value;
        if (!proven)
        {
            system.Session.AddUnknown($"whose reply thread {thread.Address.Value:x16} waits for",
                $"its ALPC message {thread.Message:x16} names another waiting thread ({message.WaitingThread:x16})");
            return;
        }
        ObjectReference port = new(ObjectKind.Port, message.PortQueue);
        string kind = message.IsConnectionRequest ? "acceptance of connection request"
            : reader.IsCallback(message) ? "reply of its client to ALPC message" : "reply to ALPC message";
        Phrase what = message.PortQueue != 0
            ? Phrase.Of($"{kind} {messageReference}, queued at port {port}")
            : Phrase.Of($"{kind} {messageReference}");
        graph.Add(from, messageReference, what, Certainty.Proven, evidence);
        (ulong ownerAddress, string? portName) = FindOwner(message);
        ProcessFacts? owner = system.FindProcess(ownerAddress);
        graph.Describe(new ObjectFacts(messageReference, "ALPC message", portName,
            owner is null ? Phrase.Of(Absence(ownerAddress)) : null));
        if (message.ServerThread != 0)
            AddServerThread(messageReference, message, owner, evidence);
        else if (owner is not null)
            AddServerProcess(messageReference, message, owner, evidence);
        else
            system.Session.AddUnknown($"who should answer ALPC message {message.Address:x16}", Absence(ownerAddress));
    }

    private static string Absence(ulong ownerAddress) => ownerAddress == 0
        ? "its port has no owner any more"
        : $"its port's owner {ownerAddress:x16} is no process in the list";

    private void AddServerThread(ObjectReference from, in AlpcMessage message, ProcessFacts? owner, string evidence)
    {
        ThreadFacts? server = system.FindThread(message.ServerThread);
        if (server is null)
        {
            system.Session.AddUnknown($"the server of ALPC message {message.Address:x16}",
                $"its server thread {message.ServerThread:x16} is not in any process's list");
            if (owner is not null)
                graph.Add(from, ObjectReference.To(owner.Address), Phrase.Of("received by a thread that is gone"),
                    Certainty.Inferred, evidence);
            return;
        }
        if (server.WaitReason is "WrLpcReceive" or "WrQueue")
        {
            // It took the message and went back for the next one: the answer is owed, but not by this thread.
            graph.Add(from, ObjectReference.To(server.Process.Address),
                Phrase.Of($"received by thread {ObjectReference.To(server.Address)}, which waits for work again: the reply is owed by {server.Process}"),
                Certainty.Inferred, evidence);
            servers.FollowBlockedThreads(server.Process);
            return;
        }
        bool ownerAgrees = owner is null || owner == server.Process;
        graph.Add(from, ObjectReference.To(server.Address),
            Phrase.Of($"received by thread {ObjectReference.To(server.Address)} of {server.Process}"),
            ownerAgrees ? Certainty.Proven : Certainty.Inferred, evidence);
    }

    private void AddServerProcess(ObjectReference from, in AlpcMessage message, ProcessFacts owner, string evidence)
    {
        AlpcQueue queue = reader.FindQueue(message);
        string state = queue switch
        {
            _ when owner.HasExited => "it has exited without an answer",
            AlpcQueue.Main => servers.DescribeUnreceived(owner, message.PortQueue),
            _ when message.IsCanceled => "the message was cancelled, and its sender still waits",
            AlpcQueue.Large => "no thread has received it: it waits for a receiver with a larger buffer",
            AlpcQueue.Pending => "a thread has received it, which one is not recorded",
            AlpcQueue.Direct => "it was handed to a thread that has not taken it",
            AlpcQueue.Canceled => "the message was cancelled, and its sender still waits",
            _ => "it owes the reply; the message is in none of its port's queues",
        };
        graph.Add(from, ObjectReference.To(owner.Address), Phrase.Of($"{owner}: {state}"),
            queue is AlpcQueue.Main or AlpcQueue.Large or AlpcQueue.Direct ? Certainty.Proven : Certainty.Inferred, evidence);
        servers.FollowBlockedThreads(owner);
    }

    /// <summary>The process that should answer, and the name of the port it listens on.</summary>
    private (ulong Process, string? PortName) FindOwner(in AlpcMessage message)
    {
        (ulong process, ulong connectionPort) = reader.FindAnswerer(message);
        return (process, names.Find(connectionPort) ?? names.Find(message.PortQueue));
    }
}
